import type { Identity } from './identity.ts';

/** A token that was not accepted. The message says why, in words that may be told to the client and logged. */
export class AccessError extends Error {
  override readonly name = 'AccessError';
}

/** Tells who a token stands for. */
export interface Authenticator {
  /**
   * Checks a token: a signed one or an API key.
   *
   * @throws AccessError (as a rejection) when it is not valid; the token is not part of its message
   */
  authenticate(token: string): Promise<Identity>;
  /** Reads files of keys again, as at a SIGHUP. Keeps the old ones where the new cannot be read, and rejects. */
  reload(): Promise<void>;
}
