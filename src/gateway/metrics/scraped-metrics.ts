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
        // Values that are gone have no sample.
        gauge.reset();
        for (const [value, level] of Object.entries(read())) gauge.set({ [label]: value }, level);
      },
    });
  }
}
