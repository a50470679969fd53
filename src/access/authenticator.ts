import type { Identity } from './identity.ts';

/** A token that was not accepted. The message says why, in words that may be told to the client and logged. */
export class AccessError extends Error {
  override readonly name = 'AccessError';
}

/** A token that cannot be checked now, and may well be good: whoever has it is to come again. */
export class UncheckedTokenError extends Error {
  override readonly name = 'UncheckedTokenError';
}

/** Tells who a token stands for. */
export interface Authenticator {
  /**
   * Checks a token: a signed one or an API key.
   *
   * @throws AccessError (as a rejection) when it is not valid, UncheckedTokenError when that cannot be told now; the token is
   *   part of neither message
   */
  authenticate(token: string): Promise<Identity>;
  /** Reads files of keys again, as at a SIGHUP. Keeps the old ones where the new cannot be read, and rejects. */
  reload(): Promise<void>;
  /**
   * What the token behind an identity stands for since the last reload: the same object where nothing changed; undefined where
   * its API key is gone. A signed token holds until it expires.
   */
  current(identity: Identity): Identity | undefined;
}
