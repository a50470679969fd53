import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Anomaly,
  connect,
  Field,
  type Subscriber,
  type SubscriberCounters,
  type SymbolStatistics,
} from '../client-sdk/src/index.ts';
import { Random } from '../testkit/random.ts';
import type { Clock } from './clock.ts';
import type { Faults } from './faults.ts';
import type { Latency } from './latency.ts';
import type { LedgerEntry } from './ledger.ts';
import { LoadSocket } from './ws-socket.ts';

/**
 * A slow subscriber reads for a while, then stops for a while: shorter than what a server takes for
 * a dead peer.
 */
const SLOW_READS_MS = 500;
const SLOW_PAUSES_MS = 2000;
const VERIFY_TIMEOUT_MS = 60_000;
const CONVERGE_TIMEOUT_MS = 15_000;
const CONVERGE_POLL_MS = 100;

/** What one subscriber of a run does. */
export interface SubscriberPlan {
  readonly index: number;
  readonly patterns: readonly string[];
  /** Stops reading now and then. */
  readonly isSlow: boolean;
}

export interface LoadSubscriberOptions {
  readonly url: string;
  readonly token: string | undefined;
  readonly encoding: 'binary' | 'json';
  readonly conflateMs: number | undefined;
  readonly clock: Clock;
  readonly faults: Faults;
  /** Gets the time from when a tick was due until an entry with its time arrived. */
  readonly latency: Latency;
}

/** How a subscriber ended. */
export interface SubscriberResult {
  readonly index: number;
  readonly isSlow: boolean;
  readonly counters: SubscriberCounters;
  readonly symbolCount: number;
  /** Whether its digest equalled the server's. */
  readonly isVerified: boolean;
  /** Symbols whose state is not what was published; undefined where that was not compared. */
  readonly wrongSymbols: number | undefined;
  /** Entries that took a symbol back in time or in count. */
  readonly disordered: number;
  /** Anomalies that did not follow the one before in their symbol's sequence. */
  readonly anomalyGaps: number;
}

/** One subscriber of a run: subscribes by its plan, measures, and checks what it gets. */
export class LoadSubscriber {
  readonly #plan: SubscriberPlan;
  readonly #options: LoadSubscriberOptions;
  readonly #anomalySequences = new Map<string, number>();
  #subscriber: Subscriber | undefined;
  #measureFromMs = Number.POSITIVE_INFINITY;
  #disordered = 0;
  #anomalyGaps = 0;
  #isEnding = false;
  readonly #ending = new AbortController();
  #slowness: Promise<void> = Promise.resolve();

  constructor(plan: SubscriberPlan, options: LoadSubscriberOptions) {
    this.#plan = plan;
    this.#options = options;
  }

  get counters(): SubscriberCounters | undefined {
    return this.#subscriber?.counters;
  }

