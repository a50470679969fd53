import { Histogram, type Registry } from 'prom-client';
import { Counter, type Engine, LATENCY_BUCKETS, latencyBucketEndUs } from '../../engine/index.ts';

/** Engine buckets joined into one: the engine's resolution is finer than scrapes need. */
const BUCKETS_JOINED = 2;

/** One line of the histogram, as prom-client writes it. */
interface Value {
  readonly metricName: string;
  readonly labels: { readonly le?: number | string };
  readonly sharedLabels: { readonly partition: number };
  readonly value: number;
}

/** Tick latency by partition, read from the buckets that the workers count in. */
export class LatencyHistogram extends Histogram<'partition'> {
  readonly #name: string;
  readonly #help: string;
  readonly #engine: Pick<Engine, 'partitions' | 'status'>;

  constructor(
    name: string,
    help: string,
    registry: Registry,
    engine: Pick<Engine, 'partitions' | 'status'>,
  ) {
    super({ name, help, labelNames: ['partition'], registers: [registry] });
    this.#name = name;
    this.#help = help;
    this.#engine = engine;
  }

  /** Called by prom-client at each collection. */
  async getForPromString(): Promise<object> {
    const partitions = Array.from({ length: this.#engine.partitions }, (_, i) => i);
    const values = partitions.flatMap((partition) => this.#read(partition));
    const type = 'histogram';
    return { name: this.#name, help: this.#help, type, aggregator: 'sum', values };
  }

  #read(partition: number): readonly Value[] {
    const { counters } = this.#engine.status(partition);
    const values: Value[] = [];
    const add = (suffix: string, value: number, labels: Value['labels'] = {}) => {
      const metricName = `${this.#name}_${suffix}`;
      values.push({ metricName, labels, sharedLabels: { partition }, value });
    };
    let count = 0;
    for (let bucket = 0; bucket < LATENCY_BUCKETS - 1; bucket++) {
      count += counters.latency(bucket);
      if (bucket % BUCKETS_JOINED > 0) continue;
      add('bucket', count, { le: latencyBucketEndUs(bucket) / 1e6 });
    }
    count += counters.latency(LATENCY_BUCKETS - 1);
    add('bucket', count, { le: '+Inf' });
    add('sum', counters.get(Counter.LATENCY_US_SUM) / 1e6);
    add('count', count);
    return values;
  }
}
