import * as hdr from 'hdr-histogram-js';

/** Longest latency told apart: one hour, in microseconds. */
const MAX_US = 3_600_000_000;

/** Some percentiles of a latency, in milliseconds. */
export interface LatencySummary {
  readonly count: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** Latencies with three significant digits, in an HDR histogram of microseconds. */
export class Latency {
  readonly #histogram = hdr.build({
    highestTrackableValue: MAX_US,
    numberOfSignificantValueDigits: 3,
    bitBucketSize: 32,
  });

  /** Adds a latency; one below zero (a clock's last digit) counts as zero. */
  record(ms: number): void {
    this.#histogram.recordValue(Math.min(MAX_US, Math.max(0, Math.round(ms * 1000))));
  }

  /** Adds what another process recorded. */
  addEncoded(text: string): void {
    this.#histogram.add(hdr.decodeFromCompressedBase64(text, 32));
  }

  /** Everything recorded, as text for another process or a file. */
  encode(): string {
    return hdr.encodeIntoCompressedBase64(this.#histogram);
  }

  summary(): LatencySummary {
    const histogram = this.#histogram;
    const ms = (percentile: number) => histogram.getValueAtPercentile(percentile) / 1000;
    return {
      count: histogram.totalCount,
      p50: ms(50),
      p90: ms(90),
      p99: ms(99),
      p999: ms(99.9),
      max: histogram.maxValue / 1000,
    };
  }
}
