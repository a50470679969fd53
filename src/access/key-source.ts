import type { KeyObject } from 'node:crypto';
import type { CryptoKey } from 'jose';
import type { TokenHeader } from './token-header.ts';

/** The algorithms of tokens that are verified with public keys. */
export const PUBLIC_KEY_ALGORITHMS: readonly string[] = ['RS256', 'ES256', 'EdDSA'];

/** Where keys that verify tokens come from. */
export interface KeySource {
  /**
   * The only algorithms that its keys may be used with. This keeps a public key from being taken for
   * the secret of an HS256 token, which everybody could then sign.
   */
  readonly algorithms: readonly string[];
  /** Grows whenever its keys change: what was verified before is then to be verified again. */
  readonly version: number;
  /**
   * The keys that a token with this header may be signed with, few; empty where there is none.
   *
   * @throws UncheckedTokenError (as a rejection) when the keys cannot be had now
   */
  keysFor(header: TokenHeader): Promise<readonly (CryptoKey | KeyObject)[]>;
  /** Gets its keys anew; keeps the old ones and rejects with a KeyFileError where that fails. */
  reload(): Promise<void>;
}
