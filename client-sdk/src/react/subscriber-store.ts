import type { Subscriber } from '../subscriber/subscriber.ts';
import type { Subscription } from '../subscriber/subscription.ts';
import type { SymbolStatistics } from '../subscriber/symbol-statistics.ts';

/** A symbol that components show. */
interface Watched {
  readonly listeners: Set<() => void>;
  /** Held while a subscriber is attached. */
  subscription: Subscription | undefined;
}

/** Components want the statistics of symbols; anomalies are asked for apart. */
const WANTS = { anomalies: false };

/** What the components under a provider share: its subscriber, and who of them shows what. */
export class SubscriberStore {
  readonly #watched = new Map<string, Watched>();
  readonly #connectionListeners = new Set<() => void>();
  #subscriber: Subscriber | undefined;
  #isAttached = false;

  /** @param subscriber whose data may be read before it is attached */
  constructor(subscriber?: Subscriber) {
    this.#subscriber = subscriber;
  }

  get subscriber(): Subscriber | undefined {
    return this.#subscriber;
  }

  /**
   * Subscribes at this subscriber for the components, and tells them of its data.
   *
   * @returns ends it, and must be called before another one is attached
   */
  attach(subscriber: Subscriber): () => void {
    this.#subscriber = subscriber;
    this.#isAttached = true;
    for (const [symbol, watched] of this.#watched) watched.subscription = this.#subscribe(symbol);
    const stops = [
      subscriber.on('update', ({ changes }) => this.#dispatch(changes)),
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
   * Subscribes to a symbol for as long as anybody watches it.
   *
   * @param listener called when something of the symbol may have changed
   * @returns ends it
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

  /** The same object until something of the symbol changes. */
  snapshot(symbol: string): SymbolSnapshot | undefined {
    const statistics = this.#subscriber?.get(symbol);
    return statistics === undefined ? undefined : snapshotOf(statistics);
  }

  /** Calls back when there is another subscriber, or another state of its connection. */
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
    // One that ended for good has nothing to tell, and is no reason to break the page.
    return subscriber?.state === 'closed' ? undefined : subscriber?.subscribe(symbol, WANTS);
  }

  // Once a frame: the cost depends on what changed, not on how many components there are.
  #dispatch(changes: readonly SymbolStatistics[]): void {
    for (const { symbol } of changes) {
      const watched = this.#watched.get(symbol);
      if (watched === undefined) continue;
      for (const listener of watched.listeners) listener();
    }
  }

  #notifyAll(): void {
    for (const { listeners } of this.#watched.values()) {
      for (const listener of listeners) listener();
    }
    for (const listener of this.#connectionListeners) listener();
  }
}

/** What is known of one symbol at one moment; frozen. A statistic that was not asked for is NaN. */
export interface SymbolSnapshot {
  /** The symbol that it is of. */
  readonly symbol: string;
  /** Price of the newest tick: the one with the greatest timestamp. */
  readonly currentPrice: number;
  /** `currentPrice` before the newest entry; NaN when that was the first. */
  readonly previousPrice: number;
  /** Mean of the last ticks applied; how many is the server's choice (64 unless configured). */
  readonly movingAverage: number;
  /** Ticks applied since the epoch began. */
  readonly updateCount: number;
  /** The greatest timestamp of a tick, ms since the Unix epoch. */
  readonly lastUpdateTime: number;
  /** The lowest price of all ticks applied. */
  readonly minPrice: number;
  /** The highest price of all ticks applied. */
  readonly maxPrice: number;
  /** Whether the values are the server's newest: false while the connection is lost. */
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

/** The statistics as they are now: the same object for as long as no field changes. */
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
