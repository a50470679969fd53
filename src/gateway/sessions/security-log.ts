import type { Audit, AuditRecord } from '../../access/index.ts';
import type { Client } from './client.ts';
import {
  LIMIT_NAMES,
  type LimitName,
  type SecurityCounts,
  type SecurityEvents,
} from './security-events.ts';

/** Writes what happens into the audit log, and counts it. */
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

  limited(limit: LimitName, who: Client | string): void {
    this.limits[limit]++;
    this.#audit.limited(
      typeof who === 'string' ? { address: who, reason: limit } : recordOf(who, limit),
    );
  }
}

function newCounts(): Record<LimitName, number> {
  return Object.fromEntries(LIMIT_NAMES.map((name) => [name, 0])) as Record<LimitName, number>;
}

function recordOf({ address, identity }: Client, reason: string): AuditRecord {
  const { tokenId, subject } = identity;
  return { address, tokenId, subject, reason };
}
