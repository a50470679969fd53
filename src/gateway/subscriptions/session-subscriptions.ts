import { NONE, type RecordKindName, type SubscriptionColumns } from './subscription-columns.ts';
import type { Subscriber, SubscriptionStore } from './subscription-store.ts';
import type { SymbolObserver } from './wildcards.ts';

/* The column FLAGS. */
const NAMED = 1;
export const STATS_PENDING = 2;
const REMOVED = 8;
const RECORDS_PENDING = { anomalies: 4, alerts: 16 } as const;

/** A queue of subscriptions, each at most once in it: a linked list through a column. */
class PendingQueue {
  count = 0;
  #first = NONE;
  #last = NONE;

  push(next: Int32Array, subscription: number): void {
    if (this.count++ === 0) this.#first = subscription;
    else next[this.#last] = subscription;
    this.#last = subscription;
  }

  shift(next: Int32Array): number {
    const subscription = this.#first;
    this.#first = next[subscription] as number;
    this.count--;
    return subscription;
  }

  /** Drops the subscriptions that were removed. Returns their number. */
  sweep(next: Int32Array, flags: Uint8Array): number {
    const before = this.count;
    for (let left = this.count; left > 0; left--) {
      const subscription = this.shift(next);
      if (((flags[subscription] as number) & REMOVED) === 0) this.push(next, subscription);
    }
    return before - this.count;
  }
}

/**
 * One session's subscriptions, and which of them are behind. The longest behind is served first,
 * even if the socket takes only a part at a time.
 */
export class SessionSubscriptions {
  readonly columns: SubscriptionColumns;
  readonly #store: SubscriptionStore;
  readonly #session: number;
  /** A linked list through `nextOfSession`, newest first. */
  #first = NONE;
  #hasRemoved = false;
  /** Subscriptions taken by {@link takeStats} so far. */
  statsTaken = 0;
  readonly #stats = new PendingQueue();
  readonly #records = { anomalies: new PendingQueue(), alerts: new PendingQueue() };
  /** Subscriptions that are behind in anomalies or in alerts: in both, twice. */
  recordsPending = 0;

  constructor(store: SubscriptionStore, subscriber: Subscriber, observer: SymbolObserver) {
    this.columns = store.columns;
    this.#store = store;
    this.#session = store.open(subscriber, observer);
  }

  /** Ends the session, which must have no subscriptions left. */
  close(): void {
    this.sweep();
    this.#store.close(this.#session);
  }

  /** The subscription to a symbol, or {@link NONE}. */
  find(symbolId: number): number {
    return this.#store.find(this.#session, symbolId);
  }

  /** Adds a subscription without interest. There must be none to the symbol. */
  add(symbolId: number): number {
    const subscription = this.#store.add(this.#session, symbolId);
    this.columns.nextOfSession[subscription] = this.#first;
    this.#first = subscription;
    return subscription;
  }

  /**
   * Ends a subscription. Queues still hold it, and its number is taken, until {@link sweep}.
   * Removing it again until then does nothing.
   */
  remove(subscription: number): void {
    if (!this.#raise(subscription, REMOVED)) return;
    this.#store.remove(subscription);
    this.#hasRemoved = true;
  }

  /**
   * Releases all removed subscriptions. Call before taking any. Returns how many of them were
   * behind in statistics.
   */
  sweep(): number {
    if (!this.#hasRemoved) return 0;
    this.#hasRemoved = false;
    const { columns } = this;
    const { flags, nextAlerts, nextAnomalies, nextOfSession, nextStats } = columns;
    const dropped = this.#stats.sweep(nextStats, flags);
    const { anomalies, alerts } = this.#records;
    this.recordsPending -= anomalies.sweep(nextAnomalies, flags);
    this.recordsPending -= alerts.sweep(nextAlerts, flags);
    let subscription = this.#first;
    let last = NONE;
    this.#first = NONE;
    while (subscription !== NONE) {
      const next = nextOfSession[subscription] as number;
      if (((flags[subscription] as number) & REMOVED) !== 0) {
        columns.release(subscription);
      } else {
        if (last === NONE) this.#first = subscription;
        else nextOfSession[last] = subscription;
        last = subscription;
      }
      subscription = next;
    }
    if (last !== NONE) nextOfSession[last] = NONE;
    return dropped;
  }

  /** All subscriptions, including those to pending symbols. */
  all(): number[] {
    const { flags, nextOfSession } = this.columns;
    const found: number[] = [];
    for (let at = this.#first; at !== NONE; at = nextOfSession[at] as number) {
      if (((flags[at] as number) & REMOVED) === 0) found.push(at);
    }
    return found;
  }

  /** The subscriptions to existing symbols, by ascending id. */
  bySymbolId(): number[] {
    const symbolOf = (subscription: number) => this.columns.symbolIds[subscription] as number;
    const existing = this.all().filter((subscription) => symbolOf(subscription) >= 0);
    return existing.sort((a, b) => symbolOf(a) - symbolOf(b));
  }

  get statsPending(): number {
    return this.#stats.count;
  }

  /** {@link statsTaken} once all changes that wait now were taken. */
  get pendingEnd(): number {
    return this.statsTaken + this.statsPending;
  }

  pendingOf(kind: RecordKindName): number {
    return this.#records[kind].count;
  }

  /** Marks a subscription as behind in statistics; false if it was already. */
  markStats(subscription: number): boolean {
    if (!this.#raise(subscription, STATS_PENDING)) return false;
    this.#stats.push(this.columns.nextStats, subscription);
    return true;
  }

  /** Marks a subscription as behind in records of a kind; false if it was already. */
  markRecords(subscription: number, kind: RecordKindName): boolean {
    if (!this.#raise(subscription, RECORDS_PENDING[kind])) return false;
    this.#records[kind].push(this.columns.nextOf(kind), subscription);
    this.recordsPending++;
    return true;
  }

  /** Takes the subscription that is longest behind in statistics. There must be one. */
  takeStats(): number {
    this.statsTaken++;
    const subscription = this.#stats.shift(this.columns.nextStats);
    this.#lower(subscription, STATS_PENDING);
    return subscription;
  }

  /** Takes the subscription that is longest behind in records of a kind. There must be one. */
  takeRecords(kind: RecordKindName): number {
    const subscription = this.#records[kind].shift(this.columns.nextOf(kind));
    this.recordsPending--;
    this.#lower(subscription, RECORDS_PENDING[kind]);
    return subscription;
  }

  /** Records that the session is sent the symbol's name; false if it was before. */
  markNamed(subscription: number): boolean {
    return this.#raise(subscription, NAMED);
  }

  /** The symbol is retired: its id means nothing any more. False if the session never got it. */
  unmarkNamed(subscription: number): boolean {
    const isNamed = ((this.columns.flags[subscription] as number) & NAMED) !== 0;
    this.#lower(subscription, NAMED);
    return isNamed;
  }

  /** Sets a flag; false if it was set. */
  #raise(subscription: number, flag: number): boolean {
    const column = this.columns.flags;
    const flags = column[subscription] as number;
    if ((flags & flag) !== 0) return false;
    column[subscription] = flags | flag;
    return true;
  }

  #lower(subscription: number, flag: number): void {
    const column = this.columns.flags;
    column[subscription] = (column[subscription] as number) & ~flag;
  }
}
