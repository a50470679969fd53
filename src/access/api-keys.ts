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

  private constructor(path: string, keys: readonly ApiKey[]) {
    this.#path = path;
    this.#keys = keys;
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
    this.#keys = await readKeyFile('auth.apiKeysFile', this.#path, parseApiKeys);
  }
}
