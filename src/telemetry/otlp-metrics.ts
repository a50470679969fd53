import { type HrTime, ValueType } from '@opentelemetry/api';
import { millisToHrTime } from '@opentelemetry/core';
import {
  AggregationTemporality,
  type DataPoint,
  DataPointType,
  type Histogram,
  type MetricData,
} from '@opentelemetry/sdk-metrics';
import type { Registry } from 'prom-client';

type Labels = Readonly<Record<string, string | number>>;

/** A metric as prom-client reads it. */
interface ReadMetric {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly values: readonly ReadValue[];
}

interface ReadValue {
  readonly value: number;
  readonly labels: Labels;
  /** Of a histogram: its name with `_bucket`, `_sum` or `_count`. */
  readonly metricName?: string;
}

/** The times that points of an export share. */
interface Times {
  readonly startTime: HrTime;
  readonly endTime: HrTime;
}

/**
 * Reads a registry as OpenTelemetry's metrics: what `/metrics` answers, under the same names.
 *
 * @param startedAt when its counters were 0, ms since the epoch
 */
export async function readMetrics(
  registry: Pick<Registry, 'getMetricsAsJSON'>,
  startedAt: number,
  now = Date.now(),
): Promise<MetricData[]> {
  const times = { startTime: millisToHrTime(startedAt), endTime: millisToHrTime(now) };
  const metrics = (await registry.getMetricsAsJSON()) as unknown as readonly ReadMetric[];
  return metrics.map((metric) => toMetricData(metric, times));
}

function toMetricData({ name, help, type, values }: ReadMetric, times: Times): MetricData {
  const common = {
    // Without a unit: receivers would add it to the name, which has it.
    descriptor: { name, description: help, unit: '', valueType: ValueType.DOUBLE },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
  };
  if (type === 'histogram') {
    const dataPoints = histogramPoints(values, times);
    return { ...common, dataPointType: DataPointType.HISTOGRAM, dataPoints };
  }
  const dataPoints = values.map(({ labels, value }) => ({ ...times, attributes: labels, value }));
  if (type === 'gauge') return { ...common, dataPointType: DataPointType.GAUGE, dataPoints };
  if (type === 'counter') {
    return { ...common, dataPointType: DataPointType.SUM, isMonotonic: true, dataPoints };
  }
  throw new TypeError(`${name} is a ${type}, which is not exported`);
}

/** Series of a histogram: its buckets cumulate upwards, those of OTLP do not. */
function histogramPoints(values: readonly ReadValue[], times: Times): DataPoint<Histogram>[] {
  const series = new Map<string, SeriesReader>();
  for (const { labels: all, metricName = '', value } of values) {
    const { le, ...labels } = all;
    const key = JSON.stringify(labels);
    let reader = series.get(key);
    if (reader === undefined) {
      reader = new SeriesReader(labels);
      series.set(key, reader);
    }
    if (metricName.endsWith('_bucket')) reader.addBucket(le, value);
    else if (metricName.endsWith('_sum')) reader.sum = value;
  }
  return [...series.values()].map((reader) => reader.read(times));
}

class SeriesReader {
  sum = 0;
  readonly #labels: Labels;
  readonly #boundaries: number[] = [];
  readonly #counts: number[] = [];
  #count = 0;

  constructor(labels: Labels) {
    this.#labels = labels;
  }

  addBucket(le: string | number | undefined, cumulative: number): void {
    const bound = Number(le);
    // The open bucket has no bound.
    if (Number.isFinite(bound)) this.#boundaries.push(bound);
    this.#counts.push(cumulative - this.#count);
    this.#count = cumulative;
  }

  read(times: Times): DataPoint<Histogram> {
    const buckets = { boundaries: this.#boundaries, counts: this.#counts };
    const value = { buckets, sum: this.sum, count: this.#count };
    return { ...times, attributes: this.#labels, value };
  }
}
