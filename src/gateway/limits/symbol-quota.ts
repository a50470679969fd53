import { tenantOf } from '../../engine/index.ts';
import type { Client } from '../sessions/client.ts';
import type { LimitName } from '../sessions/security-events.ts';
import { limitedAddress } from './address-rates.ts';

/** Limits on new symbols. */
export interface SymbolLimits {
  /** New symbols of one token; of one address where clients need no token. */
  readonly newSymbolsPerPublisher: number;
  /** Symbols of one tenant. */
  readonly symbolsPerTenant: number;
}

/**
 * Counts new symbols by publisher and tenant. Symbols are never freed, so a hostile publisher must
 * not use up the symbols of all.
 */
export class SymbolQuota {
  readonly #limits: SymbolLimits;
  readonly #byTenant = new Map<string, number>();
  readonly #byPublisher = new Map<string, number>();

  /** @param names names of the existing symbols */
  constructor(limits: SymbolLimits, names: readonly string[]) {
    this.#limits = limits;
    for (const name of names) increment(this.#byTenant, tenantOf(name));
  }

  /** Counts a new symbol of a client. Returns the exceeded limit instead, if any. */
  tryAdd({ address, identity }: Client): LimitName | undefined {
    const { tenant, tokenId } = identity;
    const ofTenant = this.#byTenant.get(tenant) ?? 0;
    if (ofTenant >= this.#limits.symbolsPerTenant) return 'symbolsPerTenant';
    const publisher = tokenId === '' ? limitedAddress(address) : tokenId;
    const ofPublisher = this.#byPublisher.get(publisher) ?? 0;
    if (ofPublisher >= this.#limits.newSymbolsPerPublisher) return 'newSymbols';
    increment(this.#byTenant, tenant);
    increment(this.#byPublisher, publisher);
    return undefined;
  }
}

function increment(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
