import { createHash, createSecretKey, randomBytes } from 'node:crypto';
import { SignJWT } from 'jose';
import type { Config } from '../config/schema.ts';
import { API_KEY_PREFIX } from './api-keys.ts';
import { IssueError } from './errors.ts';
import { describeIssue } from './fault-messages.ts';
import { nameText, type Permissions, permissionsSchema } from './permissions.ts';
import { TOKEN_LENGTH_MAX } from './signed-tokens.ts';

/** Random bytes per API key. With so many, a plain hash does not help to guess the key. */
const API_KEY_BYTES = 32;

/** A token or API key to issue, as the command line gives it: unchecked. */
export interface IssueRequest {
  /** The subject of a token, the id of an API key. */
  readonly name: string;
  /** Members of `Permissions`. */
  readonly permissions: object;
  /** Undefined: unlimited. */
  readonly lifetimeMs: number | undefined;
}

/** A new API key. */
export interface IssuedApiKey {
  /** For its bearer. Not stored anywhere. */
  readonly key: string;
  /** For the array `keys` of `auth.apiKeysFile`: JSON on one line. */
  readonly entry: string;
}

/** Generates an API key. @throws IssueError */
export function issueApiKey(request: IssueRequest): IssuedApiKey {
  const { lifetimeMs, name } = request;
  const permissions = checkRequest(request);
  const key = API_KEY_PREFIX + randomBytes(API_KEY_BYTES).toString('base64url');
  const hash = `sha256:${createHash('sha256').update(key).digest('hex')}`;
  const expiry =
    lifetimeMs === undefined ? {} : { expiresAt: new Date(Date.now() + lifetimeMs).toISOString() };
  return { key, entry: JSON.stringify({ id: name, hash, ...permissions, ...expiry }) };
}

/**
 * Signs a token (HS256) that a server with this configuration accepts.
 *
 * @throws IssueError (as a rejection) if there is no `auth.jwtSecret` or the request is invalid
 */
export async function issueToken(auth: Config['auth'], request: IssueRequest): Promise<string> {
  const { jwtSecret, issuer, audience } = auth;
  if (jwtSecret === '') {
    throw new IssueError('expected auth.jwtSecret, which signs tokens, to be set, got nothing');
  }
  const { lifetimeMs, name } = request;
  if (lifetimeMs === undefined) throw new IssueError('expected a lifetime, got nothing');
  const permissions = checkRequest(request);
  const now = Math.floor(Date.now() / 1000);
  const claims = new SignJWT({ tickwire: permissions })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setSubject(name)
    .setIssuedAt(now)
    .setExpirationTime(now + Math.ceil(lifetimeMs / 1000));
  if (issuer !== '') claims.setIssuer(issuer);
  if (audience !== '') claims.setAudience(audience);
  const token = await claims.sign(createSecretKey(jwtSecret, 'utf8'));
  if (token.length > TOKEN_LENGTH_MAX) {
    throw new IssueError(
      'expected symbols and patterns that fit a token ' +
        `of at most ${TOKEN_LENGTH_MAX} characters, got ${token.length}`,
    );
  }
  return token;
}

/** The permissions of a valid request. @throws IssueError */
function checkRequest({ name, permissions }: IssueRequest): Permissions {
  const checkedName = nameText().safeParse(name);
  if (!checkedName.success) {
    throw new IssueError(`name: expected ${checkedName.error.issues[0]?.message}`);
  }
  const { data, error } = permissionsSchema.safeParse(permissions);
  if (error !== undefined) throw new IssueError(describeIssue(error, permissions));
  return data;
}
