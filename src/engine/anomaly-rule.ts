import { quietMultiples } from '../rules/index.ts';
import type { AnomalyProducer } from './memory/anomaly-ring.ts';
import { Counter, type Counters } from './memory/counters.ts';
import { ROW_VALUES } from './memory/statistics-table.ts';
import type { Rules } from './rules.ts';
import { TickDouble, type TickScratch } from './tick-scratch.ts';

/** Receives a partition's anomalies as numbers, so that the worker makes no object. */
export type AnomalyOutput = Pick<AnomalyProducer, 'append'>;

/** Index of a row's number of anomalies, behind its values. */
export const ANOMALIES = ROW_VALUES;

/** Percent points within which a change equals the threshold, as in decimal arithmetic. */
const EQUAL_WITHIN = 1e-9;

/** The anomaly rule: a move beyond the threshold within the sliding window. Never allocates. */
export class AnomalyRule {
  readonly #thresholdPercent: number;
  readonly #row: Float64Array;
  readonly #tick: TickScratch;
  readonly #counters: Counters;
  readonly #output: AnomalyOutput;
  /**
   * Between these multiples of the window's extrema no price is an anomaly; beyond, an exact test
   * decides.
   */
  readonly #upFrom: number;
  readonly #downFrom: number;

  /**
   * @param row of the symbol that is judged: counts its anomalies
   * @param tick that is judged, with the extrema of its window
   */
  constructor(
    { anomalyThresholdPercent }: Rules,
    row: Float64Array,
    tick: TickScratch,
    counters: Counters,
    output: AnomalyOutput,
  ) {
    const { up, down } = quietMultiples(anomalyThresholdPercent);
    this.#thresholdPercent = anomalyThresholdPercent;
    this.#upFrom = up;
    this.#downFrom = down;
    this.#row = row;
    this.#tick = tick;
    this.#counters = counters;
    this.#output = output;
  }

  /** Whether the tick is no anomaly, nor would be in a shorter window. */
  get isQuiet(): boolean {
    const tick = this.#tick;
    const price = tick[TickDouble.PRICE] as number;
    return (
      price < (tick[TickDouble.MINIMUM] as number) * this.#upFrom &&
      price > (tick[TickDouble.MAXIMUM] as number) * this.#downFrom
    );
  }

  /** Judges the tick. */
  judge(symbolId: number): void {
    const tick = this.#tick;
    const price = tick[TickDouble.PRICE] as number;
    if (price >= (tick[TickDouble.MINIMUM] as number) * this.#upFrom) this.#compare(symbolId, 1);
    if (price <= (tick[TickDouble.MAXIMUM] as number) * this.#downFrom) this.#compare(symbolId, -1);
  }

  /** Raises an anomaly if the tick moved too far from the window's minimum (1) or maximum (-1). */
  #compare(symbolId: number, direction: 1 | -1): void {
    const row = this.#row;
    const tick = this.#tick;
    const extremum = direction === 1 ? TickDouble.MINIMUM : TickDouble.MAXIMUM;
    const reference = tick[extremum] as number;
    const price = tick[TickDouble.PRICE] as number;
    const change = ((price - reference) / reference) * 100;
    if (!isBeyond(change, this.#thresholdPercent)) return;
    const sequence = (row[ANOMALIES] as number) + 1;
    row[ANOMALIES] = sequence;
    this.#counters.add(direction === 1 ? Counter.UP : Counter.DOWN, 1);
    const time = tick[TickDouble.TIME] as number;
    // Prices may be so far apart that the change overflows: it must stay a number on every wire.
    const percent = Math.min(change, Number.MAX_VALUE);
    this.#output.append(symbolId, sequence, direction, reference, price, percent, time);
  }
}

/** Whether a change is strictly beyond the threshold, both in percent, as in decimal arithmetic. */
function isBeyond(change: number, thresholdPercent: number): boolean {
  return Math.abs(change) - thresholdPercent > EQUAL_WITHIN;
}
