import { NO_LINK } from './link-index.ts';
import type { LinkPool } from './link-pool.ts';

/* What the flags of a link say. */
const NAMED = 1;
export const STATS_PENDING = 2;
const ANOMALIES_PENDING = 4;
const REMOVED = 8;

/**
 * A queue of links of which none stands in it twice, so that it is a list within a column: whoever waits longest is served
 * first, also where the socket takes only a part at a time.
 */
class PendingLinks {
  count = 0;
  #first = NO_LINK;
  #last = NO_LINK;

  push(next: Int32Array, link: number): void {
    if (this.count++ === 0) this.#first = link;
    else next[this.#last] = link;
    this.#last = link;
  }

  shift(next: Int32Array): number {
    const link = this.#first;
    this.#first = next[link] as number;
    this.count--;
    return link;
  }

  /** Drops the links that are removed. */
  sweep(next: Int32Array, flags: Uint8Array): void {
    for (let left = this.count; left > 0; left--) {
      const link = this.shift(next);
      if (((flags[link] as number) & REMOVED) === 0) this.push(next, link);
    }
  }
}

/** A session's links: its cursors on the symbols it is subscribed to, and which of them are behind. */
export class LinkTable {
  /** Number of the session. */
  readonly owner: number;
  readonly #pool: LinkPool;
  /** Links of the session, a list in the pool's `nextOfSession`, the newest first. */
  #first = NO_LINK;
  readonly #statsPending = new PendingLinks();
  readonly #anomaliesPending = new PendingLinks();

  constructor(pool: LinkPool, owner: number) {
    this.#pool = pool;
    this.owner = owner;
  }

  /* Columns, by link. */

  get symbolIds(): Int32Array {
    return this.#pool.symbolIds;
  }

  get cursors(): Int32Array {
    return this.#pool.cursors;
  }

  get anomalies(): Uint32Array {
    return this.#pool.anomalies;
  }

  get fields(): Uint8Array {
    return this.#pool.fields;
  }

  get exact(): Uint8Array {
    return this.#pool.exact;
  }

  /** The link to a symbol, or {@link NO_LINK}. */
  find(symbolId: number): number {
    return this.#pool.find(this.owner, symbolId);
  }

  /** Makes a link that wants nothing yet. */
  add(symbolId: number): number {
    const link = this.#pool.allocate(this.owner, symbolId);
    this.#pool.nextOfSession[link] = this.#first;
    this.#first = link;
    return link;
  }

  /** Removes a link; its number stays taken, and stands in queues, until {@link sweep}. */
  remove(link: number): void {
    const { flags } = this.#pool;
    flags[link] = (flags[link] as number) | REMOVED;
    this.#pool.hide(link);
  }

  /** Forgets the links that were removed, all in one go: to be called before anything is marked or taken. */
  sweep(): void {
    const { flags, nextAnomalies, nextOfSession, nextStats } = this.#pool;
    this.#statsPending.sweep(nextStats, flags);
    this.#anomaliesPending.sweep(nextAnomalies, flags);
    let link = this.#first;
    let last = NO_LINK;
    this.#first = NO_LINK;
    while (link !== NO_LINK) {
      const next = nextOfSession[link] as number;
      if (((flags[link] as number) & REMOVED) !== 0) {
        this.#pool.release(link);
      } else {
        if (last === NO_LINK) this.#first = link;
        else nextOfSession[last] = link;
        last = link;
      }
      link = next;
    }
    if (last !== NO_LINK) nextOfSession[last] = NO_LINK;
  }

  /** The links to symbols, those to awaited ones too. */
  all(): number[] {
    const { nextOfSession } = this.#pool;
    const links: number[] = [];
    for (let link = this.#first; link !== NO_LINK; link = nextOfSession[link] as number) {
      links.push(link);
    }
    return links;
  }

  /** The links to symbols that exist, in ascending order of their ids. */
  bySymbolId(): number[] {
    const { symbolIds } = this.#pool;
    const existing = this.all().filter((link) => (symbolIds[link] as number) >= 0);
    return existing.sort((a, b) => (symbolIds[a] as number) - (symbolIds[b] as number));
  }

  get statsPending(): number {
    return this.#statsPending.count;
  }

  get anomaliesPending(): number {
    return this.#anomaliesPending.count;
  }

  /** Marks a link as behind in statistics; false when it was already. */
  markStats(link: number): boolean {
    if (!this.#raise(link, STATS_PENDING)) return false;
    this.#statsPending.push(this.#pool.nextStats, link);
    return true;
  }

  /** Marks a link as behind in anomalies; false when it was already. */
  markAnomalies(link: number): boolean {
    if (!this.#raise(link, ANOMALIES_PENDING)) return false;
    this.#anomaliesPending.push(this.#pool.nextAnomalies, link);
    return true;
  }

  /** A link behind in statistics, no longer marked. There must be one. */
  takeStats(): number {
    const link = this.#statsPending.shift(this.#pool.nextStats);
    this.#lower(link, STATS_PENDING);
    return link;
  }

  /** A link behind in anomalies, no longer marked. There must be one. */
  takeAnomalies(): number {
    const link = this.#anomaliesPending.shift(this.#pool.nextAnomalies);
    this.#lower(link, ANOMALIES_PENDING);
    return link;
  }

  /** Notes that the session is being told the symbol's name; false when it was before. */
  name(link: number): boolean {
    return this.#raise(link, NAMED);
  }

  #raise(link: number, flag: number): boolean {
    const column = this.#pool.flags;
    const flags = column[link] as number;
    if ((flags & flag) !== 0) return false;
    column[link] = flags | flag;
    return true;
  }

  #lower(link: number, flag: number): void {
    const column = this.#pool.flags;
    column[link] = (column[link] as number) & ~flag;
  }
}
