import type { Client } from './client.ts';

/** The limits that a client can run into, as they are counted and logged. */
export const LIMIT_NAMES = [
  'connections',
  'connectionsPerAddress',
  'connectionsPerToken',
  'upgradesPerSecond',
  'frameBytes',
  'ticksPerSecond',
  'requestsPerSecond',
  'subscriptions',
  'httpRequestsPerSecond',
  'newSymbols',
  'symbolsPerTenant',
  'sessionBytes',
] as const;
export type LimitName = (typeof LIMIT_NAMES)[number];

/** What was counted of all this since the start. */
export interface SecurityCounts {
  readonly events: Readonly<Record<'authenticationFailed' | 'forbidden' | 'limited', number>>;
  /** Times that each limit was met. */
  readonly limits: Readonly<Record<LimitName, number>>;
}

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
