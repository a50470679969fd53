import { ROOT_CONTEXT, SpanKind, TraceFlags } from '@opentelemetry/api';
import { DataPointType } from '@opentelemetry/sdk-metrics';
import { type ReadableSpan, SamplingDecision } from '@opentelemetry/sdk-trace';
import { Gauge, Histogram, Registry, Summary } from 'prom-client';
import { describe, expect, it, vi } from 'vitest';
import { ScrapedHistogram } from '../../src/gateway/metrics/scraped-histogram.ts';
import { ScrapedMetrics } from '../../src/gateway/metrics/scraped-metrics.ts';
import { readMetrics } from '../../src/telemetry/otlp-metrics.ts';
import { createSampler } from '../../src/telemetry/otlp-spans.ts';
import { Outlet } from '../../src/telemetry/outlet.ts';
import { QUEUE_MAX, SpanQueue } from '../../src/telemetry/span-queue.ts';
import { during, type Span } from '../../src/telemetry/tracing.ts';
import { Random } from '../../testkit/random.ts';

describe('metrics', () => {
  it('are the values of the registry, with their labels and times', async () => {
    const registry = new Registry();
    const metrics = new ScrapedMetrics(registry);
    metrics.counter('c_total', 'Counts.', () => 7);
    metrics.gaugeBy('shard', 'g', 'Levels.', () => ({ a: 1.5, b: -2 }));
    const read = await readMetrics(registry, 1500, 3000.25);
    const times = { startTime: [1, 500_000_000], endTime: [3, 250_000] };
    expect(read).toMatchObject([
      {
        descriptor: { name: 'c_total', description: 'Counts.', unit: '' },
        dataPointType: DataPointType.SUM,
        isMonotonic: true,
        dataPoints: [{ ...times, attributes: {}, value: 7 }],
      },
      {
        descriptor: { name: 'g', description: 'Levels.', unit: '' },
        dataPointType: DataPointType.GAUGE,
        dataPoints: [
          { ...times, attributes: { shard: 'a' }, value: 1.5 },
          { ...times, attributes: { shard: 'b' }, value: -2 },
        ],
      },
    ]);
  });

  it('have the buckets of histograms one by one, each series by itself', async () => {
    const registry = new Registry();
    const series = (by: string, counts: number[], sum: number) => ({
      labels: { by },
      bounds: [0.5, 1],
      counts,
      sum,
    });
    new ScrapedHistogram('h', 'H.', registry, ['by'], () => [
      series('x', [1, 0, 4], 9),
      series('y', [0, 2, 0], 1.5),
    ]);
    const own = new Histogram({ name: 'p', help: 'P.', buckets: [1, 2], registers: [registry] });
    for (const value of [0.5, 1.5, 1.75, 99]) own.observe(value);
    const point = (boundaries: number[], counts: number[], sum: number) => {
      const count = counts.reduce((a, b) => a + b);
      return { value: { buckets: { boundaries, counts }, count, sum } };
    };
    const [scraped, plain] = await readMetrics(registry, 0);
    expect(scraped?.dataPoints).toMatchObject([
      { attributes: { by: 'x' }, ...point([0.5, 1], [1, 0, 4], 9) },
      { attributes: { by: 'y' }, ...point([0.5, 1], [0, 2, 0], 1.5) },
    ]);
    expect(plain?.dataPoints).toMatchObject([
      { attributes: {}, ...point([1, 2], [1, 2, 1], 102.75) },
    ]);
  });

  it('of a kind that has no counterpart are an error', async () => {
    const registry = new Registry();
    new Gauge({ name: 'g', help: 'G.', registers: [registry] });
    new Summary({ name: 's', help: 'S.', registers: [registry] });
    await expect(readMetrics(registry, 0)).rejects.toThrow('s is a summary');
  });
});

describe('sampling', () => {
  const shareOf = (rate: number, kind: SpanKind) => {
    const sampler = createSampler(rate);
    let sampled = 0;
    const random = new Random(7);
    for (let i = 0; i < 4096; i++) {
      const words = Array.from({ length: 4 }, () => random.uint32());
      const traceId = words.map((word) => word.toString(16).padStart(8, '0')).join('');
      const { decision } = sampler.shouldSample(ROOT_CONTEXT, traceId, 'name', kind, {}, []);
      if (decision === SamplingDecision.RECORD_AND_SAMPLED) sampled++;
    }
    return sampled / 4096;
  };

  it('takes the configured part of requests, and all of what else there is', () => {
    expect(shareOf(1, SpanKind.SERVER)).toBe(1);
    const part = shareOf(0.25, SpanKind.SERVER);
    expect(part).toBeGreaterThan(0.22);
    expect(part).toBeLessThan(0.28);
    expect(shareOf(0.25, SpanKind.INTERNAL)).toBe(1);
  });
});

