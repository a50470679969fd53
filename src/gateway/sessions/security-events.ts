import type { Audit, AuditEvent, AuditRecord } from '../../access/index.ts';
import type { Client } from './client.ts';

/** Limits that a client can exceed, by their names in metrics and audit log. */
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
  'symbols',
  'newSymbols',
  'symbolsPerTenant',
  'sessionBytes',
] as const;
export type LimitName = (typeof LIMIT_NAMES)[number];

/** Counts since the start. */
export interface SecurityCounts {
  readonly events: Readonly<Record<AuditEvent, number>>;
  /** Times that each limit was exceeded. */
  readonly limits: Readonly<Record<LimitName, number>>;
}

/** Receives security events where they happen. */
export interface SecurityEvents {
  /** A token was missing or refused; `reason` never contains any of it. */
  authenticationFailed(address: string, reason: string): void;
  /** @param what the client tried, such as "read AAPL" */
  forbidden(client: Client, what: string): void;
  /**
   * @param who the client, or an address that is not a client yet
   * @param detail for the audit log, if there is more to say than the limit's name
   */
  limited(limit: LimitName, who: Client | string, detail?: string): void;
  /** A page was refused for its origin. */
  originRefused(address: string, origin: string): void;
}

/** Ignores all events. */
export const UNWATCHED: SecurityEvents = {
  authenticationFailed: () => undefined,
  forbidden: () => undefined,
  limited: () => undefined,
  originRefused: () => undefined,
};

/** Writes events to the audit log and counts them. */
export class SecurityLog implements SecurityEvents, SecurityCounts {
  readonly limits = newCounts();
  readonly #audit: Audit;

  constructor(audit: Audit) {
    this.#audit = audit;
  }

  get events(): SecurityCounts['events'] {
    return this.#audit.counts;
  }

  authenticationFailed(address: string, reason: string): void {
    this.#audit.authenticationFailed({ address, reason });
  }

  forbidden(client: Client, what: string): void {
    this.#audit.forbidden(recordOf(client, what));
  }

  limited(limit: LimitName, who: Client | string, detail?: string): void {
    this.limits[limit]++;
    const reason = detail === undefined ? limit : `${limit}: ${detail}`;
    if (limit === 'connections' && typeof who === 'string') {
      this.#audit.serverLimited({ address: who, reason });
      return;
    }
    this.#audit.limited(typeof who === 'string' ? { address: who, reason } : recordOf(who, reason));
  }

  originRefused(address: string, origin: string): void {
    // Pages without an origin of their own and those of apps: the setting takes no such names.
    const canBeListed = /^https?:/.test(origin);
    const remedy = `to allow it, ${canBeListed ? 'list it in' : 'set * in'} server.allowedOrigins`;
    this.#audit.originRefused({ address, reason: `${origin.slice(0, 100)}: ${remedy}` });
  }
}

function newCounts(): Record<LimitName, number> {
  return Object.fromEntries(LIMIT_NAMES.map((name) => [name, 0])) as Record<LimitName, number>;
}

function recordOf({ address, identity }: Client, reason: string): AuditRecord {
  const { tokenId, subject } = identity;
  return { address, tokenId, subject, reason };
}
