import { UNKNOWN_SYMBOL } from '../../engine/index.ts';
import { ALL_FIELDS, isWildcard, patternMatcher } from '../../protocol/index.ts';
import type { GatewayContext } from '../context.ts';
import type { Client } from '../sessions/client.ts';
import { NO_LINK } from './link-index.ts';
import type { LinkTable } from './link-table.ts';
import type { Watcher, Wildcard } from './subscriptions.ts';
import { fieldsWanted, NOT_HELD, WANTS_ALL } from './wants.ts';

export type PatternContext = Pick<GatewayContext, 'config' | 'engine' | 'subscriptions'>;

/**
 * The patterns that a session holds, as its client names symbols. One without a `*` is a byte of the session's link to that symbol, so that it costs
 * nothing beside the link; only those with a `*` are kept here.
 */
export class HeldPatterns {
  readonly #context: PatternContext;
  readonly #client: Client;
  readonly #links: LinkTable;
  readonly #watcher: Watcher;
  #count = 0;
  /** What each wants. Made when the first one comes: most sessions hold none. */
  #wildcards: Map<Wildcard, number> | undefined;

  /** @param watcher told of the symbols that come to exist and match a pattern held */
  constructor(context: PatternContext, client: Client, links: LinkTable, watcher: Watcher) {
    this.#context = context;
    this.#client = client;
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
    const { engine, subscriptions } = this.#context;
    const { symbols } = engine;
    const name = this.#client.nameSpace.nameOf(pattern);
    const symbolId = symbols.findName(name);
    const found = this.#find(name, symbolId);
    const isHeld = found !== NO_LINK && this.#links.exact[found] !== NOT_HELD;
    if (!isHeld && !this.#countOne()) return false;
    const link =
      symbolId === UNKNOWN_SYMBOL
        ? subscriptions.await(this.#links, name)
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

  /** What the patterns that match a symbol want of it together; NOT_HELD where none does, or the client may not read it. */
  wantsOf(symbolId: number, name: string): number {
    if (!this.#client.sees(name)) return NOT_HELD;
    const link = this.#links.find(symbolId);
    let wants = link === NO_LINK ? NOT_HELD : (this.#links.exact[link] as number);
    if (this.#wildcards === undefined) return wants;
    for (const [{ matches }, also] of this.#wildcards) {
      if (wants === WANTS_ALL) break;
      if (matches(name)) wants |= also;
    }
    return wants;
  }

  /**
   * The symbols that exist and that one of the patterns matches, with their names, each once however many do.
   *
   * @param from the first symbol id that patterns with a `*` are held against; `to`: the first that they are not
   */
  matching(
    patterns: readonly string[],
    from = 0,
    to = this.#context.engine.symbols.names.length,
  ): Map<number, string> {
    const { symbols } = this.#context.engine;
    const { nameSpace } = this.#client;
    const found = new Map<number, string>();
    for (const symbol of patterns.filter((pattern) => !isWildcard(pattern))) {
      const name = nameSpace.nameOf(symbol);
      const symbolId = symbols.findName(name);
      if (symbolId !== UNKNOWN_SYMBOL) found.set(symbolId, name);
    }
    const matchers = patterns.filter(isWildcard).map(patternMatcher);
    if (matchers.length === 0) return found;
    for (let symbolId = from; symbolId < to; symbolId++) {
      const name = symbols.name(symbolId);
      if (!this.#client.sees(name)) continue;
      const symbol = nameSpace.symbolOf(name);
      if (matchers.some((matches) => matches(symbol))) found.set(symbolId, name);
    }
    return found;
  }

  /** The patterns held, with what each wants. */
  *held(): Generator<readonly [pattern: string, wants: number]> {
    for (const [{ pattern }, wants] of this.#wildcards ?? []) yield [pattern, wants];
    for (const link of this.#links.all()) {
      const wants = this.#links.exact[link] as number;
      if (wants !== NOT_HELD) yield [this.#symbolOf(link), wants];
    }
  }

  /** A pattern that wants some statistics but not all, and which it wants. */
  partial(): { readonly pattern: string; readonly fields: number } | undefined {
    const isPartial = (fields: number) => fields !== 0 && fields !== ALL_FIELDS;
    for (const [{ pattern }, wants] of this.#wildcards ?? []) {
      if (isPartial(fieldsWanted(wants))) return { pattern, fields: fieldsWanted(wants) };
    }
    for (const link of this.#links.all()) {
      const fields = fieldsWanted(this.#links.exact[link] as number);
      if (isPartial(fields)) return { pattern: this.#symbolOf(link), fields };
    }
    return undefined;
  }

  /** The session is gone; its links go by themselves. */
  close(): void {
    for (const wildcard of this.#wildcards?.keys() ?? []) {
      this.#context.subscriptions.unwatch(this.#client.nameSpace, wildcard, this.#watcher);
    }
    this.#wildcards = undefined;
    this.#uncount(this.#count);
  }

  #holdWildcard(pattern: string, wants: number): boolean {
    const { subscriptions } = this.#context;
    const { nameSpace } = this.#client;
    const known = subscriptions.wildcard(nameSpace, pattern);
    const isHeld = known !== undefined && this.#wildcards?.has(known) === true;
    if (!isHeld) {
      const isFull =
        (this.#wildcards?.size ?? 0) >= this.#context.config.limits.wildcardsPerSession;
      if (isFull || !this.#countOne()) return false;
    }
    this.#wildcards ??= new Map();
    this.#wildcards.set(subscriptions.watch(nameSpace, pattern, this.#watcher), wants);
    return true;
  }

  #releaseWildcard(pattern: string): boolean {
    const { subscriptions } = this.#context;
    const wildcard = subscriptions.wildcard(this.#client.nameSpace, pattern);
    if (wildcard === undefined || this.#wildcards?.delete(wildcard) !== true) return false;
    subscriptions.unwatch(this.#client.nameSpace, wildcard, this.#watcher);
    return true;
  }

  #releaseSymbol(symbol: string): boolean {
    const name = this.#client.nameSpace.nameOf(symbol);
    const link = this.#find(name, this.#context.engine.symbols.findName(name));
    if (link === NO_LINK || this.#links.exact[link] === NOT_HELD) return false;
    this.#links.exact[link] = NOT_HELD;
    return true;
  }

  /** The link to a symbol that exists, or is awaited where `symbolId` is UNKNOWN_SYMBOL; {@link NO_LINK}: there is none. */
  #find(name: string, symbolId: number): number {
    if (symbolId !== UNKNOWN_SYMBOL) return this.#links.find(symbolId);
    const awaitedId = this.#context.subscriptions.awaitedId(name);
    return awaitedId === undefined ? NO_LINK : this.#links.find(awaitedId);
  }

  #symbolOf(link: number): string {
    const { engine, subscriptions } = this.#context;
    const symbolId = this.#links.symbolIds[link] as number;
    const name = symbolId < 0 ? subscriptions.awaitedName(symbolId) : engine.symbols.name(symbolId);
    return this.#client.nameSpace.symbolOf(name);
  }

  /** Counts one more pattern, unless there are as many as there may be. */
  #countOne(): boolean {
    if (this.#count >= this.#context.config.stream.subscriptionsMax) return false;
    this.#count++;
    this.#context.subscriptions.held++;
    return true;
  }

  #uncount(patterns: number): void {
    this.#count -= patterns;
    this.#context.subscriptions.held -= patterns;
  }
}
