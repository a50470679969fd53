import { timingSafeEqual } from 'node:crypto';
import * as z from 'zod';
import { AccessError, KeyFileError } from './errors.ts';
import { describeIssue } from './fault-messages.ts';
import type { Identity } from './identity.ts';
import { readKeyFile } from './key-source.ts';
import { grant, nameText, permissionShape } from './permissions.ts';

/** The prefix that tells API keys from signed tokens. */
export const API_KEY_PREFIX = 'tw_';

/** Keys per file. A presented key is compared with each: 1000 take 70 µs, as a signature does. */
const KEYS_MAX = 1_000;

const HASH_EXPECTED = '"sha256:" and 64 hexadecimal digits';
const EXPIRY_EXPECTED = 'a time such as 2030-01-31T00:00:00Z';
const FILE_EXPECTED = 'an object {"keys": [...]}';

const entryShape = {
  id: nameText(),
  hash: z
    .string({ error: HASH_EXPECTED })
    .regex(/^sha256:[0-9a-f]{64}$/i, { error: HASH_EXPECTED }),
  ...permissionShape,
  expiresAt: z.iso.datetime({ offset: true, error: EXPIRY_EXPECTED }).optional(),
};

const entrySchema = z.strictObject(entryShape, {
  error: (issue) =>
    issue.code === 'unrecognized_keys'
      ? `one of ${Object.keys(entryShape).join(', ')}`
      : 'an object with an id and a hash',
});

const fileSchema = z.strictObject(
  {
    keys: z
      .array(entrySchema, { error: 'an array of keys' })
      .max(KEYS_MAX, { error: `at most ${KEYS_MAX} keys` }),
  },
  { error: FILE_EXPECTED },
);

/** An API key as the server knows it. */
interface ApiKey {
  /** The SHA-256 of the key, 32 bytes. */
  readonly digest: Buffer;
  readonly identity: Identity;
  /** Its entry in the file, to tell whether a reload changed it. */
  readonly entry: string;
}

/** The API keys of `auth.apiKeysFile`, which holds their hashes. */
export class ApiKeys {
  readonly #path: string;
  #keys: readonly ApiKey[];
  /** By digest, in hexadecimal: the current identities. */
  #identities: ReadonlyMap<string, Identity> = new Map();
  /** The digest behind each identity, current or replaced. */
  readonly #digests = new WeakMap<Identity, string>();

  private constructor(path: string, keys: readonly ApiKey[]) {
    this.#path = path;
    this.#keys = keys;
    this.#index();
  }

  /** @throws KeyFileError (as a rejection) */
  static async read(path: string): Promise<ApiKeys> {
    return new ApiKeys(path, await readKeyFile('auth.apiKeysFile', path, parseApiKeys));
  }

  /**
   * Compares with all bytes of every key, so that timing reveals nothing about a wrong key.
   *
   * @param digest the SHA-256 of the key, 32 bytes
   * @throws AccessError
   */
  identify(digest: Buffer): Identity {
    let found: Identity | undefined;
    for (const key of this.#keys) {
      found = timingSafeEqual(key.digest, digest) ? key.identity : found;
    }
    if (found === undefined) throw new AccessError('unknown API key');
    if (Date.now() >= found.expiresAt) {
      throw new AccessError(`the API key expired at ${new Date(found.expiresAt).toISOString()}`);
    }
    return found;
  }

  /** Reads the file again. On failure, keeps the old keys and rejects with a KeyFileError. */
  async reload(): Promise<void> {
    const keys = await readKeyFile('auth.apiKeysFile', this.#path, parseApiKeys);
    // An unchanged entry keeps its identity, and with it its sessions and limits.
    this.#keys = keys.map((key) => this.#keys.find((old) => old.entry === key.entry) ?? key);
    this.#index();
  }

  /** See `Authenticator.current`. */
  current(identity: Identity): Identity | undefined {
    const digest = this.#digests.get(identity);
    return digest === undefined ? identity : this.#identities.get(digest);
  }

  #index(): void {
    const entries = this.#keys.map(
      ({ digest, identity }) => [digest.toString('hex'), identity] as const,
    );
    for (const [digest, identity] of entries) this.#digests.set(identity, digest);
    this.#identities = new Map(entries);
  }
}

/** @throws KeyFileError */
function parseApiKeys(text: string): readonly ApiKey[] {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new KeyFileError(`expected ${FILE_EXPECTED}, got invalid JSON`);
  }
  const { data, error } = fileSchema.safeParse(json);
  if (error !== undefined) throw new KeyFileError(describeIssue(error, json, mayBeKey));
  const keys = data.keys.map(toApiKey);
  checkUnique(
    'id',
    keys.map(({ identity }) => identity.subject),
  );
  checkUnique(
    'hash',
    keys.map(({ digest }) => digest.toString('hex')),
  );
  return keys;
}

function toApiKey(entry: z.output<typeof entrySchema>): ApiKey {
  const { id, hash, expiresAt, ...permissions } = entry;
  return {
    entry: JSON.stringify(entry),
    digest: Buffer.from(hash.slice('sha256:'.length), 'hex'),
    identity: {
      ...grant(permissions),
      subject: id,
      tokenId: `key:${id}`,
      expiresAt: expiresAt === undefined ? Number.POSITIVE_INFINITY : Date.parse(expiresAt),
    },
  };
}

function checkUnique(member: string, values: readonly string[]): void {
  const index = values.findIndex((value, at) => values.indexOf(value) < at);
  if (index < 0) return;
  throw new KeyFileError(
    `keys[${index}].${member}: expected a unique value, got that of another key`,
  );
}

/** Whether a key itself may have been put there by mistake: as an entry, an id or a hash. */
function mayBeKey([, , member]: readonly PropertyKey[]): boolean {
  return member === undefined || member === 'id' || member === 'hash';
}
