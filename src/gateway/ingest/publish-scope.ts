import { type NameSpace, NO_WIRE_ID } from '../../engine/index.ts';
import type { MetLimit, SymbolQuota } from '../limits/symbol-quota.ts';
import type { Client } from '../sessions/client.ts';
import type { SecurityEvents } from '../sessions/security-events.ts';

/** Decisions cached. */
const KNOWN_MAX = 65_536;

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
  /** Cached decisions by `SymbolTable.tickId`, for names that come with every tick. */
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
  coversKnown(tickId: number, bytes: Uint8Array, start: number, end: number): boolean {
    let isCovered = this.#known.get(tickId);
    if (isCovered === undefined) {
      isCovered = this.coversName(bytes, start, end);
      // Symbols come and go: what is gone must not stay for ever.
      if (this.#known.size >= KNOWN_MAX) this.#known.clear();
      if (tickId !== NO_WIRE_ID) this.#known.set(tickId, isCovered);
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

  /** The symbol that {@link tryAddSymbol} counted has an id. */
  ownSymbol(symbolId: number): void {
    this.#quota.own(symbolId, this.#client);
  }

  /** The client's token was replaced. */
  permissionsChanged(): void {
    this.#known = new Map();
  }
}
