import { Counter, Gauge, type Registry } from 'prom-client';

/** Values of a metric with one label, by the value of the label. */
export type Readings = Readonly<Record<string, number>>;

/** Registers metrics whose values are counted elsewhere, and read whenever they are collected. */
export class ScrapedMetrics {
  readonly #registry: Registry;

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  counter(name: string, help: string, read: () => number): void {
    const registers = [this.#registry];
    const collect = (counter: Counter) => {
      counter.reset();
      counter.inc(read());
    };
    new Counter({
      name,
      help,
      registers,
      collect() {
        collect(this);
      },
    });
  }

  counterBy(label: string, name: string, help: string, read: () => Readings): void {
    const collect = (counter: Counter) => {
      counter.reset();
      for (const [value, count] of Object.entries(read())) counter.inc({ [label]: value }, count);
    };
    new Counter({
      name,
      help,
      labelNames: [label],
      registers: [this.#registry],
      collect() {
        collect(this);
      },
    });
  }

  gauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name,
      help,
      registers: [this.#registry],
      collect() {
        this.set(read());
      },
    });
  }

  gaugeBy(label: string, name: string, help: string, read: () => Readings): void {
    new Gauge({
      name,
      help,
      labelNames: [label],
      registers: [this.#registry],
      collect() {
        for (const [value, amount] of Object.entries(read())) this.set({ [label]: value }, amount);
      },
    });
  }
}
