import type { Subscriber } from '../subscriber/subscriber.ts';
import type { Subscription } from '../subscriber/subscription.ts';
import type { SymbolStatistics } from '../subscriber/symbol-statistics.ts';

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
    const statistics = this.#subscriber?.get(symbol);
    return statistics === undefined ? undefined : snapshotOf(statistics);
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

/** The statistics of a symbol at one moment; frozen. Statistics that were not asked for are NaN. */
export interface SymbolSnapshot {
  /** The symbol. */
  readonly symbol: string;
  /** Price of the newest tick by timestamp. */
  readonly currentPrice: number;
  /** `currentPrice` before the newest entry; NaN if that was the first. */
  readonly previousPrice: number;
  /** Mean of the last ticks applied, 64 unless the server is configured otherwise. */
  readonly movingAverage: number;
  /** Ticks applied since the epoch began. */
  readonly updateCount: number;
  /** Greatest timestamp of a tick, ms since the Unix epoch. */
  readonly lastUpdateTime: number;
  /** Lowest price of all ticks applied. */
  readonly minPrice: number;
  /** Highest price of all ticks applied. */
  readonly maxPrice: number;
  /** Whether the values are the server's newest; false while the connection is lost. */
  readonly isLive: boolean;
}

const FIELDS = [
  'symbol',
  'currentPrice',
  'previousPrice',
  'movingAverage',
  'updateCount',
  'lastUpdateTime',
  'minPrice',
  'maxPrice',
  'isLive',
] as const satisfies readonly (keyof SymbolStatistics & keyof SymbolSnapshot)[];

const newest = new WeakMap<SymbolStatistics, SymbolSnapshot>();

/** A snapshot of the statistics; the same object while no field changes. */
function snapshotOf(statistics: SymbolStatistics): SymbolSnapshot {
  const last = newest.get(statistics);
  if (last !== undefined && isUnchanged(last, statistics)) return last;
  const values = FIELDS.map((field) => [field, statistics[field]]);
  const snapshot = Object.freeze(Object.fromEntries(values)) as SymbolSnapshot;
  newest.set(statistics, snapshot);
  return snapshot;
}

function isUnchanged(last: SymbolSnapshot, now: SymbolStatistics): boolean {
  return FIELDS.every((field) => Object.is(last[field], now[field]));
}
