import { NO_VERSION } from '../fanout/symbol-versions.ts';
import { NOT_HELD } from './interest.ts';
import { PendingSymbols } from './pending-symbols.ts';
import { NO_RECORDS, type RecordKindName, SubscriptionColumns } from './subscription-columns.ts';
import { SubscriptionIndex } from './subscription-index.ts';
import { type SymbolObserver, Wildcards } from './wildcards.ts';

/**
 * Subscriptions to reserve address space for, 60 bytes each. The operating system commits pages as
 * they are first written.
 */
const RESERVED = 16 * 1024 * 1024;

/** A session, as the fan-out sees it. */
export interface Subscriber {
  /** Whether it is on the fan-out's list of sessions to flush. */
  isMarked: boolean;
  /** Whether its statistics are held back, and it will flush by itself once they may go. */
  readonly isHeld: boolean;
  /** Whether statistics wait only for space in the socket. */
  readonly isBehind: boolean;
  /** The symbol of a subscription has a version that the session was not sent. */
  markStats(subscription: number): void;
  /** The symbol of a subscription has a new record of a kind. Returns whether it wants it. */
  markRecords(subscription: number, kind: RecordKindName): boolean;
  /** The symbol of a subscription is being retired: forgets what the session was sent of it. */
  symbolRetired(subscription: number): void;
  /** Ends a subscription to a symbol that is gone. */
  endSubscription(subscription: number): void;
  /**
   * Sends the due changes, as far as the socket allows.
   *
   * @param now a reading of `performance.now` that may be some messages old
   */
  flush(now?: number): void;
}

/**
 * All subscriptions. A subscription joins a session to a symbol, at most one for each pair; it is
 * found by the pair, and listed by symbol here and by session in session-subscriptions.ts.
 */
export class SubscriptionStore {
  /** Patterns held by all sessions. */
  patternsHeld = 0;
  readonly columns: SubscriptionColumns;
  readonly pending = new PendingSymbols();
  readonly wildcards = new Wildcards();
  /** By number of the session. */
  readonly subscribers: (Subscriber | undefined)[] = [];
  readonly #observers: (SymbolObserver | undefined)[] = [];
  readonly #freeSessions: number[] = [];
  readonly #index: SubscriptionIndex;
  /** Subscriptions by symbol id. */
  readonly #bySymbol: (number[] | undefined)[] = [];

  /** @param reserved subscriptions that there may be before growing copies */
  constructor(reserved = RESERVED) {
    this.columns = new SubscriptionColumns(reserved);
    this.#index = new SubscriptionIndex(this.columns, reserved);
  }

  /** Gives a session a number. */
  open(subscriber: Subscriber, observer: SymbolObserver): number {
    const session = this.#freeSessions.pop() ?? this.subscribers.length;
    this.subscribers[session] = subscriber;
    this.#observers[session] = observer;
    return session;
  }

  /** Frees the number of a session, which must have no subscriptions left. */
  close(session: number): void {
    this.subscribers[session] = undefined;
    this.#observers[session] = undefined;
    this.#freeSessions.push(session);
  }

  /** The subscriptions to a symbol; undefined if it never had one. */
  of(symbolId: number): readonly number[] | undefined {
    return this.#bySymbol[symbolId];
  }

  /** The subscription of a session to a symbol, or NONE. */
  find(session: number, symbolId: number): number {
    return this.#index.find(session, symbolId);
  }

  /** Adds a subscription without interest. The session must have none to the symbol. */
  add(session: number, symbolId: number): number {
    const { columns } = this;
    const subscription = columns.allocate();
    const subscriptions = this.#listOf(symbolId);
    columns.symbolIds[subscription] = symbolId;
    columns.sessions[subscription] = session;
    columns.versions[subscription] = NO_VERSION;
    columns.lastAnomalies[subscription] = NO_RECORDS;
    columns.lastAlerts[subscription] = NO_RECORDS;
    columns.positions[subscription] = subscriptions.length;
    columns.fields[subscription] = 0;
    columns.exactInterests[subscription] = NOT_HELD;
    columns.flags[subscription] = 0;
    subscriptions.push(subscription);
    this.#index.add(subscription);
    return subscription;
  }

