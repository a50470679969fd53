import { Clock, type ClockAnchor } from './clock.ts';
import { type EventLoopDelay, EventLoopWatch } from './event-loop.ts';
import { Faults } from './faults.ts';
import { Latency } from './latency.ts';
import type { LedgerEntry } from './ledger.ts';
import { LoadSubscriber, type SubscriberPlan, type SubscriberResult } from './load-subscriber.ts';

/** Connections opened at the same time at most. */
const CONNECTING_MAX = 50;

export interface GroupOptions {
  readonly url: string;
  readonly token: string | undefined;
  readonly encoding: 'binary' | 'json';
  readonly conflateMs: number | undefined;
  readonly anchor: ClockAnchor;
  /** Whether a tick's time is when it was due. */
  readonly isLive: boolean;
  readonly plans: readonly SubscriberPlan[];
}

/** What the subscribers of a group have received so far. */
export interface GroupProgress {
  readonly entries: number;
  readonly updates: number;
  readonly anomalies: number;
}

/** What a group of subscribers got and found; plain values, so that it can cross processes. */
export interface GroupResult {
  readonly subscribers: readonly SubscriberResult[];
  /** Encoded histograms: all but the slow subscribers, and the slow ones. */
  readonly latency: string;
  readonly slowLatency: string;
  readonly eventLoopDelay: EventLoopDelay;
  readonly faults: readonly string[];
  readonly faultCount: number;
}

/** Some of the subscribers of a run, in one process. */
export class SubscriberGroup {
  readonly #faults = new Faults();
  readonly #latency = new Latency();
  readonly #slowLatency = new Latency();
  readonly #subscribers: LoadSubscriber[];
  readonly #isLive: boolean;
  readonly #eventLoop = new EventLoopWatch();

  constructor(options: GroupOptions) {
    const { url, token, encoding, conflateMs, anchor, plans } = options;
    const clock = new Clock(anchor);
    const shared = { url, token, encoding, conflateMs, clock, faults: this.#faults };
    this.#isLive = options.isLive;
    this.#subscribers = plans.map((plan) => {
      const latency = plan.isSlow ? this.#slowLatency : this.#latency;
      return new LoadSubscriber(plan, { ...shared, latency });
    });
  }

  /** @throws Error when a subscriber cannot connect or subscribe */
  async start(): Promise<void> {
    for (let i = 0; i < this.#subscribers.length; i += CONNECTING_MAX) {
      await Promise.all(this.#subscribers.slice(i, i + CONNECTING_MAX).map((one) => one.start()));
    }
  }

  /** The run begins: ticks due from `fromMs` (ms since the epoch) on count for the latency. */
  measure(fromMs: number): void {
    this.#eventLoop.restart();
    for (const one of this.#subscribers) {
      one.measure(this.#isLive ? fromMs : Number.POSITIVE_INFINITY);
    }
  }

  progress(): GroupProgress {
    const progress = { entries: 0, updates: 0, anomalies: 0 };
    for (const { counters } of this.#subscribers) {
      progress.entries += counters?.entries ?? 0;
      progress.updates += counters?.updates ?? 0;
      progress.anomalies += counters?.anomalies ?? 0;
    }
    return progress;
  }

  /**
   * Drains, checks and closes all. `published`: what every mirror must hold; undefined: that is not
   * known.
   */
  async finish(published: readonly LedgerEntry[] | undefined): Promise<GroupResult> {
    const eventLoopDelay = this.#eventLoop.summary();
    const subscribers = await Promise.all(this.#subscribers.map((one) => one.finish(published)));
    this.#eventLoop.stop();
    return {
      subscribers,
      latency: this.#latency.encode(),
      slowLatency: this.#slowLatency.encode(),
      eventLoopDelay,
      faults: this.#faults.messages,
      faultCount: this.#faults.count,
    };
  }
}