describe('the queue of spans', () => {
  const span = (name: number, traceFlags = TraceFlags.SAMPLED) =>
    ({ name: String(name), spanContext: () => ({ traceFlags }) }) as unknown as ReadableSpan;

  it('sends all in order, in batches, one at a time', async () => {
    const batches: string[][] = [];
    let underWay = 0;
    const queue = new SpanQueue(async (batch) => {
      expect(++underWay).toBe(1);
      batches.push(batch.map(({ name }) => name));
      await Promise.resolve();
      underWay--;
      return true;
    });
    for (let i = 0; i < 1100; i++) queue.onEnd(span(i));
    queue.onEnd(span(1, TraceFlags.NONE));
    expect(batches).toEqual([]);
    await queue.shutdown();
    expect(batches.map(({ length }) => length)).toEqual([512, 512, 76]);
    expect(batches.flat()).toEqual(Array.from({ length: 1100 }, (_, i) => String(i)));
    expect(queue.dropped).toBe(0);
  });

  it('drops the newest of too many, and counts them with those refused', async () => {
    let isTaken = false;
    const sent: string[] = [];
    const queue = new SpanQueue(async (batch) => {
      if (isTaken) sent.push(...batch.map(({ name }) => name));
      return isTaken;
    });
    for (let i = 0; i < QUEUE_MAX + 3; i++) queue.onEnd(span(i));
    expect(queue.dropped).toBe(3);
    await queue.forceFlush();
    expect(queue.dropped).toBe(QUEUE_MAX + 3);
    isTaken = true;
    queue.onEnd(span(9));
    await queue.forceFlush();
    expect([sent, queue.dropped]).toEqual([['9'], QUEUE_MAX + 3]);
  });

  it('sends within a second, without being asked', async () => {
    vi.useFakeTimers();
    try {
      let sent = 0;
      const queue = new SpanQueue(async ({ length }) => {
        sent += length;
        return true;
      });
      queue.onEnd(span(1));
      await vi.advanceTimersByTimeAsync(999);
      expect(sent).toBe(0);
      queue.onEnd(span(2));
      await vi.advanceTimersByTimeAsync(1);
      expect(sent).toBe(2);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('an outlet', () => {
  it('counts what cannot be made, or throws, as a failed export, and warns once', async () => {
    const lines: string[] = [];
    const log = {
      info: (_: object, message: string) => lines.push(message),
      warn: (fields: object, message: string) =>
        lines.push(`${message}: ${JSON.stringify(fields)}`),
    };
    let isBroken = true;
    const exporter = {
      export: (_: string, done: (result: { code: number }) => void) => {
        if (isBroken) throw new Error('broken');
        done({ code: 0 });
      },
    };
    const outlet = new Outlet<string>(exporter, 'metrics', log);
    expect(await outlet.send(Promise.reject(new TypeError('s is a summary')))).toBe(false);
    expect(await outlet.send('a')).toBe(false);
    expect(outlet.failed).toBe(2);
    isBroken = false;
    expect(await outlet.send(Promise.resolve('b'))).toBe(true);
    expect(lines).toEqual([
      'the collector does not take telemetry; the server goes on without: ' +
        '{"signal":"metrics","reason":"s is a summary"}',
      'the collector takes telemetry again',
    ]);
  });
});

describe('what a span times', () => {
  it('ends it, as failed if it throws', async () => {
    const seen: unknown[] = [];
    const span: Span = {
      note: () => undefined,
      event: () => undefined,
      end: () => seen.push('end'),
      fail: (reason) => seen.push((reason as Error).message),
    };
    expect(await during(span, async () => 7)).toBe(7);
    await expect(during(span, () => Promise.reject(new Error('gone')))).rejects.toThrow('gone');
    expect(await during(undefined, async () => 8)).toBe(8);
    expect(seen).toEqual(['end', 'gone']);
  });
});
