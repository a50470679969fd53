import { tenantOf } from '../../engine/index.ts';
import type { Client } from '../sessions/client.ts';
import type { LimitName } from '../sessions/security-events.ts';
import { limitedAddress } from './address-rates.ts';

/** Limits on symbols. */
export interface SymbolLimits {
  /** Symbols of the server. */
  readonly maxSymbols: number;
  /** New symbols of one token; of one address where clients need no token. 0: no limit. */
  readonly newSymbolsPerPublisher: number;
  /** Symbols of one tenant. 0: no limit. */
  readonly symbolsPerTenant: number;
}

/** A limit that refuses a new symbol. */
export interface MetLimit {
  readonly name: LimitName;
  /** For publishers and the log: the limit, its value and its key. */
  readonly text: string;
}

/** The symbols that exist. */
interface Symbols {
  readonly names: readonly (string | undefined)[];
  isFull(): boolean;
}

/**
 * Counts new symbols by publisher and tenant, so that a hostile publisher cannot use up the symbols
 * of all.
 */
export class SymbolQuota {
  readonly #limits: SymbolLimits;
  readonly #symbols: Symbols;
  readonly #byTenant = new Map<string, number>();
  readonly #byPublisher = new Map<string, number>();
  /** Who added a symbol, by symbol id; undefined for one of an earlier run. */
  readonly #publishers: (string | undefined)[] = [];
  readonly #ofServer: MetLimit;
  readonly #ofTenant: MetLimit;
  readonly #ofPublisher: MetLimit;

  constructor(limits: SymbolLimits, symbols: Symbols) {
    const { maxSymbols, newSymbolsPerPublisher, symbolsPerTenant } = limits;
    this.#limits = limits;
    this.#symbols = symbols;
    this.#ofServer = {
      name: 'symbols',
      text: `the server holds ${maxSymbols} symbols, as many as processing.maxSymbols allows`,
    };
    this.#ofTenant = {
      name: 'symbolsPerTenant',
      text: `the tenant has ${symbolsPerTenant} symbols, as many as limits.symbolsPerTenant allows`,
    };
    this.#ofPublisher = {
      name: 'newSymbols',
      text:
        `the publisher has added ${newSymbolsPerPublisher} symbols, as many as ` +
        'limits.newSymbolsPerPublisher allows',
    };
    for (const name of symbols.names) {
      if (name !== undefined) increment(this.#byTenant, tenantOf(name));
    }
  }

  /** Counts a new symbol of a client. Returns the exceeded limit instead, if any. */
  tryAdd({ address, identity }: Client): MetLimit | undefined {
    const { tenant } = identity;
    const publisher = publisherOf({ address, identity });
    if (this.#symbols.isFull()) return this.#ofServer;
    if (isMet(this.#byTenant, tenant, this.#limits.symbolsPerTenant)) return this.#ofTenant;
    if (isMet(this.#byPublisher, publisher, this.#limits.newSymbolsPerPublisher)) {
      return this.#ofPublisher;
    }
    increment(this.#byTenant, tenant);
    increment(this.#byPublisher, publisher);
    return undefined;
  }

  /** A symbol appeared that other servers have. */
  adopt(name: string): void {
    increment(this.#byTenant, tenantOf(name));
  }

  /** The symbol counted by {@link tryAdd} has an id. */
  own(symbolId: number, client: Client): void {
    this.#publishers[symbolId] = publisherOf(client);
  }

  /** A symbol is gone: its tenant and its publisher may add another one. */
  release(symbolId: number, name: string): void {
    decrement(this.#byTenant, tenantOf(name));
    const publisher = this.#publishers[symbolId];
    this.#publishers[symbolId] = undefined;
    if (publisher !== undefined) decrement(this.#byPublisher, publisher);
  }
}

function publisherOf({ address, identity }: Pick<Client, 'address' | 'identity'>): string {
  return identity.tokenId === '' ? limitedAddress(address) : identity.tokenId;
}

function isMet(counts: ReadonlyMap<string, number>, key: string, limit: number): boolean {
  return limit > 0 && (counts.get(key) ?? 0) >= limit;
}

function increment(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function decrement(counts: Map<string, number>, key: string): void {
  const left = (counts.get(key) ?? 0) - 1;
  if (left > 0) counts.set(key, left);
  else counts.delete(key);
}
