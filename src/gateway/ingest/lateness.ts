import { shownName } from '../../engine/index.ts';
import type { HistogramReading } from '../metrics/scraped-histogram.ts';

/** Publishers with a series of their own; further ones share one. */
const PUBLISHERS_MAX = 64;
/** Upper bounds of the buckets, s; the first holds ticks that are not late, the last is open. */
const BOUNDS = [
  0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 300, 600,
];

/** How late one publisher's ticks are. */
class Series {
  readonly label: string;
  readonly counts = new Float64Array(BOUNDS.length + 1);
  sumMs = 0;
  leastDelayMs = Number.POSITIVE_INFINITY;

  constructor(label: string) {
    this.label = label;
  }

  addLate(latenessMs: number): void {
    const seconds = latenessMs / 1000;
    let bucket = 1;
    while (bucket < BOUNDS.length && seconds > (BOUNDS[bucket] as number)) bucket++;
    this.counts[bucket] = (this.counts[bucket] as number) + 1;
    this.sumMs += latenessMs;
  }
}

/** Index of the greatest time of the frame being taken. */
const LATEST = 0;

/**
 * Counts how late accepted ticks are: how far their times are below the greatest time accepted of
 * their symbol before, by publisher. Also each publisher's least time from a tick's time to its
 * arrival: below 0, its clock is ahead. Nothing allocates per tick.
 */
export class Lateness {
  readonly #nameOf: (publisherId: number) => string;
  /** By symbol id: the greatest time accepted, ms since the epoch. */
  #newest = new Float64Array(1024);
  readonly #byId = new Map<number, Series>();
  readonly #unnamed = new Series('unnamed');
  readonly #others = new Series('other');
  #series = this.#unnamed;
  /** Symbols' times beyond this were taken while the clock was ahead. */
  #timeMax = 0;
  #late = 0;
  readonly #times = new Float64Array(1);

  /** @param nameOf the name of a publisher with an id above 0 */
  constructor(nameOf: (publisherId: number) => string) {
    this.#nameOf = nameOf;
  }

  /**
   * A frame begins.
   *
   * @param publisherId 0: it has no name
   * @param timeMax latest valid time, ms since the epoch
   */
  begin(publisherId: number, timeMax: number): void {
    this.#series = publisherId === 0 ? this.#unnamed : this.#seriesOf(publisherId);
    this.#timeMax = timeMax;
    this.#late = 0;
    this.#times[LATEST] = Number.NEGATIVE_INFINITY;
  }

  /** Tick number `index` of the frame is accepted. */
  add(symbolId: number, times: Float64Array, index: number): void {
    if (symbolId >= this.#newest.length) this.#grow(symbolId);
    const time = times[index] as number;
    if (time > (this.#times[LATEST] as number)) this.#times[LATEST] = time;
    const newest = this.#newest[symbolId] as number;
    if (time >= newest || newest > this.#timeMax) {
      this.#newest[symbolId] = time;
      return;
    }
    this.#late++;
    this.#series.addLate(newest - time);
  }

  /**
   * The frame ends.
   *
   * @param accepted ticks
   * @param now when it arrived, ms since the epoch
   */
  end(accepted: number, now: number): void {
    if (accepted === 0) return;
    const series = this.#series;
    series.counts[0] = (series.counts[0] as number) + accepted - this.#late;
    const delayMs = now - (this.#times[LATEST] as number);
    if (delayMs < series.leastDelayMs) series.leastDelayMs = delayMs;
  }

  /** The id is another symbol's from now on. */
  begins(symbolId: number): void {
    if (symbolId < this.#newest.length) this.#newest[symbolId] = 0;
  }

  /** By publisher, s; those without ticks are left out. */
  read(): HistogramReading[] {
    return this.#all().map(({ label, counts, sumMs }) => ({
      labels: { publisher: label },
      bounds: BOUNDS,
      counts: [...counts],
      sum: sumMs / 1000,
    }));
  }

  /** By publisher, s. */
  leastDelays(): Record<string, number> {
    return Object.fromEntries(
      this.#all().map(({ label, leastDelayMs }) => [label, leastDelayMs / 1000]),
    );
  }

  #all(): Series[] {
    const all = [this.#unnamed, this.#others, ...this.#byId.values()];
    return [...new Set(all)].filter(({ leastDelayMs }) => Number.isFinite(leastDelayMs));
  }

  #seriesOf(publisherId: number): Series {
    const known = this.#byId.get(publisherId);
    if (known !== undefined) return known;
    if (this.#byId.size >= PUBLISHERS_MAX) return this.#others;
    const series = new Series(shownName(this.#nameOf(publisherId)));
    this.#byId.set(publisherId, series);
    return series;
  }

  #grow(symbolId: number): void {
    const larger = new Float64Array(2 ** Math.ceil(Math.log2(symbolId + 1)));
    larger.set(this.#newest);
    this.#newest = larger;
  }
}