  /** Ends a subscription. Its number stays taken until the session releases it. */
  remove(subscription: number): void {
    const { pending, columns } = this;
    const symbolId = columns.symbolIds[subscription] as number;
    const subscriptions = this.#listOf(symbolId);
    const last = subscriptions.pop() as number;
    if (last !== subscription) {
      const position = columns.positions[subscription] as number;
      subscriptions[position] = last;
      columns.positions[last] = position;
    }
    this.#index.remove(subscription);
    if (symbolId < 0 && subscriptions.length === 0) pending.remove(symbolId);
  }

  /** A symbol exists from now on. Notifies each session concerned once. */
  symbolAppeared(symbolId: number, name: string): void {
    const observers = new Set<SymbolObserver>();
    for (const subscription of this.#adopt(symbolId, name)) {
      const session = this.columns.sessions[subscription] as number;
      observers.add(this.#observers[session] as SymbolObserver);
    }
    this.wildcards.collectObservers(name, observers);
    for (const observer of observers) observer.symbolAppeared(symbolId, name);
  }

  /**
   * A symbol is being retired. A subscription of an exact pattern waits for the symbol to return;
   * any other ends.
   *
   * @param hasReturned whether the symbol took ticks of its next life already: all subscriptions
   *   stay
   * @param concerned gets the sessions that have something to be sent
   */
  symbolRetired(
    symbolId: number,
    name: string,
    hasReturned: boolean,
    concerned: Set<Subscriber>,
  ): void {
    for (const subscription of this.of(symbolId)?.slice() ?? []) {
      const subscriber = this.subscribers[
        this.columns.sessions[subscription] as number
      ] as Subscriber;
      concerned.add(subscriber);
      subscriber.symbolRetired(subscription);
      if (hasReturned) continue;
      if (this.columns.exactInterests[subscription] === NOT_HELD) {
        subscriber.endSubscription(subscription);
      }
    }
    if (!hasReturned) this.#await(symbolId, name);
  }

  /** Moves the subscriptions to a symbol that is gone to a pending one. */
  #await(symbolId: number, name: string): void {
    const subscriptions = this.#bySymbol[symbolId];
    this.#bySymbol[symbolId] = undefined;
    if (subscriptions === undefined || subscriptions.length === 0) return;
    const pendingId = this.pending.add(name);
    const waiting = this.pending.subscriptions(pendingId);
    for (const subscription of subscriptions) {
      this.#index.remove(subscription);
      this.columns.symbolIds[subscription] = pendingId;
      this.#index.add(subscription);
      waiting.push(subscription);
    }
  }

  /** Moves the subscriptions to a pending symbol to the symbol that now exists. */
  #adopt(symbolId: number, name: string): readonly number[] {
    const pendingId = this.pending.find(name);
    if (pendingId === undefined) return [];
    const subscriptions = this.pending.subscriptions(pendingId);
    this.pending.remove(pendingId);
    for (const subscription of subscriptions) {
      this.#index.remove(subscription);
      this.columns.symbolIds[subscription] = symbolId;
      this.#index.add(subscription);
    }
    this.#setList(symbolId, subscriptions);
    return subscriptions;
  }

  #listOf(symbolId: number): number[] {
    if (symbolId < 0) return this.pending.subscriptions(symbolId);
    const subscriptions = this.#bySymbol[symbolId];
    return subscriptions ?? this.#setList(symbolId, []);
  }

  #setList(symbolId: number, subscriptions: number[]): number[] {
    // Ids come in any order. Filling the gaps keeps the array dense.
    while (this.#bySymbol.length <= symbolId) this.#bySymbol.push(undefined);
    this.#bySymbol[symbolId] = subscriptions;
    return subscriptions;
  }
}
