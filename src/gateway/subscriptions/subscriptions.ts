import type { NameSpace } from '../../engine/index.ts';
import { patternMatcher } from '../../protocol/index.ts';
import type { SessionSender } from '../fanout/session-sender.ts';
import { AwaitedSymbols } from './awaited-symbols.ts';
import { NO_LINK } from './link-index.ts';
import { LinkPool } from './link-pool.ts';
import { LinkTable } from './link-table.ts';

/** What is subscribed to: it hears of symbols that come to exist. */
export interface Watcher {
  /** A symbol that one of the watcher's patterns matches exists from now on. */
  symbolAppeared(symbolId: number, name: string): void;
}

/** A pattern with a `*`, one object for all sessions of its tenant that hold it. */
export interface Wildcard {
  /** As its clients say it. */
  readonly pattern: string;
  /** Whether a symbol of the tenant, by its name, matches. */
  readonly matches: (name: string) => boolean;
  readonly watchers: Set<Watcher>;
}

/** Who is subscribed to what: symbols to the sessions linked to them, patterns to those who watch them. */
export class Subscriptions {
  /** Patterns held by all sessions. */
  held = 0;
  readonly links: LinkPool;
  /** By number of the session. */
  readonly deliveries: (SessionSender | undefined)[] = [];
  readonly #watchers: (Watcher | undefined)[] = [];
  readonly #freeNumbers: number[] = [];
  /** Links by symbol id. */
  readonly #bySymbol: (number[] | undefined)[] = [];
  readonly #awaited = new AwaitedSymbols();
  /** By the pattern's name. */
  readonly #wildcards = new Map<string, Wildcard>();

  /** @param linksReserved links there is room for from the start; undefined: for plenty */
  constructor(linksReserved?: number) {
    this.links = new LinkPool(linksReserved);
  }

  /** Symbols waited for, and patterns with a `*`: what is kept for those who hold them. */
  get watched(): number {
    return this.#awaited.size + this.#wildcards.size;
  }

  /** Gives a session a number, and with it a table of links. */
  enter(delivery: SessionSender, watcher: Watcher): LinkTable {
    const owner = this.#freeNumbers.pop() ?? this.deliveries.length;
    this.deliveries[owner] = delivery;
    this.#watchers[owner] = watcher;
    return new LinkTable(this.links, owner);
  }

  /** Takes the number of a session, which has no links any more, back. */
  exit({ owner }: LinkTable): void {
    this.deliveries[owner] = undefined;
    this.#watchers[owner] = undefined;
    this.#freeNumbers.push(owner);
  }

  /** The links to a symbol; undefined when there never was one. */
  of(symbolId: number): readonly number[] | undefined {
    return this.#bySymbol[symbolId];
  }

  /** A session's link to a symbol that exists, made where there is none. */
  join(table: LinkTable, symbolId: number): number {
    const found = table.find(symbolId);
    if (found !== NO_LINK) return found;
    let links = this.#bySymbol[symbolId];
    if (links === undefined) {
      links = [];
      this.#setLinks(symbolId, links);
    }
    return this.#join(table, symbolId, links);
  }

  /** A session's link to a symbol that does not exist yet, made where there is none. */
  await(table: LinkTable, name: string): number {
    const symbolId = this.#awaited.find(name) ?? this.#awaited.add(name);
    const found = table.find(symbolId);
    return found === NO_LINK ? this.#join(table, symbolId, this.#awaited.links(symbolId)) : found;
  }

  /** The id of a symbol that sessions wait for, below 0; undefined when none does. */
  awaitedId(name: string): number | undefined {
    return this.#awaited.find(name);
  }

  awaitedName(symbolId: number): string {
    return this.#awaited.name(symbolId);
  }

  /** Takes a link out of those to its symbol: the last one takes its place. */
  leave(link: number): void {
    const { positions, symbolIds } = this.links;
    const symbolId = symbolIds[link] as number;
    const isAwaited = symbolId < 0;
    const links = isAwaited
      ? this.#awaited.links(symbolId)
      : (this.#bySymbol[symbolId] as number[]);
    const last = links.pop() as number;
    if (last !== link) {
      const position = positions[link] as number;
      links[position] = last;
      positions[last] = position;
    }
    if (isAwaited && links.length === 0) this.#awaited.remove(symbolId);
  }

  /** The pattern as it is kept while sessions hold it. */
  wildcard(nameSpace: NameSpace, pattern: string): Wildcard | undefined {
    return this.#wildcards.get(nameSpace.nameOf(pattern));
  }

  /** Tells `watcher` of the symbols that come to exist and match a pattern with a `*`. */
  watch(nameSpace: NameSpace, pattern: string, watcher: Watcher): Wildcard {
    const key = nameSpace.nameOf(pattern);
    let wildcard = this.#wildcards.get(key);
    if (wildcard === undefined) {
      wildcard = { pattern, matches: nameMatcher(nameSpace, pattern), watchers: new Set() };
      this.#wildcards.set(key, wildcard);
    }
    wildcard.watchers.add(watcher);
    return wildcard;
  }

  unwatch(nameSpace: NameSpace, wildcard: Wildcard, watcher: Watcher): void {
    wildcard.watchers.delete(watcher);
    if (wildcard.watchers.size > 0) return;
    this.#wildcards.delete(nameSpace.nameOf(wildcard.pattern));
  }

  /** A symbol exists from now on: whoever watches for it is told, before its first tick can be applied. */
  symbolAppeared(symbolId: number, name: string): void {
    // Each one once, however many of its patterns match.
    const told = new Set<Watcher>();
    for (const link of this.#appeared(symbolId, name)) {
      told.add(this.#watchers[this.links.owners[link] as number] as Watcher);
    }
    for (const { matches, watchers } of this.#wildcards.values()) {
      if (!matches(name)) continue;
      for (const watcher of watchers) told.add(watcher);
    }
    for (const watcher of told) watcher.symbolAppeared(symbolId, name);
  }

  /** The links that waited for a symbol become links to it, as they stand. */
  #appeared(symbolId: number, name: string): readonly number[] {
    const awaitedId = this.#awaited.find(name);
    if (awaitedId === undefined) return [];
    const links = this.#awaited.links(awaitedId);
    this.#awaited.remove(awaitedId);
    this.links.rename(links, symbolId);
    this.#setLinks(symbolId, links);
    return links;
  }

  #join(table: LinkTable, symbolId: number, links: number[]): number {
    const link = table.add(symbolId);
    this.links.positions[link] = links.push(link) - 1;
    return link;
  }

  #setLinks(symbolId: number, links: number[]): void {
    // Filled up, so that the array stays dense however the ids come.
    for (let id = this.#bySymbol.length; id < symbolId; id++) this.#bySymbol.push(undefined);
    this.#bySymbol[symbolId] = links;
  }
}

function nameMatcher(nameSpace: NameSpace, pattern: string): (name: string) => boolean {
  const matches = patternMatcher(pattern);
  return (name) => nameSpace.has(name) && matches(nameSpace.symbolOf(name));
}
