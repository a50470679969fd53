import * as z from 'zod';
import { describeInvalidClaim } from './claim-fault.ts';
import type { Identity } from './identity.ts';
import { KeyFileError } from './key-file-error.ts';
import { nameText, permissionShape, permitted } from './permissions.ts';

/** An API key as the server knows it. */
export interface ApiKey {
  /** The SHA-256 of the key, 32 bytes. */
  readonly digest: Buffer;
  readonly identity: Identity;
  /** Its entry in the file, as text to be compared with. */
  readonly entry: string;
}

/** Each key that is shown is compared with all of these: with 1000, that costs some 70 µs, as a signature does. */
const KEYS_MAX = 1_000;

const HASH_EXPECTED = '"sha256:" and 64 hexadecimal digits';
const EXPIRY_EXPECTED = 'a time such as 2030-01-31T00:00:00Z';
const FILE_EXPECTED = 'an object {"keys": [...]}';

const hash = z
  .string({ error: HASH_EXPECTED })
  .regex(/^sha256:[0-9a-f]{64}$/i, { error: HASH_EXPECTED });

const entryShape = {
  id: nameText(),
  hash,
  ...permissionShape,
  expiresAt: z.iso.datetime({ offset: true, error: EXPIRY_EXPECTED }).optional(),
};

const entry = z.strictObject(entryShape, {
  error: (issue) =>
    issue.code === 'unrecognized_keys'
      ? `one of ${Object.keys(entryShape).join(', ')}`
      : 'an object with an id and a hash',
});

const file = z.strictObject(
  {
    keys: z
      .array(entry, { error: 'an array of keys' })
      .max(KEYS_MAX, { error: `at most ${KEYS_MAX} keys` }),
  },
  { error: FILE_EXPECTED },
);

function apiKeyOf(written: z.output<typeof entry>): ApiKey {
  const { id, hash: hashText, expiresAt, ...permissions } = written;
  return {
    entry: JSON.stringify(written),
    digest: Buffer.from(hashText.slice('sha256:'.length), 'hex'),
    identity: {
      ...permitted(permissions),
      subject: id,
      tokenId: `key:${id}`,
      expiresAt: expiresAt === undefined ? Number.POSITIVE_INFINITY : Date.parse(expiresAt),
    },
  };
}

function demandDistinct(what: string, values: readonly string[]): void {
  const seen = new Set<string>();
  for (const [index, value] of values.entries()) {
    if (seen.has(value)) {
      throw new KeyFileError(
        `keys[${index}].${what}: expected one of its own, got that of another key`,
      );
    }
    seen.add(value);
  }
}

/** Whether somebody may have put a key there, not only its hash: as an entry, or beside permissions. */
function mayBeKey(path: readonly PropertyKey[]): boolean {
  const [, , member] = path;
  return member === undefined || member === 'id' || member === 'hash';
}

/** The API keys in the text of a file. @throws KeyFileError */
export function parseApiKeys(text: string): readonly ApiKey[] {
  let json: unknown;
  try {
    json = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch {
    throw new KeyFileError(`expected ${FILE_EXPECTED}, got something that is not JSON`);
  }
  const { data, error } = file.safeParse(json);
  if (error !== undefined) throw new KeyFileError(describeInvalidClaim(error, json, mayBeKey));
  const keys = data.keys.map(apiKeyOf);
  demandDistinct(
    'id',
    keys.map(({ identity }) => identity.subject),
  );
  demandDistinct(
    'hash',
    keys.map(({ digest }) => digest.toString('hex')),
  );
  return keys;
}
