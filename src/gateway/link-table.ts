import { grown } from './grown-column.ts';
import { NO_SNAPSHOT } from './snapshot-pool.ts';

/** The anomaly cursor of a link whose anomalies are not wanted. */
export const NO_ANOMALIES = 0xffff_ffff;

/*
 * The links of one session, one for each subscribed symbol that exists, in columns by link number:
 *
 *   symbolIds   Int32    -1: the number is free
 *   cursors     Int32    snapshot last sent; NO_SNAPSHOT before the first entry
 *   positions   Int32    where the link stands among its symbol's subscribers
 *   anomalies   Uint32   sequence of the last anomaly sent; NO_ANOMALIES where they are not wanted
 *   fields      Uint8    mask of the statistics wanted; 0 where they are not
 *   flags       Uint8    what the session was told and has coming
 */
const NAMED = 1;
const STATS_PENDING = 2;
const ANOMALIES_PENDING = 4;

const INITIAL_LINKS = 8;

/**
 * A queue of links of which none stands in it twice, so that it never outgrows the table: whoever waits longest is served
 * first, also where the socket takes only a part at a time.
 */
class PendingLinks {
  count = 0;
  /** A ring; its length is a power of two. */
  #links = new Int32Array(INITIAL_LINKS);
  #first = 0;

  push(link: number): void {
    this.#links[(this.#first + this.count++) & (this.#links.length - 1)] = link;
  }

  shift(): number {
    const link = this.#links[this.#first] as number;
    this.#first = (this.#first + 1) & (this.#links.length - 1);
    this.count--;
    return link;
  }

  remove(link: number): void {
    for (let left = this.count; left > 0; left--) {
      const first = this.shift();
      if (first !== link) this.push(first);
    }
  }

  /** Makes room for `length` links, a power of two. */
  grow(length: number): void {
    const links = new Int32Array(length);
    for (let i = 0; i < this.count; i++) {
      links[i] = this.#links[(this.#first + i) & (this.#links.length - 1)] as number;
    }
    this.#links = links;
    this.#first = 0;
  }
}

/** A session's links: its cursors on the symbols it is subscribed to, and which of them are behind. */
export class LinkTable {
  symbolIds = new Int32Array(INITIAL_LINKS);
  cursors = new Int32Array(INITIAL_LINKS);
  positions = new Int32Array(INITIAL_LINKS);
  anomalies = new Uint32Array(INITIAL_LINKS);
  fields = new Uint8Array(INITIAL_LINKS);
  /** Links in use. */
  size = 0;
  #flags = new Uint8Array(INITIAL_LINKS);
  readonly #bySymbol = new Map<number, number>();
  readonly #free: number[] = [];
  #used = 0;
  readonly #statsPending = new PendingLinks();
  readonly #anomaliesPending = new PendingLinks();

  /** The link to a symbol, or undefined. */
  find(symbolId: number): number | undefined {
    return this.#bySymbol.get(symbolId);
  }

  /** Makes a link that wants nothing yet. */
  add(symbolId: number): number {
    if (this.#free.length === 0 && this.#used === this.symbolIds.length) this.#grow();
    const link = this.#free.pop() ?? this.#used++;
    this.symbolIds[link] = symbolId;
    this.cursors[link] = NO_SNAPSHOT;
    this.anomalies[link] = NO_ANOMALIES;
    this.fields[link] = 0;
    this.#flags[link] = 0;
    this.#bySymbol.set(symbolId, link);
    this.size++;
    return link;
  }

  remove(link: number): void {
    const flags = this.#flags[link] as number;
    if ((flags & STATS_PENDING) !== 0) this.#statsPending.remove(link);
    if ((flags & ANOMALIES_PENDING) !== 0) this.#anomaliesPending.remove(link);
    this.#bySymbol.delete(this.symbolIds[link] as number);
    this.symbolIds[link] = -1;
    this.#free.push(link);
    this.size--;
  }

  /** The links in use, in ascending order of their symbols' ids. */
  bySymbolId(): number[] {
    return [...this.#bySymbol].sort(([a], [b]) => a - b).map(([, link]) => link);
  }

  get statsPending(): number {
    return this.#statsPending.count;
  }

  get anomaliesPending(): number {
    return this.#anomaliesPending.count;
  }

  /** Marks a link as behind in statistics; false when it was already. */
  markStats(link: number): boolean {
    return this.#mark(link, STATS_PENDING, this.#statsPending);
  }

  /** Marks a link as behind in anomalies; false when it was already. */
  markAnomalies(link: number): boolean {
    return this.#mark(link, ANOMALIES_PENDING, this.#anomaliesPending);
  }

  /** A link behind in statistics, no longer marked. There must be one. */
  takeStats(): number {
    return this.#take(STATS_PENDING, this.#statsPending);
  }

  /** A link behind in anomalies, no longer marked. There must be one. */
  takeAnomalies(): number {
    return this.#take(ANOMALIES_PENDING, this.#anomaliesPending);
  }

  /** Notes that the session is being told the symbol's name; false when it was before. */
  name(link: number): boolean {
    const flags = this.#flags[link] as number;
    this.#flags[link] = flags | NAMED;
    return (flags & NAMED) === 0;
  }

  #mark(link: number, flag: number, pending: PendingLinks): boolean {
    const flags = this.#flags[link] as number;
    if ((flags & flag) !== 0) return false;
    this.#flags[link] = flags | flag;
    pending.push(link);
    return true;
  }

  #take(flag: number, pending: PendingLinks): number {
    const link = pending.shift();
    this.#flags[link] = (this.#flags[link] as number) & ~flag;
    return link;
  }

  #grow(): void {
    const size = this.symbolIds.length * 2;
    this.symbolIds = grown(this.symbolIds, new Int32Array(size));
    this.cursors = grown(this.cursors, new Int32Array(size));
    this.positions = grown(this.positions, new Int32Array(size));
    this.anomalies = grown(this.anomalies, new Uint32Array(size));
    this.fields = grown(this.fields, new Uint8Array(size));
    this.#flags = grown(this.#flags, new Uint8Array(size));
    this.#statsPending.grow(size);
    this.#anomaliesPending.grow(size);
  }
}
