import type { HoursSettings } from './rule-types.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** The largest time of a Date. */
const TIME_MAX = 8.64e15;
/** Spans remembered: symbols may be on both sides of a boundary for a while. */
const REMEMBERED = 4;

/**
 * What a rule's hours say at a time: by how much thresholds are multiplied, or that the rule is
 * asleep. The answer holds for a span of time, which is remembered, so that a tick costs two
 * comparisons; only a new span asks the time zone.
 */
export class HoursClock {
  /** By how much the last time looked up multiplies thresholds; 0: asleep. A double in memory. */
  readonly scale = new Float64Array(1);
  readonly #settings: HoursSettings;
  readonly #format: Intl.DateTimeFormat;
  /** Minutes of the day at which the answer may change, rising. */
  readonly #boundaries: readonly number[];
  readonly #from = new Float64Array(REMEMBERED).fill(Number.POSITIVE_INFINITY);
  readonly #until = new Float64Array(REMEMBERED).fill(Number.NEGATIVE_INFINITY);
  readonly #scales = new Float64Array(REMEMBERED);
  #next = 0;

  constructor(settings: HoursSettings) {
    this.#settings = settings;
    this.#format = new Intl.DateTimeFormat('en-u-ca-iso8601', {
      timeZone: settings.tz,
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
      hourCycle: 'h23',
    });
    const spans = [settings, ...settings.scale];
    const all = [0, 24 * 60, ...spans.flatMap(({ from, to }) => [from, to])];
    this.#boundaries = [...new Set(all)].sort((a, b) => a - b);
  }

  /** Looks a time up, ms since the epoch, given in memory; the answer is in {@link scale}. */
  look(times: Float64Array, index: number): void {
    const time = times[index] as number;
    for (let i = 0; i < REMEMBERED; i++) {
      if (time >= (this.#from[i] as number) && time < (this.#until[i] as number)) {
        this.scale[0] = this.#scales[i] as number;
        return;
      }
    }
    this.#remember(time);
  }

  #remember(time: number): void {
    if (!(time >= 0 && time <= TIME_MAX - 2 * DAY_MS)) {
      this.scale[0] = 0;
      return;
    }
    const at = this.#next;
    this.#next = (at + 1) % REMEMBERED;
    const offset = this.#offsetOf(time);
    const local = time + offset;
    const day = Math.floor(local / DAY_MS);
    const minute = (local - day * DAY_MS) / MINUTE_MS;
    const after = this.#boundaries.findIndex((boundary) => boundary > minute);
    const start = day * DAY_MS - offset;
    // The local clock may be set forward or back before a boundary.
    const from = this.#firstWith(offset, start + this.#boundaryMs(after - 1), time);
    const until = this.#firstWithout(offset, time, start + this.#boundaryMs(after));
    this.#from[at] = from;
    this.#until[at] = until;
    this.#scales[at] = this.#scaleAt(day, minute);
    this.scale[0] = this.#scales[at];
  }

  #boundaryMs(index: number): number {
    return (this.#boundaries[index] as number) * MINUTE_MS;
  }

  #scaleAt(day: number, minute: number): number {
    const { days, from, to, scale } = this.#settings;
    // The epoch was a Thursday.
    const weekday = (((day + 4) % 7) + 7) % 7;
    if (days[weekday] !== true || minute < from || minute >= to) return 0;
    return scale.find((span) => minute >= span.from && minute < span.to)?.by ?? 1;
  }

  /** The first ms from `early` on with the offset of `late`, if there is one change between. */
  #firstWith(offset: number, early: number, late: number): number {
    if (this.#offsetOf(Math.max(0, early)) === offset) return early;
    let [without, having] = [Math.floor(early), Math.floor(late)];
    while (having - without > 1) {
      const middle = Math.floor((without + having) / 2);
      if (this.#offsetOf(Math.max(0, middle)) === offset) having = middle;
      else without = middle;
    }
    return having;
  }

  #firstWithout(offset: number, early: number, late: number): number {
    // The last ms before the boundary: at the boundary itself the clock may be set.
    if (this.#offsetOf(late - 1) === offset) return late;
    let [having, without] = [Math.floor(early), Math.floor(late - 1)];
    while (without - having > 1) {
      const middle = Math.floor((without + having) / 2);
      if (this.#offsetOf(middle) === offset) having = middle;
      else without = middle;
    }
    return without;
  }

  /** What the local clock is ahead of UTC, ms. */
  #offsetOf(time: number): number {
    const second = Math.floor(time / 1000) * 1000;
    const values: Record<string, number> = {};
    for (const { type, value } of this.#format.formatToParts(second)) values[type] = Number(value);
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second: seconds = 0 } = values;
    return Date.UTC(year, month - 1, day, hour, minute, seconds) - second;
  }
}
