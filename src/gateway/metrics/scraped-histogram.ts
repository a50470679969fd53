import { Histogram, type Registry } from 'prom-client';

type Labels = Readonly<Record<string, string | number>>;

/** One series of a histogram, since the start. */
export interface HistogramReading {
  readonly labels: Labels;
  /** Upper bounds of the buckets, ascending, without the open one at the end. */
  readonly bounds: readonly number[];
  /** Observations by bucket: one more than `bounds`. */
  readonly counts: readonly number[];
  /** Sum of all observations. */
  readonly sum: number;
}

/** One line of a histogram, as prom-client writes it. */
interface Line {
  readonly metricName: string;
  readonly labels: { readonly le?: number | string };
  readonly sharedLabels: Labels;
  readonly value: number;
}

/** A histogram counted elsewhere and read at each collection. */
export class ScrapedHistogram extends Histogram {
  readonly #name: string;
  readonly #help: string;
  readonly #read: () => readonly HistogramReading[];

  constructor(
    name: string,
    help: string,
    registry: Registry,
    labelNames: readonly string[],
    read: () => readonly HistogramReading[],
  ) {
    super({ name, help, labelNames, registers: [registry] });
    this.#name = name;
    this.#help = help;
    this.#read = read;
  }

  /** Called by prom-client at each collection. */
  async getForPromString(): Promise<object> {
    const values = this.#read().flatMap((reading) => linesOf(this.#name, reading));
    const type = 'histogram';
    return { name: this.#name, help: this.#help, type, aggregator: 'sum', values };
  }
}

function linesOf(name: string, { labels, bounds, counts, sum }: HistogramReading): Line[] {
  const lines: Line[] = [];
  const add = (suffix: string, value: number, own: Line['labels'] = {}) => {
    lines.push({ metricName: `${name}_${suffix}`, labels: own, sharedLabels: labels, value });
  };
  let count = 0;
  for (const [bucket, observations] of counts.entries()) {
    count += observations;
    add('bucket', count, { le: bounds[bucket] ?? '+Inf' });
  }
  add('sum', sum);
  add('count', count);
  return lines;
}
