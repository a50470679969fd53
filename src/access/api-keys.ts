import { timingSafeEqual } from 'node:crypto';
import { AccessError } from './authenticator.ts';
import type { Identity } from './identity.ts';
import { type ApiKey, parseApiKeys } from './parse-api-keys.ts';
import { readKeyFile } from './read-key-file.ts';

/** How API keys begin, and signed tokens do not. */
export const API_KEY_PREFIX = 'tw_';

/** Tells who the bearer of an API key is, by a file of their hashes. */
export class ApiKeys {
  readonly #path: string;
  #keys: readonly ApiKey[];
  /** Digests in hexadecimal digits: those of the keys there are, and those of identities that came in by one, now or earlier. */
  #identities: ReadonlyMap<string, Identity> = new Map();
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
   * Compares with every key, and all bytes of each, so that the time it takes tells nothing of where a
   * wrong key begins to be wrong.
   *
   * @param digest the SHA-256 of the key, 32 bytes
   * @throws AccessError
   */
  identify(digest: Buffer): Identity {
    let found: Identity | undefined;
    for (const key of this.#keys) {
      found = timingSafeEqual(key.digest, digest) ? key.identity : found;
    }
    if (found === undefined) throw new AccessError('the API key is not known');
    if (Date.now() >= found.expiresAt) {
      throw new AccessError(`the API key expired at ${new Date(found.expiresAt).toISOString()}`);
    }
    return found;
  }

  /** Keeps the old keys and rejects with a KeyFileError where the file cannot be used. */
  async reload(): Promise<void> {
    const keys = await readKeyFile('auth.apiKeysFile', this.#path, parseApiKeys);
    // A key that says what it said keeps its identity, so that nothing is begun anew for it.
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
