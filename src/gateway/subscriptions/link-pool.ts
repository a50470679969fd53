import { NO_SNAPSHOT } from '../fanout/symbol-versions.ts';
import { grown } from './grown-column.ts';
import { LinkIndex, type LinkKeys, NO_LINK } from './link-index.ts';
import { NOT_HELD } from './wants.ts';

/** The anomaly cursor of a link whose anomalies are not wanted. */
export const NO_ANOMALIES = 0xffff_ffff;

/**
 * Links there is room for from the start: 35 MiB of address space, of which the operating system gives pages only as they
 * are first written. Small columns that grow would leave their former selves behind until the next full collection.
 */
const LINKS_RESERVED = 1024 * 1024;
const GROWTH = 1.5;

/**
 * The links of all sessions, one for each symbol that a session is subscribed to, in columns by link number, 35 bytes each.
 * Sessions hold numbers only, so that one without subscriptions holds next to nothing. A column is another array after
 * it grew: read it from the pool, not from a variable that outlives an {@link allocate}.
 */
export class LinkPool implements LinkKeys {
  /** Below 0: a symbol that does not exist yet (awaited-symbols.ts). */
  symbolIds: Int32Array;
  /** Number of the session. */
  owners: Int32Array;
  /** Snapshot last sent; NO_SNAPSHOT before the first entry. */
  cursors: Int32Array;
  /** Where the link stands among its symbol's. */
  positions: Int32Array;
  /** Sequence of the last anomaly sent; NO_ANOMALIES where they are not wanted. */
  anomalies: Uint32Array;
  /** Mask of the statistics wanted, by all patterns that match; 0 where they are not. */
  fields: Uint8Array;
  /** What the session's pattern of just this name wants (wants.ts). */
  exact: Uint8Array;
  /** Whose meaning link-table.ts knows, as that of the lists below: what the session was told and has coming. */
  flags: Uint8Array;
  nextOfSession: Int32Array;
  nextStats: Int32Array;
  nextAnomalies: Int32Array;
  /** Links in use. */
  size = 0;
  readonly #index = new LinkIndex(this);
  /** Numbers to use again: a list in `nextOfSession`. */
  #free = NO_LINK;
  #used = 0;

  /** @param reserved links there is room for before the columns grow */
  constructor(reserved = LINKS_RESERVED) {
    this.symbolIds = new Int32Array(reserved);
    this.owners = new Int32Array(reserved);
    this.cursors = new Int32Array(reserved);
    this.positions = new Int32Array(reserved);
    this.anomalies = new Uint32Array(reserved);
    this.fields = new Uint8Array(reserved);
    this.exact = new Uint8Array(reserved);
    this.flags = new Uint8Array(reserved);
    this.nextOfSession = new Int32Array(reserved);
    this.nextStats = new Int32Array(reserved);
    this.nextAnomalies = new Int32Array(reserved);
  }

  /** Numbers in use at the busiest time so far: what the columns take, 35 bytes each. */
  get peak(): number {
    return this.#used;
  }

  /** The link of a session to a symbol, or {@link NO_LINK}. */
  find(owner: number, symbolId: number): number {
    return this.#index.find(owner, symbolId);
  }

  /** Makes a link that wants nothing yet. The session must have none to the symbol. */
  allocate(owner: number, symbolId: number): number {
    const link = this.#number();
    this.symbolIds[link] = symbolId;
    this.owners[link] = owner;
    this.cursors[link] = NO_SNAPSHOT;
    this.anomalies[link] = NO_ANOMALIES;
    this.fields[link] = 0;
    this.exact[link] = NOT_HELD;
    this.flags[link] = 0;
    this.#index.add(link);
    this.size++;
    return link;
  }

  /** Links that lead to one symbol lead to another: what was awaited exists. */
  rename(links: readonly number[], symbolId: number): void {
    for (const link of links) {
      this.#index.remove(link);
      this.symbolIds[link] = symbolId;
      this.#index.add(link);
    }
  }

  /** From here on the link is not found; its number stays taken until it is released. */
  hide(link: number): void {
    this.#index.remove(link);
  }

  /** Gives a hidden link's number back. */
  release(link: number): void {
    this.nextOfSession[link] = this.#free;
    this.#free = link;
    this.size--;
  }

  #number(): number {
    const free = this.#free;
    if (free !== NO_LINK) {
      this.#free = this.nextOfSession[free] as number;
      return free;
    }
    if (this.#used === this.symbolIds.length) this.#grow();
    return this.#used++;
  }

  #grow(): void {
    const size = Math.ceil(this.symbolIds.length * GROWTH);
    this.symbolIds = grown(this.symbolIds, new Int32Array(size));
    this.owners = grown(this.owners, new Int32Array(size));
    this.cursors = grown(this.cursors, new Int32Array(size));
    this.positions = grown(this.positions, new Int32Array(size));
    this.anomalies = grown(this.anomalies, new Uint32Array(size));
    this.fields = grown(this.fields, new Uint8Array(size));
    this.exact = grown(this.exact, new Uint8Array(size));
    this.flags = grown(this.flags, new Uint8Array(size));
    this.nextOfSession = grown(this.nextOfSession, new Int32Array(size));
    this.nextStats = grown(this.nextStats, new Int32Array(size));
    this.nextAnomalies = grown(this.nextAnomalies, new Int32Array(size));
  }
}
