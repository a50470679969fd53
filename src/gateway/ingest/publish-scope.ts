import type { NameSpace } from '../../engine/index.ts';
import type { MetLimit, SymbolQuota } from '../limits/symbol-quota.ts';
import type { Client } from '../sessions/client.ts';
import type { SecurityEvents } from '../sessions/security-events.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The symbols that one client may publish. The tick intake checks against it. */
export class PublishScope {
  /** Precedes the bytes of each symbol; empty in the default tenant. */
  readonly prefix: Uint8Array;
  readonly #client: Client;
  readonly #quota: SymbolQuota;
  readonly #security: SecurityEvents;
  readonly #nameSpace: NameSpace;
  /** Cached decisions by symbol id, for names that come with every tick. */
  #known = new Map<number, boolean>();

  constructor(client: Client, quota: SymbolQuota, security: SecurityEvents) {
    this.#client = client;
    this.#quota = quota;
    this.#security = security;
    this.#nameSpace = client.nameSpace;
    this.prefix = encoder.encode(client.nameSpace.prefix);
  }

  /** Whether every symbol may be published: then none needs a check. */
  get isAll(): boolean {
    return this.#client.identity.publish.isAll;
  }

  /** Whether a symbol may be published. */
  covers(symbol: string): boolean {
    const isCovered = this.#client.identity.publish.covers(symbol);
    if (!isCovered) this.#security.forbidden(this.#client, `publish ${symbol}`);
    return isCovered;
  }

  /** Whether an existing symbol may be published; its name is `bytes` from `start` to `end`. */
  coversKnown(symbolId: number, bytes: Uint8Array, start: number, end: number): boolean {
    let isCovered = this.#known.get(symbolId);
    if (isCovered === undefined) {
      isCovered = this.coversName(bytes, start, end);
      this.#known.set(symbolId, isCovered);
    }
    return isCovered;
  }

  /** Whether the symbol named by `bytes` from `start` to `end` may be published. */
  coversName(bytes: Uint8Array, start: number, end: number): boolean {
    return this.covers(this.#nameSpace.symbolOf(decoder.decode(bytes.subarray(start, end))));
  }

  /** Counts a new symbol of the client. Returns the exceeded limit instead, if any. */
  tryAddSymbol(): MetLimit | undefined {
    const met = this.#quota.tryAdd(this.#client);
    if (met !== undefined) this.#security.limited(met.name, this.#client, met.text);
    return met;
  }

  /** The client's token was replaced. */
  permissionsChanged(): void {
    this.#known = new Map();
  }
}
