import type { Subscriber } from '../subscriber/subscriber.ts';
import type { Subscription } from '../subscriber/subscription.ts';
import type { SymbolSnapshot, SymbolStatistics } from '../subscriber/symbol-statistics.ts';

/** A symbol shown by components. */
interface Watched {
  readonly listeners: Set<() => void>;
  /** Set while a subscriber is attached. */
  subscription: Subscription | undefined;
}

/** Statistics only; useAnomalies subscribes to anomalies itself. */
const STATS_ONLY = { anomalies: false };

/** What the components below a provider share: its subscriber, and which component shows what. */
export class SubscriberStore {
  readonly #watched = new Map<string, Watched>();
  readonly #connectionListeners = new Set<() => void>();
  #subscriber: Subscriber | undefined;
  #isAttached = false;

  /** @param subscriber its data can be read before it is attached */
  constructor(subscriber?: Subscriber) {
    this.#subscriber = subscriber;
  }

  get subscriber(): Subscriber | undefined {
    return this.#subscriber;
  }

  /**
   * Subscribes for the components and notifies them of changes.
   *
   * @returns detaches; to be called before another subscriber is attached
   */
  attach(subscriber: Subscriber): () => void {
    this.#subscriber = subscriber;
    this.#isAttached = true;
    for (const [symbol, watched] of this.#watched) watched.subscription = this.#subscribe(symbol);
    const stops = [
      subscriber.on('update', ({ changes }) => this.#dispatch(changes)),
      subscriber.on('retired', ({ symbols }) => this.#notify(symbols)),
      subscriber.on('state', () => this.#notifyAll()),
      subscriber.on('lag', () => this.#notifyAll()),
      subscriber.on('reset', () => this.#notifyAll()),
    ];
    this.#notifyAll();
    return () => {
      for (const stop of stops) stop();
      this.#subscriber = undefined;
      this.#isAttached = false;
      for (const watched of this.#watched.values()) {
        watched.subscription?.unsubscribe();
        watched.subscription = undefined;
      }
      this.#notifyAll();
    };
  }

  /**
   * Subscribes to a symbol while it has listeners.
   *
   * @param listener called when the symbol's data may have changed
   * @returns removes the listener
   */
  watch(symbol: string, listener: () => void): () => void {
    const watched = this.#watched.get(symbol) ?? this.#begin(symbol);
    watched.listeners.add(listener);
    return () => {
      watched.listeners.delete(listener);
      if (watched.listeners.size > 0) return;
      watched.subscription?.unsubscribe();
      this.#watched.delete(symbol);
    };
  }

  /** The same object until the symbol's data changes. */
  snapshot(symbol: string): SymbolSnapshot | undefined {
    return this.#subscriber?.snapshot(symbol);
  }

  /** Calls back when the subscriber or its connection state changes. */
  watchConnection(listener: () => void): () => void {
    this.#connectionListeners.add(listener);
    return () => {
      this.#connectionListeners.delete(listener);
    };
  }

  #begin(symbol: string): Watched {
    const watched: Watched = { listeners: new Set(), subscription: this.#subscribe(symbol) };
    this.#watched.set(symbol, watched);
    return watched;
  }

  #subscribe(symbol: string): Subscription | undefined {
    const subscriber = this.#isAttached ? this.#subscriber : undefined;
    // A closed subscriber brings nothing, but must not break the page.
    return subscriber?.state === 'closed' ? undefined : subscriber?.subscribe(symbol, STATS_ONLY);
  }

  // Once a frame: the cost depends on what changed, not on the number of components.
  #dispatch(changes: readonly SymbolStatistics[]): void {
    for (const { symbol } of changes) this.#notify([symbol]);
  }

  #notify(symbols: readonly string[]): void {
    for (const symbol of symbols) {
      for (const listener of this.#watched.get(symbol)?.listeners ?? []) listener();
    }
  }

  #notifyAll(): void {
    for (const { listeners } of this.#watched.values()) {
      for (const listener of listeners) listener();
    }
    for (const listener of this.#connectionListeners) listener();
  }
}
