import { createHash } from 'node:crypto';
import type { Config } from '../config/schema.ts';
import { API_KEY_PREFIX, ApiKeys } from './api-keys.ts';
import { AccessError, type AccessLog, KeyFileError } from './errors.ts';
import type { Identity } from './identity.ts';
import { type KeySource, secretKey } from './key-source.ts';
import { FileKeys } from './public-keys.ts';
import { RemoteKeys } from './remote-keys.ts';
import { SignedTokens, TOKEN_LENGTH_MAX } from './signed-tokens.ts';

/** Turns tokens into identities. */
export interface Authenticator {
  /**
   * Verifies a signed token or an API key.
   *
   * @throws AccessError (as a rejection) if it is invalid, UncheckedTokenError if that cannot be
   *   decided now; neither message contains any of the token
   */
  authenticate(token: string): Promise<Identity>;
  /**
   * Reads key files and URLs again. A source that fails keeps its old keys.
   *
   * @throws KeyFileError (as a rejection) with every failure
   */
  reload(): Promise<void>;
  /**
   * The identity that replaced this one at a reload; the same object if its key did not change, and
   * undefined if its API key is gone. A signed token stays valid until it expires.
   */
  current(identity: Identity): Identity | undefined;
}

class ConfiguredAuthenticator implements Authenticator {
  readonly #sources: readonly KeySource[];
  readonly #signedTokens: SignedTokens | undefined;
  readonly #apiKeys: ApiKeys | undefined;

  constructor(auth: Config['auth'], sources: readonly KeySource[], apiKeys: ApiKeys | undefined) {
    this.#sources = sources;
    this.#signedTokens = sources.length === 0 ? undefined : new SignedTokens(sources, auth);
    this.#apiKeys = apiKeys;
  }

  async authenticate(token: string): Promise<Identity> {
    if (token.length > TOKEN_LENGTH_MAX) {
      throw new AccessError(
        `expected a token of at most ${TOKEN_LENGTH_MAX} characters, got ${token.length}`,
      );
    }
    const digest = createHash('sha256').update(token).digest();
    if (token.startsWith(API_KEY_PREFIX)) {
      if (this.#apiKeys === undefined) throw new AccessError('API keys are not accepted');
      return this.#apiKeys.identify(digest);
    }
    if (this.#signedTokens === undefined) throw new AccessError('only API keys are accepted');
    return this.#signedTokens.identify(token, digest.toString('hex'));
  }

  current(identity: Identity): Identity | undefined {
    return this.#apiKeys === undefined ? identity : this.#apiKeys.current(identity);
  }

  async reload(): Promise<void> {
    const sources = this.#apiKeys === undefined ? this.#sources : [...this.#sources, this.#apiKeys];
    const outcomes = await Promise.allSettled(sources.map((source) => source.reload()));
    const faults = outcomes.flatMap((outcome) =>
      outcome.status === 'rejected' ? [String((outcome.reason as Error).message)] : [],
    );
    if (faults.length > 0) throw new KeyFileError(faults.join('\n'));
  }
}

/**
 * Creates the configured authenticator; undefined if the server requires no tokens.
 *
 * Waits for key files but not for a key URL: until that answers, its tokens are unchecked.
 *
 * @throws KeyFileError (as a rejection) if a file is unusable
 */
export async function createAuthenticator(
  auth: Config['auth'],
  log: AccessLog,
): Promise<Authenticator | undefined> {
  const { jwtSecret, keysFile, jwksUrl, apiKeysFile } = auth;
  if ([jwtSecret, keysFile, jwksUrl, apiKeysFile].every((value) => value === '')) return undefined;
  const sources: KeySource[] = [];
  if (jwtSecret !== '') sources.push(secretKey(jwtSecret));
  if (keysFile !== '') sources.push(await FileKeys.read(keysFile));
  const apiKeys = apiKeysFile === '' ? undefined : await ApiKeys.read(apiKeysFile);
  if (jwksUrl !== '') {
    const remote = new RemoteKeys(jwksUrl, log);
    remote.start();
    sources.push(remote);
  }
  return new ConfiguredAuthenticator(auth, sources, apiKeys);
}
