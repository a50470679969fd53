import { Histogram, type Registry } from 'prom-client';
import { Counter, type Engine, LATENCY_BUCKETS, latencyBucketEndUs } from '../engine/index.ts';

/** Shared buckets that make one of the metric: two an octave are more than a scrape should carry. */
const BUCKETS_JOINED = 2;

type Values = Awaited<ReturnType<Histogram<'partition'>['get']>>;
type Value = Values['values'][number];

/** The latency of ticks, read from the buckets that the workers count in when it is collected. */
export class LatencyHistogram extends Histogram<'partition'> {
  readonly #engine: Pick<Engine, 'partitions' | 'status'>;

  constructor(
    name: string,
    help: string,
    registry: Registry,
    engine: Pick<Engine, 'partitions' | 'status'>,
  ) {
    super({ name, help, labelNames: ['partition'], registers: [registry] });
    this.#engine = engine;
  }

  override async get(): Promise<Values> {
    const values: Value[] = [];
    for (let partition = 0; partition < this.#engine.partitions; partition++) {
      values.push(...this.#read(partition));
    }
    return { ...(await super.get()), values };
  }

  /** What the registry asks a histogram for instead of {@link get}, when it writes text. */
  getForPromString(): Promise<Values> {
    return this.get();
  }

  #read(partition: number): readonly Value[] {
    const { counters } = this.#engine.status(partition);
    const values: Value[] = [];
    const add = (suffix: string, value: number, le?: number | string) => {
      const labels = { ...(le === undefined ? {} : { le }), partition: String(partition) };
      values.push({ metricName: `${this.#name}_${suffix}`, labels, value } as Value);
    };
    let count = 0;
    for (let bucket = 0; bucket < LATENCY_BUCKETS - 1; bucket++) {
      count += counters.latency(bucket);
      if (bucket % BUCKETS_JOINED === 0) add('bucket', count, latencyBucketEndUs(bucket) / 1e6);
    }
    count += counters.latency(LATENCY_BUCKETS - 1);
    add('bucket', count, '+Inf');
    add('sum', counters.get(Counter.LATENCY_US_SUM) / 1e6);
    add('count', count);
    return values;
  }
}
