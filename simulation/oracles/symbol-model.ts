import type { Rules } from '../../src/engine/partition.ts';
import { expectThat } from '../core/violation.ts';

/** An anomaly as the rule has it. */
export interface ExpectedAnomaly {
  readonly sequence: number;
  readonly direction: 1 | -1;
  readonly reference: number;
  readonly price: number;
  readonly changePercent: number;
  readonly time: number;
}

/** Percent points within which a change is equal to the threshold. */
const EQUAL_WITHIN = 1e-9;

/** The statistics of a symbol after one of its ticks. */
export interface SymbolState {
  readonly price: number;
  readonly average: number;
  readonly time: number;
  readonly min: number;
  readonly max: number;
  /** Ticks that were not late. */
  readonly onTime: number;
  /** The first of those that the window may reach back to: it begins anew where a worker died. */
  readonly windowFrom: number;
  /** Sequence of the newest anomaly. */
  readonly anomalies: number;
  /** Where the tick stood in its partition's queue. */
  readonly position: number;
}

interface TimedPrice {
  readonly price: number;
  readonly time: number;
}

/**
 * What the ticks of one symbol come to, worked out from their lists by the definitions: every state that the symbol ever
 * had, and every anomaly. Shares no code and no data structure with the engine.
 */
export class SymbolModel {
  /** By update count - 1. */
  readonly states: SymbolState[] = [];
  /** By sequence, from the first that is known. */
  readonly anomalies = new Map<number, ExpectedAnomaly>();
  /** States that an earlier process left: their positions were in its queues. */
  restored = 0;
  /** States that surely stand: a tick that is being applied may yet be lost. */
  settled = 0;
  readonly #rules: Rules;
  readonly #prices: number[] = [];
  readonly #onTime: TimedPrice[] = [];
  #windowFrom = 0;
  /** Sequence of the newest anomaly, which a store may know of though no tick here raised it. */
  #lastAnomaly = 0;

  constructor(rules: Rules) {
    this.#rules = rules;
  }

  get lastAnomaly(): number {
    return this.#lastAnomaly;
  }

  /** Where the tick after which there were `count` updates stood in its queue; -1: in an earlier process's. */
  positionOf(count: number): number | undefined {
    return count <= this.restored ? -1 : this.states[count - 1]?.position;
  }

  get last(): SymbolState | undefined {
    return this.states.at(-1);
  }

  /** A tick is being applied. */
  begin(price: number, time: number, position: number): void {
    const before = this.last;
    const isLate = before !== undefined && time < before.time;
    this.#prices.push(price);
    if (!isLate) {
      this.#onTime.push({ price, time });
      this.#detect();
    }
    this.states.push({
      price: before !== undefined && isLate ? before.price : price,
      average: this.#average(),
      time: before !== undefined && isLate ? before.time : time,
      min: Math.min(price, before?.min ?? price),
      max: Math.max(price, before?.max ?? price),
      onTime: this.#onTime.length,
      windowFrom: this.#windowFrom,
      anomalies: this.#lastAnomaly,
      position,
    });
  }

  /** The tick that was begun is applied. */
  settle(): void {
    this.settled = this.states.length;
  }

  /**
   * The worker died applying a tick, and another one has cleaned up: `count` updates and `anomalies` stand. The tick may be
   * among them or not, and so may each of its anomalies; what its window held is forgotten.
   */
  repair(symbol: string, count: number, anomalies: number): void {
    const isLost = count === this.settled && this.states.length > count;
    const isPossible = count === this.states.length || isLost;
    expectThat(
      isPossible,
      'a worker that takes over',
      () => `${symbol}: ${count} updates after ${this.settled} and perhaps one more`,
    );
    const before = this.states[this.settled - 1]?.anomalies ?? this.#lastAnomaly;
    expectThat(
      anomalies <= this.#lastAnomaly && (anomalies >= before || this.settled === 0),
      'a worker that takes over',
      () => `${symbol}: ${anomalies} anomalies, of ${this.#lastAnomaly} at most`,
    );
    if (isLost) this.#cut(count);
    for (let lost = anomalies + 1; lost <= this.#lastAnomaly; lost++) this.anomalies.delete(lost);
    this.#lastAnomaly = anomalies;
    const last = this.states.pop();
    // A snapshot of before may hold the window still: its beginning stays noted.
    if (last !== undefined) this.states.push({ ...last, anomalies });
    this.#windowFrom = this.#onTime.length;
    this.settled = this.states.length;
  }

  /**
   * A new process goes on from the state after `count` updates, its anomalies numbered behind `anomalies`; its window may
   * have been forgotten.
   */
  restore(count: number, anomalies: number, isWindowEmpty: boolean): void {
    this.#cut(count);
    this.settled = count;
    this.restored = count;
    for (const sequence of this.anomalies.keys()) {
      if (sequence > anomalies) this.anomalies.delete(sequence);
    }
    this.#lastAnomaly = anomalies;
    this.#windowFrom = isWindowEmpty ? this.#onTime.length : (this.last?.windowFrom ?? 0);
  }

  #cut(count: number): void {
    this.states.length = count;
    this.#prices.length = count;
    this.#onTime.length = this.last?.onTime ?? 0;
  }

  #average(): number {
    const from = Math.max(0, this.#prices.length - this.#rules.movingAverageWindow);
    let mean = 0;
    const count = this.#prices.length - from;
    const first = this.#prices[from] as number;
    // Differences to one of them: they are small, so that rounding has nothing to take from.
    for (let i = from; i < this.#prices.length; i++) mean += (this.#prices[i] as number) - first;
    return first + mean / count;
  }

  #detect(): void {
    const onTime = this.#onTime;
    const { price, time } = onTime.at(-1) as TimedPrice;
    let min = price;
    let max = price;
    for (let at = onTime.length - 1; at >= this.#windowFrom; at--) {
      const tick = onTime[at] as TimedPrice;
      if (tick.time < time - this.#rules.slidingWindowMilliseconds) break;
      min = Math.min(min, tick.price);
      max = Math.max(max, tick.price);
    }
    this.#judge(1, min, ((price - min) / min) * 100);
    this.#judge(-1, max, ((price - max) / max) * 100);
  }

  #judge(direction: 1 | -1, reference: number, changePercent: number): void {
    const beyond = direction * changePercent - this.#rules.anomalyThresholdPercent;
    if (beyond <= EQUAL_WITHIN) return;
    const { price, time } = this.#onTime.at(-1) as TimedPrice;
    const sequence = ++this.#lastAnomaly;
    this.anomalies.set(sequence, { sequence, direction, reference, price, changePercent, time });
  }
}
