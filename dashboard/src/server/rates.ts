import type { ServerStatistics } from '../http-api.ts';
import { drawSparkline, FittedCanvas } from '../page/sparkline.ts';
import type { Palette } from '../page/theme.ts';

/** Growth of the server's totals between two readings, a second. */
export interface ServerRates {
  readonly ticks: number;
  readonly deliveries: number;
  readonly bytes: number;
  /** Ticks a second by partition. */
  readonly partitions: readonly number[];
}

/** Growth a second; undefined across runs of the server or without elapsed time. */
export function serverRates(
  before: ServerStatistics | undefined,
  after: ServerStatistics,
): ServerRates | undefined {
  if (before === undefined || before.epoch !== after.epoch) return undefined;
  const seconds = after.uptimeSeconds - before.uptimeSeconds;
  if (!(seconds > 0)) return undefined;
  return {
    ticks: (after.totalProcessed - before.totalProcessed) / seconds,
    deliveries: (after.sent.entries - before.sent.entries) / seconds,
    bytes: (after.sent.bytes - before.sent.bytes) / seconds,
    partitions: after.partitions.map(
      ({ processed }, i) => (processed - (before.partitions[i]?.processed ?? 0)) / seconds,
    ),
  };
}

const SPAN_MS = 5000;

/** Growth of a counter over the last five seconds. */
export class TickRate {
  #samples: { readonly atMs: number; readonly count: number }[] = [];

  /** Takes the counter's value; returns its growth a second, NaN at first. */
  add(atMs: number, count: number): number {
    const last = this.#samples.at(-1);
    if (last !== undefined && count < last.count) this.#samples = [];
    this.#samples.push({ atMs, count });
    while (this.#samples.length > 2 && (this.#samples[1]?.atMs ?? atMs) <= atMs - SPAN_MS) {
      this.#samples.shift();
    }
    const first = this.#samples[0] ?? { atMs, count };
    const passedMs = atMs - first.atMs;
    return passedMs > 0 ? ((count - first.count) / passedMs) * 1000 : Number.NaN;
  }
}

/** A sparkline of a rate over the last two minutes. */
export class RateTrend {
  readonly #canvas: FittedCanvas;
  readonly #history = new RateHistory();

  constructor(canvas: HTMLCanvasElement) {
    this.#canvas = new FittedCanvas(canvas);
  }

  add(value: number): void {
    this.#history.add(value);
  }

  clear(): void {
    this.#history.clear();
  }

  draw({ accent }: Palette): void {
    const { values, length } = this.#history;
    const { clientWidth: width, clientHeight: height } = this.#canvas.element;
    const style = { line: accent, dot: accent, fill: accent, fromZero: true };
    drawSparkline(this.#canvas, values, length, style, { width, height });
  }
}

/** One value a second for two minutes. */
const RATE_SLOTS = 120;

/** The last values of a rate, for a sparkline. */
class RateHistory {
  readonly values = new Float64Array(RATE_SLOTS);
  length = 0;

  add(value: number): void {
    if (this.length === RATE_SLOTS) this.values.copyWithin(0, 1);
    else this.length++;
    this.values[this.length - 1] = value;
  }

  clear(): void {
    this.length = 0;
  }
}
