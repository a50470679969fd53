import { NO_SNAPSHOT } from '../fanout/symbol-versions.ts';
import { NOT_HELD } from './interest.ts';
import { PendingSymbols } from './pending-symbols.ts';
import { SubscriptionIndex } from './subscription-index.ts';
import {
  EXACT_INTEREST,
  FIELDS,
  FLAGS,
  LAST_ANOMALY,
  NO_ANOMALIES,
  POSITION,
  SESSION,
  SubscriptionRows,
  SYMBOL,
  VERSION,
} from './subscription-rows.ts';
import { type SymbolObserver, Wildcards } from './wildcards.ts';

/** A session, as the fan-out sees it. */
export interface Subscriber {
  /** Whether the fan-out has it on its list of sessions to flush. */
  isDue: boolean;
  /** Whether its statistics are held back until its `conflateMs` has passed. */
  readonly isConflating: boolean;
  /** Whether something waits only for room in the socket. */
  readonly isBehind: boolean;
  /** The symbol of a subscription has a version that the session was not sent. */
  markStats(subscription: number): void;
  /** The symbol of a subscription has a new anomaly. */
  markAnomalies(subscription: number): void;
  /** Sends what is due, as far as the socket takes it. */
  flush(): void;
}

/**
 * Who is subscribed to what. A subscription joins a session to a symbol, at most one for each pair;
 * it is found by the pair, and listed by symbol here and by session in session-subscriptions.ts.
 */
export class SubscriptionStore {
  /** Patterns held by all sessions. */
  patternsHeld = 0;
  readonly rows = new SubscriptionRows();
  readonly pending = new PendingSymbols();
  readonly wildcards = new Wildcards();
  /** By number of the session. */
  readonly subscribers: (Subscriber | undefined)[] = [];
  readonly #observers: (SymbolObserver | undefined)[] = [];
  readonly #freeSessions: number[] = [];
  readonly #index = new SubscriptionIndex(this.rows);
  /** Subscriptions by symbol id. */
  readonly #bySymbol: (number[] | undefined)[] = [];

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

  /** The subscriptions to a symbol; undefined when there never was one. */
  of(symbolId: number): readonly number[] | undefined {
    return this.#bySymbol[symbolId];
  }

  /** The subscription of a session to a symbol, or NONE. */
  find(session: number, symbolId: number): number {
    return this.#index.find(session, symbolId);
  }

  /** Makes a subscription that wants nothing yet. The session must have none to the symbol. */
  add(session: number, symbolId: number): number {
    const { rows } = this;
    const subscription = rows.allocate();
    const subscriptions = this.#listOf(symbolId);
    rows.set(subscription, SYMBOL, symbolId);
    rows.set(subscription, SESSION, session);
    rows.set(subscription, VERSION, NO_SNAPSHOT);
    rows.set(subscription, LAST_ANOMALY, NO_ANOMALIES);
    rows.set(subscription, POSITION, subscriptions.length);
    rows.setByte(subscription, FIELDS, 0);
    rows.setByte(subscription, EXACT_INTEREST, NOT_HELD);
    rows.setByte(subscription, FLAGS, 0);
    subscriptions.push(subscription);
    this.#index.add(subscription);
    return subscription;
  }

  /** Ends a subscription. Its number stays taken until the session releases it. */
  remove(subscription: number): void {
    const { pending, rows } = this;
    const symbolId = rows.get(subscription, SYMBOL);
    const subscriptions = this.#listOf(symbolId);
    const last = subscriptions.pop() as number;
    if (last !== subscription) {
      const position = rows.get(subscription, POSITION);
      subscriptions[position] = last;
      rows.set(last, POSITION, position);
    }
    this.#index.remove(subscription);
    if (symbolId < 0 && subscriptions.length === 0) pending.remove(symbolId);
  }

  /** A symbol exists from now on. Each session that it concerns learns of it once. */
  symbolAppeared(symbolId: number, name: string): void {
    const observers = new Set<SymbolObserver>();
    for (const subscription of this.#adopt(symbolId, name)) {
      const session = this.rows.get(subscription, SESSION);
      observers.add(this.#observers[session] as SymbolObserver);
    }
    this.wildcards.collectObservers(name, observers);
    for (const observer of observers) observer.symbolAppeared(symbolId, name);
  }

  /** Makes subscriptions to a pending symbol subscriptions to the one that exists. */
  #adopt(symbolId: number, name: string): readonly number[] {
    const pendingId = this.pending.find(name);
    if (pendingId === undefined) return [];
    const subscriptions = this.pending.subscriptions(pendingId);
    this.pending.remove(pendingId);
    for (const subscription of subscriptions) {
      this.#index.remove(subscription);
      this.rows.set(subscription, SYMBOL, symbolId);
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
