import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { IndependentPublisher } from '../../testkit/independent/publisher.ts';
import { eventually } from '../../testkit/until.ts';
import { folderForSuite } from '../support/folders.ts';
import { HttpClient } from '../support/http-client.ts';
import { onTransports, serverForSuite, serverForTest } from '../support/running-server.ts';
import { publisherForTest, subscriberForTest } from '../support/test-clients.ts';

interface Documented {
  readonly name: string;
  readonly type: string;
  readonly labels: readonly string[];
  readonly isLinuxOnly: boolean;
}

/** The rows of the tables in docs/METRICS.md. */
function documented(): readonly Documented[] {
  const text = readFileSync(new URL('../../docs/METRICS.md', import.meta.url), 'utf8');
  const rows = [...text.matchAll(/^\| `(\w+)` \| (\w+) \|(.*?)\| (.*) \|$/gm)];
  // Those of Kafka need its brokers: kafka-source.deep.test.ts and kafka-sink.deep.test.ts.
  const own = rows.filter(([, name]) => !name?.startsWith('tickwire_kafka_'));
  return own.map(([, name, type, labels, meaning]) => ({
    name: name as string,
    type: type as string,
    labels: [...(labels as string).matchAll(/`(\w+)`/g)].map((match) => match[1] as string),
    isLinuxOnly: (meaning as string).includes('Linux'),
  }));
}

describe('docs/METRICS.md', () => {
  const directory = folderForSuite();
  const file = join(folderForSuite(), 'rules.json');
  // Some series have a sample only where there is a rule, a sink, a publisher's tick.
  writeFileSync(
    file,
    JSON.stringify({
      rules: [{ name: 'flash', kind: 'gap', symbols: ['*'], warning: '2%' }],
      sinks: [{ kind: 'webhook', name: 'hook', url: 'http://127.0.0.1:9/' }],
    }),
  );
  // Its own metrics are there wherever it is on; here it exports nothing.
  const telemetry = { otlpEndpoint: 'http://127.0.0.1:9', sampleRate: 0, metricsIntervalMs: 0 };
  const server = serverForSuite({ store: { directory }, rules: { file }, telemetry });
  let scraped: Map<string, { readonly type: string; readonly labels: ReadonlySet<string> }>;

  beforeAll(async () => {
    const publisher = await IndependentPublisher.connect(server.port, 'feed');
    publisher.publish([{ symbol: 'BTC', price: 1, time: Date.now() }]);
    await publisher.acknowledged();
    publisher.close();
    const { text } = await (await HttpClient.connect(server.port)).get('/metrics');
    scraped = new Map(
      [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name, type]) => {
        const samples = text.matchAll(new RegExp(`^${name}(?:_bucket)?\\{(.*)\\} `, 'gm'));
        const labels = [...samples].flatMap(([, list]) =>
          [...(list as string).matchAll(/(\w+)="/g)].map((match) => match[1] as string),
        );
        return [name as string, { type: type as string, labels: new Set(labels) }];
      }),
    );
  });

  it('lists every metric and no other', () => {
    const expected = documented().filter(
      ({ isLinuxOnly }) => !isLinuxOnly || process.platform === 'linux',
    );
    expect(expected.map(({ name }) => name).sort()).toEqual([...scraped.keys()].sort());
  });

  it('lists their types and labels', () => {
    for (const { name, type, labels } of documented()) {
      const metric = scraped.get(name);
      if (metric === undefined) continue;
      expect([name, metric.type]).toEqual([name, type]);
      const own = [...metric.labels].filter((label) => label !== 'le');
      // Some of Node's appear only after their first event.
      if (own.length > 0 || name.startsWith('tickwire')) {
        expect([name, own.sort()]).toEqual([name, [...labels].sort()]);
      }
    }
  });
});

