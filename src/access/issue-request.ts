import { describeInvalidClaim } from './claim-fault.ts';
import { nameText, type Permissions, permissionsSchema } from './permissions.ts';

/** A token or API key to be made. Its members come from a command line and are not checked yet. */
export interface IssueRequest {
  /** The subject of a token, the id of an API key. */
  readonly name: string;
  /** Members of `Permissions`. */
  readonly permissions: object;
  /** How long it is to be valid, ms; undefined: for ever. */
  readonly lifetimeMs: number | undefined;
}

/** A token or API key that cannot be made. The message says why. */
export class IssueError extends Error {
  override readonly name = 'IssueError';
}

/** What a request asks for, if it may. @throws IssueError */
export function checkedRequest({ name, permissions }: IssueRequest): {
  readonly name: string;
  readonly permissions: Permissions;
} {
  const goodName = nameText().safeParse(name);
  if (!goodName.success) {
    const [issue] = goodName.error.issues;
    throw new IssueError(`its name: expected ${issue?.message}`);
  }
  const { data, error } = permissionsSchema.safeParse(permissions);
  if (error !== undefined) throw new IssueError(describeInvalidClaim(error, permissions));
  return { name, permissions: data };
}
