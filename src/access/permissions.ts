import * as z from 'zod';
import { isWildcard, validatePattern } from '../protocol/index.ts';
import type { Identity } from './identity.ts';
import { symbolRule } from './symbol-rule.ts';

/** Symbols and patterns that one permission of a token may hold. */
const PATTERNS_MAX = 1000;
/** Those with a `*` among them: where a session subscribes to `*`, each is held against every symbol there is. */
const WILDCARDS_MAX = 64;

// Cc: control characters, which would break lines of logs. Cs: lone surrogates, no UTF-8 has them.
const UNFIT_FOR_LOGS = /[\p{Cc}\p{Cs}]/u;

function wholeNumber(max: number) {
  const error = `an integer from 1 to ${max}`;
  return z.int({ error }).min(1, { error }).max(max, { error }).optional();
}

/** A text of 1 to 128 characters without control characters, for names that get into logs. */
export function nameText() {
  const error = 'a text of 1 to 128 characters, without control characters';
  return z
    .string({ error })
    .refine((text) => text !== '' && text.length <= 128 && !UNFIT_FOR_LOGS.test(text), { error });
}

function patternList() {
  const patternError = 'a symbol, or a pattern with *, of 1 to 32 characters';
  const pattern = z
    .string({ error: patternError })
    .refine((text) => validatePattern(text) === undefined, { error: patternError });
  const error = `an array of at most ${PATTERNS_MAX} symbols and patterns, ${WILDCARDS_MAX} of them with *`;
  return z
    .array(pattern, { error })
    .max(PATTERNS_MAX, { error })
    .refine((patterns) => patterns.filter(isWildcard).length <= WILDCARDS_MAX, { error })
    .optional();
}

const TENANT_EXPECTED = 'a name of 1 to 32 of A-Z a-z 0-9 . _ -';

/** What may be said of a client's permissions: the members of a token's claim and of an API key alike. */
export const permissionShape = {
  tenant: z
    .string({ error: TENANT_EXPECTED })
    .regex(/^[A-Za-z0-9._-]{1,32}$/, { error: TENANT_EXPECTED })
    .optional(),
  publish: patternList(),
  read: patternList(),
  operator: z.boolean({ error: 'true or false' }).optional(),
  connectionsMax: wholeNumber(1_048_576),
  ticksPerSecond: wholeNumber(1_000_000_000),
  requestsPerSecond: wholeNumber(1_000_000),
};

const EXPECTED_MEMBERS = `an object with members of ${Object.keys(permissionShape).join(', ')} alone`;

/** An object of permissions and nothing else. */
export const permissionsSchema = z.strictObject(permissionShape, {
  error: (issue) =>
    issue.code === 'unrecognized_keys'
      ? `one of ${Object.keys(permissionShape).join(', ')}`
      : EXPECTED_MEMBERS,
});

/** Permissions as an issuer writes them. */
export type Permissions = z.output<typeof permissionsSchema>;

type Permitted = Pick<Identity, 'tenant' | 'publish' | 'read' | 'isOperator' | 'limits'>;

/** What an identity has by its permissions: what is absent is not allowed. */
export function permitted(permissions: Permissions): Permitted {
  const { connectionsMax, ticksPerSecond, requestsPerSecond } = permissions;
  return {
    tenant: permissions.tenant ?? '',
    publish: symbolRule(permissions.publish ?? []),
    read: symbolRule(permissions.read ?? []),
    isOperator: permissions.operator ?? false,
    limits: { connectionsMax, ticksPerSecond, requestsPerSecond },
  };
}
