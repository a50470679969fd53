import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Counter, Gauge, type Registry } from 'prom-client';

/** Values of a metric with one label, by value of the label. */
export type Readings = Readonly<Record<string, number>>;

/** Registers metrics whose values are counted elsewhere and read at each collection. */
export class ScrapedMetrics {
  readonly #registers: Registry[];

  constructor(registry: Registry) {
    this.#registers = [registry];
  }

  counter(name: string, help: string, read: () => number): void {
    const counter: Counter = new Counter({
      name,
      help,
      registers: this.#registers,
      collect: () => {
        counter.reset();
        counter.inc(read());
      },
    });
  }

  /** A counter with one label, `label`. */
  counterBy(label: string, name: string, help: string, read: () => Readings): void {
    const counter: Counter = new Counter({
      name,
      help,
      labelNames: [label],
      registers: this.#registers,
      collect: () => {
        counter.reset();
        for (const [value, count] of Object.entries(read())) counter.inc({ [label]: value }, count);
      },
    });
  }

  gauge(name: string, help: string, read: () => number): void {
    const gauge: Gauge = new Gauge({
      name,
      help,
      registers: this.#registers,
      collect: () => gauge.set(read()),
    });
  }

  /** A gauge with one label, `label`. */
  gaugeBy(label: string, name: string, help: string, read: () => Readings): void {
    const gauge: Gauge = new Gauge({
      name,
      help,
      labelNames: [label],
      registers: this.#registers,
      collect: () => {
        for (const [value, level] of Object.entries(read())) gauge.set({ [label]: value }, level);
      },
    });
  }
}

/** Sampling interval of the event loop, ms. */
const RESOLUTION_MS = 10;

/**
 * Measures the delay of this thread's event loop from now on.
 *
 * @returns reads the delays by quantile since its last call, s
 */
export function watchEventLoop(): () => Readonly<Record<string, number>> {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  histogram.enable();
  // The histogram records intervals: an event loop without delay shows the interval itself.
  const delay = (nanoseconds: number) => Math.max(0, nanoseconds / 1e9 - RESOLUTION_MS / 1e3);
  return () => {
    const { max } = histogram;
    const readings = {
      0.5: delay(histogram.percentile(50)),
      0.99: delay(histogram.percentile(99)),
      1: delay(max),
    };
    histogram.reset();
    return readings;
  };
}