  /**
   * Connects and subscribes.
   *
   * @throws Error when either is refused
   */
  async start(): Promise<void> {
    const { url, token, encoding, conflateMs } = this.#options;
    const subscriber = connect(url, {
      encoding,
      WebSocket: LoadSocket,
      giveUpAfterMs: 0,
      ...(token === undefined ? {} : { token }),
      ...(conflateMs === undefined ? {} : { conflateMs }),
    });
    this.#subscriber = subscriber;
    subscriber.on('update', ({ changes }) => this.#measure(changes));
    subscriber.on('anomaly', (anomaly) => this.#follow(anomaly));
    subscriber.on('error', ({ message }) => this.#fault(`error: ${message}`));
    const refusals = await subscriber.subscribe(this.#plan.patterns).ready;
    const [refused] = refusals;
    if (refused !== undefined) throw new Error(`${refused.pattern} was refused: ${refused.reason}`);
    subscriber.on('state', () => {
      if (!this.#isEnding) this.#fault(subscriber.failure?.message ?? 'connection closed');
    });
  }

  /**
   * Measures from here on: entries of ticks due before `fromMs` are not live. Slow subscribers
   * start to be slow.
   */
  measure(fromMs: number): void {
    this.#measureFromMs = fromMs;
    if (this.#plan.isSlow) this.#slowness = this.#beSlow();
  }

  /** Reads what is left, compares with the server and with what was published, and closes. */
  async finish(published: readonly LedgerEntry[] | undefined): Promise<SubscriberResult> {
    this.#ending.abort();
    await this.#slowness;
    const subscriber = this.#subscriber as Subscriber;
    subscriber.resume();
    const wrongSymbols = published && (await this.#converge(subscriber, published));
    const isVerified = await this.#verify(subscriber);
    this.#isEnding = true;
    const { counters } = subscriber;
    subscriber.close();
    return {
      index: this.#plan.index,
      isSlow: this.#plan.isSlow,
      counters,
      symbolCount: [...subscriber.symbols()].length,
      isVerified,
      wrongSymbols,
      disordered: this.#disordered,
      anomalyGaps: this.#anomalyGaps,
    };
  }

  async #verify(subscriber: Subscriber): Promise<boolean> {
    const timeout = sleep(VERIFY_TIMEOUT_MS, undefined, { ref: false }).then(() => {
      throw new Error(`no DIGEST in ${VERIFY_TIMEOUT_MS} ms`);
    });
    try {
      const verification = await Promise.race([subscriber.verify(), timeout]);
      const { equal, symbolCount, ownSymbolCount, serverDigest, ownDigest } = verification;
      if (!equal) {
        const server = `server ${symbolCount} symbols, digest ${serverDigest}`;
        this.#fault(`not in sync: ${server}; mirror ${ownSymbolCount}, ${ownDigest}`);
      }
      return equal;
    } catch (error) {
      this.#fault((error as Error).message);
      return false;
    }
  }

  /**
   * Waits until the mirror holds what was published; returns how many symbols differ in the end.
   */
  async #converge(subscriber: Subscriber, published: readonly LedgerEntry[]): Promise<number> {
    const exact = new Set(this.#plan.patterns);
    const expected = published.filter(({ symbol }) => exact.has('*') || exact.has(symbol));
    const deadline = performance.now() + CONVERGE_TIMEOUT_MS;
    let wrong = expected.filter((entry) => !isHeld(subscriber, entry));
    while (wrong.length > 0 && performance.now() < deadline) {
      await sleep(CONVERGE_POLL_MS);
      wrong = wrong.filter((entry) => !isHeld(subscriber, entry));
    }
    const [first] = wrong;
    if (first !== undefined) {
      const { symbol, price, time, count } = first;
      const held = subscriber.get(symbol);
      const { currentPrice, lastUpdateTime, updateCount } = held ?? {};
      const values = `price ${currentPrice}, time ${lastUpdateTime}, count ${updateCount}`;
      this.#fault(
        `${symbol}: published price ${price}, time ${time}, count ${count}; mirror has ${values}`,
      );
    }
    return wrong.length;
  }

  async #beSlow(): Promise<void> {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      await sleep(SLOW_READS_MS, undefined, { signal }).catch(() => undefined);
      this.#subscriber?.pause();
      await sleep(SLOW_PAUSES_MS, undefined, { signal }).catch(() => undefined);
      this.#subscriber?.resume();
    }
  }

  #measure(changes: readonly SymbolStatistics[]): void {
    const { clock, latency } = this.#options;
    const now = clock.now();
    const from = this.#measureFromMs;
    for (const change of changes) {
      const { updateCount, lastUpdateTime: time, previousUpdateTime } = change;
      const isOlder = updateCount < change.previousUpdateCount || time < previousUpdateTime;
      if (isOlder) this.#disordered++;
      const hasTime = (change.changed & Field.TIME) !== 0;
      if (!hasTime || time === previousUpdateTime || time < from) continue;
      latency.record(now - time);
    }
  }

  #follow({ symbol, sequence }: Anomaly): void {
    const last = this.#anomalySequences.get(symbol);
    if (last !== undefined && sequence !== last + 1) this.#anomalyGaps++;
    this.#anomalySequences.set(symbol, sequence);
  }

  #fault(message: string): void {
    this.#options.faults.note(`subscriber ${this.#plan.index}: ${message}`);
  }
}

function isHeld(subscriber: Subscriber, { symbol, price, time, count }: LedgerEntry): boolean {
  const held = subscriber.get(symbol);
  if (held?.currentPrice !== price || held.lastUpdateTime !== time) return false;
  return count === undefined || held.updateCount === count;
}

/** What one subscriber of a run does. */
export interface SubscriberPlan {
  readonly index: number;
  readonly patterns: readonly string[];
  /** Stops reading now and then. */
  readonly isSlow: boolean;
}

export interface PlanOptions {
  readonly seed: number;
  readonly subscribers: number;
  /** Symbols that each subscribes. */
  readonly subscriptions: number;
  /** How many subscribe to everything instead: the first ones. */
  readonly wildcards: number;
  /** How many are slow: the last ones. */
  readonly slow: number;
}

/** Who subscribes to what: symbols are drawn evenly and without repetition, by the seed. */
export function planSubscribers(
  options: PlanOptions,
  symbols: readonly string[],
): SubscriberPlan[] {
  const { seed, subscribers, subscriptions, wildcards, slow } = options;
  return Array.from({ length: subscribers }, (_, index) => {
    const random = new Random(seed + 1 + index);
    const drawn = random.sample(subscriptions, symbols.length).map((i) => symbols[i] as string);
    return {
      index,
      patterns: index < wildcards ? ['*'] : drawn,
      isSlow: index >= subscribers - slow,
    };
  });
}
