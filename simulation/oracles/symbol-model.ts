import { exactMean, ulpsBetween } from '../../testkit/independent/exact-mean.ts';
import {
  type ExpectedAnomaly,
  type OracleRules,
  type Statistics,
  SymbolOracle,
  type Tick,
} from '../../testkit/independent/statistics.ts';
import { expectThat } from '../core/violation.ts';

/** How far the average may be off. */
const AVERAGE_ULPS_MAX = 2;

/** The statistics of a symbol but for the update count. */
export type StateValues = Omit<Statistics, 'count'>;

/** A symbol after one of its ticks. */
export interface SymbolState extends Omit<StateValues, 'average'> {
  /** Ticks that were not late. */
  readonly onTime: number;
  /** The first of those that the window may reach back to: it begins anew where a worker died. */
  readonly windowFrom: number;
  /** Sequence of the newest anomaly. */
  readonly anomalies: number;
  /** Where the tick stood in its partition's queue. */
  readonly position: number;
}

/** What a snapshot has of a symbol. */
interface SnapshotState extends StateValues {
  readonly count: number;
  readonly minima: { readonly length: number };
}

/** Everything that stood at the start of a process. */
interface History {
  readonly states: readonly SymbolState[];
  readonly prices: readonly number[];
  readonly onTime: readonly Tick[];
}

