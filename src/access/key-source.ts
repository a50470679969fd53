import { createSecretKey, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { CryptoKey } from 'jose';
import { KeyFileError } from './errors.ts';

/** The fields of a token's header that select its key. Chosen by the sender: not trusted. */
export interface TokenHeader {
  readonly alg: string;
  readonly kid: string | undefined;
}

/** The algorithms of tokens that are verified with public keys. */
export const PUBLIC_KEY_ALGORITHMS: readonly string[] = ['RS256', 'ES256', 'EdDSA'];

/** A source of keys that verify tokens. */
export interface KeySource {
  /**
   * The only algorithms that its keys may be used with. Prevents algorithm confusion: with a public
   * key as the secret of an HS256 token, anyone could sign tokens.
   */
  readonly algorithms: readonly string[];
  /** Grows whenever the keys change, which invalidates cached verifications. */
  readonly version: number;
  /**
   * The few keys that may have signed a token with this header; empty if there is none.
   *
   * @throws UncheckedTokenError (as a rejection) while the keys are unavailable
   */
  keysFor(header: TokenHeader): Promise<readonly (CryptoKey | KeyObject)[]>;
  /** Loads the keys again. On failure, keeps the old ones and rejects with a KeyFileError. */
  reload(): Promise<void>;
}

/** The HS256 secret. There is only one, so `kid` is ignored. */
export function secretKey(secret: string): KeySource {
  const keys = [createSecretKey(secret, 'utf8')];
  return {
    algorithms: ['HS256'],
    version: 0,
    keysFor: () => Promise.resolve(keys),
    // The configuration is read once.
    reload: () => Promise.resolve(),
  };
}

/**
 * Reads and parses a key file.
 *
 * @param key the configuration key that names the file; messages start with it
 * @throws KeyFileError if the file cannot be read or `parse` throws one
 */
export async function readKeyFile<Content>(
  key: string,
  path: string,
  parse: (text: string) => Content,
): Promise<Content> {
  let text: string;
  try {
    text = await readFile(path, { encoding: 'utf8' });
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    const reason = code === 'ENOENT' ? 'no such file' : code;
    throw new KeyFileError(`${key}: cannot read ${path}: ${reason}`);
  }
  try {
    return parse(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    if (error instanceof KeyFileError) throw new KeyFileError(`${key}: ${path}: ${error.message}`);
    throw error;
  }
}