onTransports((transport) => {
  it('counts what was sent and received', async () => {
    const server = await serverForTest({ server: { transport }, processing: { partitions: 2 } });
    const client = await HttpClient.connect(server.port);
    const subscriber = await subscriberForTest(server.port);
    await subscriber.subscribe(['A*', 'B']);
    const publisher = await publisherForTest(server.port, 'feed');
    const time = 1_700_000_000_000;
    publisher.publish([
      { symbol: 'A1', price: 100, time },
      { symbol: 'A1', price: 110, time: time + 1 },
      { symbol: 'A1', price: 90, time: time + 2 },
      { symbol: 'A1', price: 90, time },
      { symbol: '', price: 1, time },
      { symbol: 'A1', price: -1, time },
    ]);
    await publisher.acknowledged();
    await client.post([
      { symbol: 'C', price: 1 },
      { symbol: 'C', price: 1, timestamp: 'x' },
    ]);
    await client.settled();
    await subscriber.counted('A1', 4);
    const metrics = await eventually(
      () => client.metrics(),
      (read) =>
        read.get('tickwire_anomalies_sent_total') === 2 &&
        read.get('tickwire_frames_sent_total') ===
          subscriber.framesReceived + publisher.framesReceived,
    );
    const value = (name: string) => metrics.get(`tickwire_${name}`);
    expect(value('ticks_accepted_total')).toBe(5);
    expect(value('ticks_rejected_total{reason="bad_symbol"}')).toBe(1);
    expect(value('ticks_rejected_total{reason="bad_price"}')).toBe(1);
    expect(value('ticks_rejected_total{reason="bad_time"}')).toBe(1);
    expect(value('ticks_rejected_total{reason="unknown_alias"}')).toBe(0);
    expect(value('ticks_late_total')).toBe(1);
    expect(value('anomalies_total{direction="up"}')).toBe(1);
    expect(value('anomalies_total{direction="down"}')).toBe(1);
    expect(value('symbols')).toBe(2);
    expect(value('sessions{kind="publish"}')).toBe(1);
    expect(value('sessions{kind="stream"}')).toBe(1);
    expect(value('subscriptions')).toBe(2);
    expect(value('slow_sessions')).toBe(0);
    expect(value('tick_frames_total')).toBe(1);
    expect(value('entries_sent_total{kind="full"}')).toBe(1);
    expect(value('frames_sent_total')).toBe(subscriber.framesReceived + publisher.framesReceived);
    expect(value('bytes_sent_total')).toBeGreaterThan(200);
    expect(metrics.get(`tickwire_build_info{version="${client.api.document.info.version}"}`)).toBe(
      1,
    );
  });

  it('has a histogram of the latency that adds up', async () => {
    const server = await serverForTest({ server: { transport }, processing: { partitions: 2 } });
    const client = await HttpClient.connect(server.port);
    const symbols = Array.from({ length: 40 }, (_, i) => `S${i}`);
    await client.post(symbols.map((symbol) => ({ symbol, price: 1 })));
    // Latencies are counted right after their batch.
    const metrics = await eventually(
      () => client.metrics(),
      (read) =>
        [0, 1].every((partition) => {
          const applied = read.get(`tickwire_ticks_applied_total{partition="${partition}"}`);
          const count = read.get(`tickwire_tick_latency_seconds_count{partition="${partition}"}`);
          return applied === count && applied !== 0;
        }),
    );
    let total = 0;
    for (const partition of [0, 1]) {
      const label = `partition="${partition}"`;
      const buckets = [...metrics].flatMap(([line, count]) => {
        const match = /^tickwire_tick_latency_seconds_bucket\{le="(.*)",partition="(.*)"\}$/.exec(
          line,
        );
        if (match?.[2] !== String(partition)) return [];
        return [[match[1] === '+Inf' ? Number.POSITIVE_INFINITY : Number(match[1]), count]];
      });
      const bounds = buckets.map(([bound]) => bound as number);
      expect(bounds).toEqual([...bounds].sort((a, b) => a - b));
      expect(bounds.at(0)).toBe(1e-6);
      expect(bounds.at(-1)).toBe(Number.POSITIVE_INFINITY);
      const counts = buckets.map(([, count]) => count as number);
      expect(counts).toEqual([...counts].sort((a, b) => a - b));
      const count = metrics.get(`tickwire_tick_latency_seconds_count{${label}}`) as number;
      expect(counts.at(-1)).toBe(count);
      expect(metrics.get(`tickwire_tick_latency_seconds_sum{${label}}`)).toBeGreaterThan(0);
      total += count;
    }
    expect(total).toBe(40);
  });

  it('counts unreadable frames, and is reported by every scrape', async () => {
    const server = await serverForTest({ server: { transport } });
    const client = await HttpClient.connect(server.port);
    const subscriber = await subscriberForTest(server.port);
    subscriber.send(['no frame']);
    const metrics = await eventually(
      () => client.metrics(),
      (read) => read.get('tickwire_bad_frames_total') === 1,
    );
    const timers = 'tickwire_event_loop_delay_seconds_count';
    const again = await eventually(
      () => client.metrics(),
      (read) => (read.get(timers) as number) > (metrics.get(timers) as number),
    );
    expect(again.get('tickwire_bad_frames_total')).toBe(1);
    expect([...again.keys()].filter((line) => line.startsWith('tickwire')).sort()).toEqual(
      [...metrics.keys()].filter((line) => line.startsWith('tickwire')).sort(),
    );
    const { headers } = await client.get('/metrics');
    expect(headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  });
});
