import type { Client } from './client.ts';

/** The limits that a client can run into, as they are counted and logged. */
export type LimitName =
  | 'connections'
  | 'connectionsPerAddress'
  | 'connectionsPerToken'
  | 'upgradesPerSecond'
  | 'ticksPerSecond'
  | 'requestsPerSecond'
  | 'newSymbols'
  | 'symbolsPerTenant'
  | 'sessionBytes';

/** What whoever watches over the server should know: told where it happens, counted and logged elsewhere. */
export interface SecurityEvents {
  /** A token was missing or not accepted; `reason` never holds any of it. */
  authenticationFailed(address: string, reason: string): void;
  /** @param what the client wanted, as "read AAPL" */
  forbidden(client: Client, what: string): void;
  /** @param who who ran into it: a client, or an address that is no client yet */
  limited(limit: LimitName, who: Client | string): void;
}

/** For programs in which nobody watches. */
export const UNWATCHED: SecurityEvents = {
  authenticationFailed: () => undefined,
  forbidden: () => undefined,
  limited: () => undefined,
};