/**
 * Every state that a symbol ever had, and every anomaly, over the deaths of workers and processes.
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
  readonly #rules: OracleRules;
  #oracle: SymbolOracle;
  readonly #prices: number[] = [];
  readonly #onTime: Tick[] = [];
  #windowFrom = 0;
  readonly #earlier: History[] = [];
  /** By sequence: anomalies of earlier processes, which a replay raises again. */
  readonly #others = new Map<number, ExpectedAnomaly[]>();
  /** Whether the store may have others of those than the replay raised. */
  isInexact = false;

  constructor(rules: OracleRules) {
    this.#rules = rules;
    this.#oracle = new SymbolOracle(rules);
  }

  /** Sequence of the newest anomaly, which a store may know of though no tick here raised it. */
  get lastAnomaly(): number {
    return this.#oracle.lastAnomaly;
  }

  get last(): SymbolState | undefined {
    return this.states.at(-1);
  }

  /**
   * The queue position of the tick after which there were `count` updates; -1: in an earlier
   * process's.
   */
  positionOf(count: number): number | undefined {
    return count <= this.restored ? -1 : this.states[count - 1]?.position;
  }

  /** A tick is being applied. */
  begin(price: number, time: number, position: number, latestTime: number): void {
    const oracle = this.#oracle;
    const { late, time: newest } = oracle;
    const raised = oracle.apply(price, time, latestTime);
    if (time < newest && oracle.late === late) this.#windowFrom = this.#onTime.length;
    for (const anomaly of raised) this.anomalies.set(anomaly.sequence, anomaly);
    this.#prices.push(price);
    if (oracle.late === late) this.#onTime.push({ price, time });
    this.states.push({
      price: oracle.price,
      time: oracle.time,
      min: oracle.min,
      max: oracle.max,
      onTime: this.#onTime.length,
      windowFrom: this.#windowFrom,
      anomalies: oracle.lastAnomaly,
      position,
    });
  }

  /** The tick that was begun is applied. */
  settle(): void {
    this.settled = this.states.length;
  }

  /**
   * The worker died applying a tick, and another one has cleaned up: `count` updates and
   * `anomalies` stand. The tick may be among them or not, and so may each of its anomalies; what
   * its window held is forgotten.
   */
  repair(symbol: string, count: number, anomalies: number): void {
    const isLost = count === this.settled && this.states.length > count;
    expectThat(
      count === this.states.length || isLost,
      'a worker that takes over',
      () => `${symbol}: ${count} updates after ${this.settled} and perhaps one more`,
    );
    const { lastAnomaly } = this;
    const before = this.states[this.settled - 1]?.anomalies ?? lastAnomaly;
    expectThat(
      anomalies <= lastAnomaly && (anomalies >= before || this.settled === 0),
      'a worker that takes over',
      () => `${symbol}: ${anomalies} anomalies, of ${lastAnomaly} at most`,
    );
    this.#cut(count);
    const last = this.states.pop();
    // The window's beginning stays noted: a snapshot of before may still hold it.
    if (last !== undefined) this.states.push({ ...last, anomalies });
    this.#goOn(anomalies, this.#onTime.length);
  }

  /**
   * A new process goes on from a snapshot's state, or from nothing, with its anomalies numbered
   * behind `anomalies`. A start that can read no snapshot leaves it for a later one: what stood
   * before each start is kept.
   */
  restore(state: SnapshotState | undefined, anomalies: number): void {
    for (const [sequence, anomaly] of this.anomalies) {
      if (sequence <= anomalies) continue;
      this.#others.set(sequence, [...(this.#others.get(sequence) ?? []), anomaly]);
    }
    const count = state?.count ?? 0;
    const isWindowEmpty = state === undefined || state.minima.length === 0;
    this.#earlier.push({
      states: [...this.states],
      prices: [...this.#prices],
      onTime: [...this.#onTime],
    });
    if (state !== undefined && !this.isState(count, state)) this.#takeUp(state);
    this.#cut(count);
    this.restored = count;
    this.#goOn(anomalies, isWindowEmpty ? this.#onTime.length : (this.last?.windowFrom ?? 0));
  }

  /** Whether the record, which may lack fields, is the state after `count` updates. */
  isState(count: number, record: { readonly [Field in keyof Statistics]: number | undefined }) {
    const state = this.states[count - 1];
    if (state === undefined || (record.count ?? count) !== count) return false;
    for (const field of ['price', 'time', 'min', 'max'] as const) {
      if (record[field] !== undefined && record[field] !== state[field]) return false;
    }
    const { average } = record;
    return average === undefined || this.#isAverage(count, average);
  }

  /** The state after `count` updates, in words. */
  describe(count: number): string {
    const state = this.states[count - 1];
    return JSON.stringify(state && { ...state, average: this.#averageAfter(count) }) ?? 'nothing';
  }

  /** Checks that values are those after `count` updates. */
  checkState(symbol: string, count: number, { price, average, time, min, max }: StateValues): void {
    const values = { price, average, count, time, min, max };
    expectThat(
      this.isState(count, values),
      'every state is one that the symbol had',
      () => `${symbol}: ${JSON.stringify(values)}, not ${this.describe(count)}`,
    );
  }

  /** Checks an anomaly's direction, reference, price, change and time. */
  checkAnomaly(symbol: string, sequence: number, values: readonly number[]): void {
    const expected = this.anomalies.get(sequence);
    const others = this.isInexact ? this.#others.get(sequence) : undefined;
    const all = [expected, ...(others ?? [])];
    expectThat(
      all.some((one) => hasValues(one, values)),
      'anomalies are those that the ticks raise',
      () =>
        `${symbol} ${sequence}: ${JSON.stringify(values)}, expected ${JSON.stringify(expected)}`,
    );
  }

  /** Numbers the next anomaly behind `last`. */
  continueFrom(last: number): void {
    this.#oracle.lastAnomaly = last;
  }

  /** The queue position of the tick that raised an anomaly; undefined if this process did not. */
  causeOf(sequence: number): number | undefined {
    for (let i = this.states.length - 1; i >= this.restored; i--) {
      const before = this.states[i - 1]?.anomalies ?? 0;
      const state = this.states[i] as SymbolState;
      if (sequence <= state.anomalies && (sequence > before || i === this.restored)) {
        return sequence > before ? state.position : undefined;
      }
    }
    return undefined;
  }

  /** Goes on with the newest history that has the state. */
  #takeUp(state: SnapshotState): void {
    const own = { states: [...this.states], prices: [...this.#prices], onTime: [...this.#onTime] };
    for (const earlier of this.#earlier.toReversed()) {
      this.#setHistory(earlier);
      if (this.isState(state.count, state)) return;
    }
    // None: what is sent then shows it.
    this.#setHistory(own);
  }

  #setHistory({ states, prices, onTime }: History): void {
    for (const [own, given] of [
      [this.states, states],
      [this.#prices, prices],
      [this.#onTime, onTime],
    ] as [unknown[], readonly unknown[]][]) {
      own.length = 0;
      for (const item of given) own.push(item);
    }
  }

  /** Only a process that is gone or a tick that was lost takes states back. */
  #cut(count: number): void {
    this.states.length = count;
    this.#prices.length = count;
    this.#onTime.length = this.last?.onTime ?? 0;
  }

  /** Everything that stands is settled; anomalies after `lastAnomaly` do not stand. */
  #goOn(lastAnomaly: number, windowFrom: number): void {
    this.settled = this.states.length;
    for (const sequence of this.anomalies.keys()) {
      if (sequence > lastAnomaly) this.anomalies.delete(sequence);
    }
    this.#windowFrom = windowFrom;
    const { last } = this;
    const oldest = (last?.time ?? 0) - this.#rules.slidingWindowMilliseconds;
    this.#oracle = new SymbolOracle(
      this.#rules,
      last && {
        ...last,
        count: this.settled,
        prices: this.#prices.slice(-this.#rules.movingAverageWindow),
        window: this.#onTime.slice(windowFrom).filter(({ time }) => time >= oldest),
      },
    );
    this.#oracle.lastAnomaly = lastAnomaly;
  }

  #averageAfter(count: number): number {
    const from = Math.max(0, count - this.#rules.movingAverageWindow);
    return exactMean(this.#prices.slice(from, count));
  }

  #isAverage(count: number, average: number): boolean {
    return ulpsBetween(average, this.#averageAfter(count)) <= AVERAGE_ULPS_MAX;
  }
}

function hasValues(anomaly: ExpectedAnomaly | undefined, values: readonly number[]): boolean {
  if (anomaly === undefined) return false;
  const { direction, reference, price, changePercent, time } = anomaly;
  return [direction, reference, price, changePercent, time].every(
    (value, index) => value === values[index],
  );
}
