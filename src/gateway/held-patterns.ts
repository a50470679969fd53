import { type SymbolTable, UNKNOWN_SYMBOL } from '../engine/index.ts';
import { ALL_FIELDS, isWildcard, patternMatcher } from '../protocol/index.ts';
import { NO_LINK } from './link-index.ts';
import type { LinkTable } from './link-table.ts';
import type { Subscriptions, Watcher, Wildcard } from './subscriptions.ts';
import { fieldsWanted, NOT_HELD, WANTS_ALL } from './wants.ts';

/** Patterns with a `*` that a session may hold: each is held against every symbol there is, and every new one. */
const WILDCARDS_MAX = 256;

/** What the patterns of all sessions share. */
export interface PatternRoom {
  readonly symbols: Pick<SymbolTable, 'name' | 'names' | 'findName'>;
  readonly subscriptions: Subscriptions;
  /** Patterns a session may hold. */
  readonly subscriptionsMax: number;
}

/**
 * The patterns that a session holds. One without a `*` is a byte of the session's link to that symbol, so that it costs
 * nothing beside the link; only those with a `*` are kept here.
 */
export class HeldPatterns {
  readonly #room: PatternRoom;
  readonly #links: LinkTable;
  readonly #watcher: Watcher;
  #count = 0;
  /** What each wants. Made when the first one comes: most sessions hold none. */
  #wildcards: Map<Wildcard, number> | undefined;

  /** @param watcher told of the symbols that come to exist and match a pattern held */
  constructor(room: PatternRoom, links: LinkTable, watcher: Watcher) {
    this.#room = room;
    this.#links = links;
    this.#watcher = watcher;
  }

  /**
   * Holds a pattern, or changes what it wants. The links of symbols that exist are left for the caller to bring in line.
   *
   * @returns false when the session holds as many as it may
   */
  hold(pattern: string, wants: number): boolean {
    if (isWildcard(pattern)) return this.#holdWildcard(pattern, wants);
    const { subscriptions, symbols } = this.#room;
    const symbolId = symbols.findName(pattern);
    const found = this.#find(pattern, symbolId);
    const isHeld = found !== NO_LINK && this.#links.exact[found] !== NOT_HELD;
    if (!isHeld && !this.#countOne()) return false;
    const link =
      symbolId === UNKNOWN_SYMBOL
        ? subscriptions.await(this.#links, pattern)
        : subscriptions.join(this.#links, symbolId);
    this.#links.exact[link] = wants;
    return true;
  }

  /** Lets go of a pattern. Links are left for the caller to bring in line. Returns false when it was not held. */
  release(pattern: string): boolean {
    const wasHeld = isWildcard(pattern)
      ? this.#releaseWildcard(pattern)
      : this.#releaseSymbol(pattern);
    if (wasHeld) this.#uncount(1);
    return wasHeld;
  }

  /** What the patterns that match a symbol want of it together; NOT_HELD where none does. */
  wantsOf(symbolId: number, symbol: string): number {
    const link = this.#links.find(symbolId);
    let wants = link === NO_LINK ? NOT_HELD : (this.#links.exact[link] as number);
    if (this.#wildcards === undefined) return wants;
    for (const [{ matches }, also] of this.#wildcards) {
      if (wants === WANTS_ALL) break;
      if (matches(symbol)) wants |= also;
    }
    return wants;
  }

  /** The symbols that exist and that one of the patterns matches, each once however many do. */
  matching(patterns: readonly string[]): Map<number, string> {
    const { symbols } = this.#room;
    const found = new Map<number, string>();
    for (const symbol of patterns.filter((pattern) => !isWildcard(pattern))) {
      const symbolId = symbols.findName(symbol);
      if (symbolId !== UNKNOWN_SYMBOL) found.set(symbolId, symbol);
    }
    const matchers = patterns.filter(isWildcard).map(patternMatcher);
    if (matchers.length === 0) return found;
    symbols.names.forEach((symbol, symbolId) => {
      if (matchers.some((matches) => matches(symbol))) found.set(symbolId, symbol);
    });
    return found;
  }

  /** A pattern that wants some statistics but not all, and which it wants. */
  partial(): { readonly pattern: string; readonly fields: number } | undefined {
    const isPartial = (fields: number) => fields !== 0 && fields !== ALL_FIELDS;
    for (const [{ pattern }, wants] of this.#wildcards ?? []) {
      if (isPartial(fieldsWanted(wants))) return { pattern, fields: fieldsWanted(wants) };
    }
    const { symbols, subscriptions } = this.#room;
    for (const link of this.#links.all()) {
      const fields = fieldsWanted(this.#links.exact[link] as number);
      if (!isPartial(fields)) continue;
      const symbolId = this.#links.symbolIds[link] as number;
      const pattern = symbolId < 0 ? subscriptions.awaitedName(symbolId) : symbols.name(symbolId);
      return { pattern, fields };
    }
    return undefined;
  }

  /** The session is gone; its links go by themselves. */
  close(): void {
    for (const wildcard of this.#wildcards?.keys() ?? []) {
      this.#room.subscriptions.unwatch(wildcard, this.#watcher);
    }
    this.#wildcards = undefined;
    this.#uncount(this.#count);
  }

  #holdWildcard(pattern: string, wants: number): boolean {
    const { subscriptions } = this.#room;
    const known = subscriptions.wildcard(pattern);
    const isHeld = known !== undefined && this.#wildcards?.has(known) === true;
    if (!isHeld) {
      if ((this.#wildcards?.size ?? 0) >= WILDCARDS_MAX || !this.#countOne()) return false;
    }
    this.#wildcards ??= new Map();
    this.#wildcards.set(subscriptions.watch(pattern, this.#watcher), wants);
    return true;
  }

  #releaseWildcard(pattern: string): boolean {
    const { subscriptions } = this.#room;
    const wildcard = subscriptions.wildcard(pattern);
    if (wildcard === undefined || this.#wildcards?.delete(wildcard) !== true) return false;
    subscriptions.unwatch(wildcard, this.#watcher);
    return true;
  }

  #releaseSymbol(symbol: string): boolean {
    const link = this.#find(symbol, this.#room.symbols.findName(symbol));
    if (link === NO_LINK || this.#links.exact[link] === NOT_HELD) return false;
    this.#links.exact[link] = NOT_HELD;
    return true;
  }

  /** The link to a symbol that exists, or is awaited where `symbolId` is UNKNOWN_SYMBOL; {@link NO_LINK}: there is none. */
  #find(symbol: string, symbolId: number): number {
    if (symbolId !== UNKNOWN_SYMBOL) return this.#links.find(symbolId);
    const awaitedId = this.#room.subscriptions.awaitedId(symbol);
    return awaitedId === undefined ? NO_LINK : this.#links.find(awaitedId);
  }

  /** Counts one more pattern, unless there are as many as there may be. */
  #countOne(): boolean {
    if (this.#count >= this.#room.subscriptionsMax) return false;
    this.#count++;
    this.#room.subscriptions.held++;
    return true;
  }

  #uncount(patterns: number): void {
    this.#count -= patterns;
    this.#room.subscriptions.held -= patterns;
  }
}
