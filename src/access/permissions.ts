import * as z from 'zod';
import { isWildcard, validatePattern } from '../protocol/index.ts';
import { type Identity, symbolRule } from './identity.ts';

/** Symbols and patterns per permission. */
const PATTERNS_MAX = 1000;
/** Patterns with `*` among them: a subscription to `*` tests each against every symbol. */
const WILDCARDS_MAX = 64;

// Cc: control characters, which would break log lines. Cs: lone surrogates, which are not UTF-8.
const UNFIT_FOR_LOGS = /[\p{Cc}\p{Cs}]/u;

const TENANT_EXPECTED = 'a name of 1 to 32 of A-Z a-z 0-9 . _ -';
const EXPIRY_EXPECTED = 'seconds since 1970, up to the year 9999';

/** The last second of the year 9999. A later expiry is given in the wrong unit. */
const EXPIRY_SECONDS_MAX = 253_402_300_799;

function limit(max: number) {
  const error = `an integer from 1 to ${max}`;
  return z.int({ error }).min(1, { error }).max(max, { error }).optional();
}

/** A name that is safe to log: 1 to 128 characters, no control characters. */
export function nameText() {
  const error = 'a string of 1 to 128 characters, without control characters';
  return z
    .string({ error })
    .refine((text) => text !== '' && text.length <= 128 && !UNFIT_FOR_LOGS.test(text), { error });
}

function patternList() {
  const patternError = 'a symbol, or a pattern with *, of 1 to 32 characters';
  const pattern = z
    .string({ error: patternError })
    .refine((text) => validatePattern(text) === undefined, { error: patternError });
  const error =
    `an array of at most ${PATTERNS_MAX} symbols and patterns, ` +
    `at most ${WILDCARDS_MAX} of them with a *`;
  return z
    .array(pattern, { error })
    .max(PATTERNS_MAX, { error })
    .refine((patterns) => patterns.filter(isWildcard).length <= WILDCARDS_MAX, { error })
    .optional();
}

/** The permissions of a client, in a token's claim and in an API key's entry alike. */
export const permissionShape = {
  tenant: z
    .string({ error: TENANT_EXPECTED })
    .regex(/^[A-Za-z0-9._-]{1,32}$/, { error: TENANT_EXPECTED })
    .optional(),
  publish: patternList(),
  read: patternList(),
  operator: z.boolean({ error: 'true or false' }).optional(),
  connectionsMax: limit(1_048_576),
  ticksPerSecond: limit(1_000_000_000),
  requestsPerSecond: limit(1_000_000),
};

const MEMBERS = Object.keys(permissionShape).join(', ');

/** An object of permissions and nothing else. */
export const permissionsSchema = z.strictObject(permissionShape, {
  error: (issue) =>
    issue.code === 'unrecognized_keys' ? `one of ${MEMBERS}` : `an object of ${MEMBERS}`,
});

/** The claims of a signed token that are read. Others are ignored. */
export const claimsSchema = z.object({
  sub: nameText(),
  jti: nameText().optional(),
  exp: z
    .number({ error: EXPIRY_EXPECTED })
    .min(0, { error: EXPIRY_EXPECTED })
    .max(EXPIRY_SECONDS_MAX, { error: EXPIRY_EXPECTED }),
  tickwire: permissionsSchema.optional(),
});

/** Permissions as an issuer writes them. */
export type Permissions = z.output<typeof permissionsSchema>;

type Granted = Pick<Identity, 'tenant' | 'publish' | 'read' | 'isOperator' | 'limits'>;

/** The part of an identity that permissions determine. What is absent is not allowed. */
export function grant(permissions: Permissions): Granted {
  const { connectionsMax, ticksPerSecond, requestsPerSecond } = permissions;
  return {
    tenant: permissions.tenant ?? '',
    publish: symbolRule(permissions.publish ?? []),
    read: symbolRule(permissions.read ?? []),
    isOperator: permissions.operator ?? false,
    limits: { connectionsMax, ticksPerSecond, requestsPerSecond },
  };
}
