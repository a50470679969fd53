import { tenantOf } from '../../engine/index.ts';
import type { Client } from '../sessions/client.ts';
import type { LimitName } from '../sessions/security-events.ts';
import { limitedAddress } from './address-rates.ts';

/** How many symbols may come into being. */
export interface SymbolLimits {
  /** Those that one token, or one address where none are demanded, may bring into being. */
  readonly newSymbolsPerPublisher: number;
  /** Those of one tenant. */
  readonly symbolsPerTenant: number;
}

/**
 * Counts who brings symbols into being: they are never given back, and a hostile publisher must not use up what all share.
 */
export class SymbolQuota {
  readonly #limits: SymbolLimits;
  readonly #byTenant = new Map<string, number>();
  readonly #byPublisher = new Map<string, number>();

  /** @param names of the symbols that are there already */
  constructor(limits: SymbolLimits, names: readonly string[]) {
    this.#limits = limits;
    for (const name of names) increment(this.#byTenant, tenantOf(name));
  }

  /** Counts one more symbol of a client, unless that would break the limit that is returned. */
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
