import {
  FLAGS,
  NEXT_ANOMALIES,
  NEXT_OF_SESSION,
  NEXT_STATS,
  NONE,
  type SubscriptionRows,
  SYMBOL,
} from './subscription-rows.ts';
import type { Subscriber, SubscriptionStore } from './subscription-store.ts';
import type { SymbolObserver } from './wildcards.ts';

/* The column FLAGS. */
const NAMED = 1;
export const STATS_PENDING = 2;
const ANOMALIES_PENDING = 4;
const REMOVED = 8;

/** A queue of subscriptions, each at most once in it: a list through a column. */
class PendingQueue {
  count = 0;
  readonly #rows: SubscriptionRows;
  readonly #column: number;
  readonly #flag: number;
  #first = NONE;
  #last = NONE;

  constructor(rows: SubscriptionRows, column: number, flag: number) {
    this.#rows = rows;
    this.#column = column;
    this.#flag = flag;
  }

  /** Adds a subscription; false when it is in already. */
  push(subscription: number): boolean {
    if (!raise(this.#rows, subscription, this.#flag)) return false;
    this.#append(subscription);
    return true;
  }

  /** Takes the subscription that was added first. There must be one. */
  shift(): number {
    const subscription = this.#unlinkFirst();
    const flags = this.#rows.getByte(subscription, FLAGS);
    this.#rows.setByte(subscription, FLAGS, flags & ~this.#flag);
    return subscription;
  }

  /** Drops the subscriptions that were removed. */
  sweep(): void {
    for (let left = this.count; left > 0; left--) {
      const subscription = this.#unlinkFirst();
      if (!isRemoved(this.#rows, subscription)) this.#append(subscription);
    }
  }

  #append(subscription: number): void {
    if (this.count++ === 0) this.#first = subscription;
    else this.#rows.set(this.#last, this.#column, subscription);
    this.#last = subscription;
  }

  #unlinkFirst(): number {
    const subscription = this.#first;
    this.#first = this.#rows.get(subscription, this.#column);
    this.count--;
    return subscription;
  }
}

/**
 * One session's subscriptions, and which of them are behind: the longest behind is served first,
 * also where the socket takes only a part at a time.
 */
export class SessionSubscriptions {
  readonly rows: SubscriptionRows;
  readonly #store: SubscriptionStore;
  readonly #session: number;
  /** A list through NEXT_OF_SESSION, the newest first. */
  #first = NONE;
  #hasRemoved = false;
  readonly #stats: PendingQueue;
  readonly #anomalies: PendingQueue;

  constructor(store: SubscriptionStore, subscriber: Subscriber, observer: SymbolObserver) {
    this.rows = store.rows;
    this.#store = store;
    this.#session = store.open(subscriber, observer);
    this.#stats = new PendingQueue(store.rows, NEXT_STATS, STATS_PENDING);
    this.#anomalies = new PendingQueue(store.rows, NEXT_ANOMALIES, ANOMALIES_PENDING);
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

  /** Makes a subscription that wants nothing yet. There must be none to the symbol. */
  add(symbolId: number): number {
    const subscription = this.#store.add(this.#session, symbolId);
    this.rows.set(subscription, NEXT_OF_SESSION, this.#first);
    this.#first = subscription;
    return subscription;
  }

  /** Ends a subscription. Queues still hold it, and its number is taken, until {@link sweep}. */
  remove(subscription: number): void {
    raise(this.rows, subscription, REMOVED);
    this.#store.remove(subscription);
    this.#hasRemoved = true;
  }

  /** Forgets what was removed, all in one go. To be called before anything is taken. */
  sweep(): void {
    if (!this.#hasRemoved) return;
    this.#hasRemoved = false;
    this.#stats.sweep();
    this.#anomalies.sweep();
    const { rows } = this;
    let subscription = this.#first;
    let last = NONE;
    this.#first = NONE;
    while (subscription !== NONE) {
      const next = rows.get(subscription, NEXT_OF_SESSION);
      if (isRemoved(rows, subscription)) {
        rows.release(subscription);
      } else {
        if (last === NONE) this.#first = subscription;
        else rows.set(last, NEXT_OF_SESSION, subscription);
        last = subscription;
      }
      subscription = next;
    }
    if (last !== NONE) rows.set(last, NEXT_OF_SESSION, NONE);
  }

  /** All that were not removed, those to pending symbols too. */
  all(): number[] {
    const { rows } = this;
    const found: number[] = [];
    for (let at = this.#first; at !== NONE; at = rows.get(at, NEXT_OF_SESSION)) {
      if (!isRemoved(rows, at)) found.push(at);
    }
    return found;
  }

  /** Those to symbols that exist, in ascending order of their ids. */
  bySymbolId(): number[] {
    const symbolOf = (subscription: number) => this.rows.get(subscription, SYMBOL);
    const existing = this.all().filter((subscription) => symbolOf(subscription) >= 0);
    return existing.sort((a, b) => symbolOf(a) - symbolOf(b));
  }

  get statsPending(): number {
    return this.#stats.count;
  }

  get anomaliesPending(): number {
    return this.#anomalies.count;
  }

  /** Marks a subscription as behind in statistics; false when it was already. */
  markStats(subscription: number): boolean {
    return this.#stats.push(subscription);
  }

  /** Marks a subscription as behind in anomalies; false when it was already. */
  markAnomalies(subscription: number): boolean {
    return this.#anomalies.push(subscription);
  }

  /** Takes the subscription that is longest behind in statistics. There must be one. */
  takeStats(): number {
    return this.#stats.shift();
  }

  /** Takes the subscription that is longest behind in anomalies. There must be one. */
  takeAnomalies(): number {
    return this.#anomalies.shift();
  }

  /** Notes that the session is being sent the symbol's name; false when it was before. */
  markNamed(subscription: number): boolean {
    return raise(this.rows, subscription, NAMED);
  }
}

/** Sets a flag; false when it was set. */
function raise(rows: SubscriptionRows, subscription: number, flag: number): boolean {
  const flags = rows.getByte(subscription, FLAGS);
  if ((flags & flag) !== 0) return false;
  rows.setByte(subscription, FLAGS, flags | flag);
  return true;
}

function isRemoved(rows: SubscriptionRows, subscription: number): boolean {
  return (rows.getByte(subscription, FLAGS) & REMOVED) !== 0;
}
