/*
 * Detection by event time a second time, straight from docs/SEMANTICS.md: late ticks, and the
 * buffer that waits for them. Lists that are sorted and searched whole; no code of the engine.
 */
import type { ExpectedAnomaly, Tick } from './statistics.ts';

export interface EventTimeRules {
  readonly slidingWindowMilliseconds: number;
  readonly anomalyThresholdPercent: number;
  readonly lateTicks: 'ignore' | 'fold';
  /** 0: no buffer. */
  readonly allowedLatenessMs: number;
  /** Ticks of a buffer. */
  readonly reorderTicks: number;
  readonly maxFutureMs?: number | undefined;
}

/** What a symbol's detection has come to. */
export interface Detection {
  readonly anomalies: readonly ExpectedAnomaly[];
  /** Ticks that wait in the buffer, in order. */
  readonly held: readonly Tick[];
  /** Late ticks that entered the window. */
  readonly folded: number;
  /** Ticks released before their time. */
  readonly early: number;
  /** Ticks released after a newer one. */
  readonly missed: number;
}

const EQUAL_WITHIN = 1e-9;

/** One symbol's detection, tick by tick. */
export class EventTimeOracle implements Detection {
  readonly anomalies: ExpectedAnomaly[] = [];
  held: Tick[] = [];
  folded = 0;
  early = 0;
  missed = 0;
  /** Sequence of the newest anomaly. */
  lastAnomaly = 0;
  readonly #rules: EventTimeRules;
  /** Those that took part, in the order of their times. */
  #window: Tick[] = [];
  #newest: Tick | undefined;
  /** The greatest time so far, whatever was released. */
  #greatest = Number.NEGATIVE_INFINITY;
  #arrivedAt = Number.NEGATIVE_INFINITY;

  constructor(rules: EventTimeRules) {
    this.#rules = rules;
  }

  /** @param arrivedAt the server's clock */
  apply(tick: Tick, arrivedAt = 0): void {
    const { allowedLatenessMs, reorderTicks, maxFutureMs = Number.POSITIVE_INFINITY } = this.#rules;
    const latest = arrivedAt + maxFutureMs;
    if (tick.time < this.#greatest && this.#greatest > latest && tick.time <= latest) {
      this.#release(Number.POSITIVE_INFINITY);
      this.#window = [];
      this.#newest = undefined;
      this.#greatest = Number.NEGATIVE_INFINITY;
    }
    this.#greatest = Math.max(this.#greatest, tick.time);
    this.#arrivedAt = arrivedAt;
    if (allowedLatenessMs === 0) {
      this.#take(tick);
      return;
    }
    this.held = [...this.held, tick].sort((a, b) => a.time - b.time);
    this.#release(this.#greatest - allowedLatenessMs);
    while (this.held.length > reorderTicks) {
      this.early++;
      this.#take(this.held.shift() as Tick);
    }
  }

  /** A reading of the server's clock. */
  clock(now: number): void {
    const { allowedLatenessMs } = this.#rules;
    if (now - this.#arrivedAt >= allowedLatenessMs) this.#release(Number.POSITIVE_INFINITY);
  }

  #release(watermark: number): void {
    while (this.held[0] !== undefined && this.held[0].time <= watermark) {
      this.#take(this.held.shift() as Tick);
    }
  }

  #take(tick: Tick): void {
    const { lateTicks, slidingWindowMilliseconds } = this.#rules;
    if (this.#newest !== undefined && tick.time < this.#newest.time) {
      this.missed++;
      if (lateTicks === 'ignore') return;
      if (tick.time < this.#newest.time - slidingWindowMilliseconds) return;
      this.folded++;
    } else this.#newest = tick;
    this.#window.push(tick);
    this.#judge(this.#newest);
  }

  #judge({ price, time }: Tick): void {
    const { anomalyThresholdPercent, slidingWindowMilliseconds } = this.#rules;
    this.#window = this.#window.filter((tick) => tick.time >= time - slidingWindowMilliseconds);
    const prices = this.#window.map((tick) => tick.price);
    for (const direction of [1, -1] as const) {
      const reference = direction === 1 ? Math.min(...prices) : Math.max(...prices);
      const changePercent = ((price - reference) / reference) * 100;
      if (direction * changePercent - anomalyThresholdPercent <= EQUAL_WITHIN) continue;
      const sequence = ++this.lastAnomaly;
      this.anomalies.push({ sequence, direction, reference, price, changePercent, time });
    }
  }
}
