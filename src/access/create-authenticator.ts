import { createHash } from 'node:crypto';
import type { Config } from '../config/schema.ts';
import type { AccessLog } from './access-log.ts';
import { API_KEY_PREFIX, ApiKeys } from './api-keys.ts';
import { AccessError, type Authenticator } from './authenticator.ts';
import { FileKeys } from './file-keys.ts';
import type { Identity } from './identity.ts';
import { KeyFileError } from './key-file-error.ts';
import type { KeySource } from './key-source.ts';
import { RemoteKeys } from './remote-keys.ts';
import { secretKey } from './secret-key.ts';
import { SignedTokens } from './signed-tokens.ts';
import { TOKEN_LENGTH_MAX } from './token-length.ts';

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
 * What checks tokens, as configured; undefined where the configuration demands none.
 *
 * Files are read before it resolves. A URL of keys is asked without waiting: until it answers, the
 * tokens that it has keys for cannot be checked.
 *
 * @throws KeyFileError (as a rejection) when a file cannot be used
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
