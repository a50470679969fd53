import { expect, it } from 'vitest';
import { tickwireVersion } from '../../src/config/version.ts';
import { eventually } from '../../testkit/until.ts';
import { HttpClient } from '../support/http-client.ts';
import { onTransports, serverForTest } from '../support/running-server.ts';
import { publisherForTest, subscriberForTest } from '../support/test-clients.ts';

interface Statistics {
  readonly totalProcessed: number;
  readonly latencyMs: Readonly<Record<'p50' | 'p90' | 'p99' | 'p999', number | null>>;
  readonly sessions: Readonly<Record<string, number>>;
  readonly sent: Readonly<Record<string, number>>;
  readonly rules: Readonly<Record<string, number>>;
  readonly version: string;
  readonly epoch: string;
  readonly partitions: readonly { readonly p99LatencyMs: number | null }[];
}

const TIME = 1_700_000_000_000;

const read = async (client: HttpClient) => (await client.get<Statistics>('/api/statistics')).json;

onTransports((transport) => {
  const start = async (processing = {}) => {
    const server = await serverForTest({ server: { transport }, processing });
    return { server, client: await HttpClient.connect(server.port) };
  };

  it('has nothing to tell before any client', async () => {
    const { client } = await start();
    expect(await read(client)).toMatchObject({
      latencyMs: { p50: null, p90: null, p99: null, p999: null },
      sessions: { publishers: 0, subscribers: 0, subscriptions: 0, slow: 0 },
      sent: { frames: 0, bytes: 0, entries: 0, fullEntries: 0, anomalies: 0, conflated: 0 },
    });
  });

  it('names the rules, the version and the epoch', async () => {
    const rules = {
      movingAverageWindow: 7,
      anomalyThresholdPercent: 0.25,
      slidingWindowMilliseconds: 450,
    };
    const { client, server } = await start(rules);
    const subscriber = await subscriberForTest(server.port);
    expect(await read(client)).toMatchObject({
      rules,
      version: tickwireVersion(),
      epoch: subscriber.welcome.epoch,
    });
    const other = await start();
    expect((await read(other.client)).epoch).not.toBe(subscriber.welcome.epoch);
  });

  it('counts sessions and what they were sent', async () => {
    const { client, server } = await start();
    const [first, second] = [
      await subscriberForTest(server.port),
      await subscriberForTest(server.port),
    ];
    await first.subscribe(['A*', 'B']);
    await second.subscribe(['A1']);
    const publisher = await publisherForTest(server.port, 'feed');
    publisher.publish([{ symbol: 'A1', price: 100, time: TIME }]);
    for (const subscriber of [first, second]) await subscriber.counted('A1', 1);
    publisher.publish([{ symbol: 'A1', price: 110, time: TIME + 1 }]);
    for (const subscriber of [first, second]) await subscriber.counted('A1', 2);
    const statistics = await eventually(
      () => read(client),
      ({ sent }) => sent.anomalies === 2,
    );
    expect(statistics.sessions).toEqual({
      publishers: 1,
      subscribers: 2,
      subscriptions: 3,
      slow: 0,
    });
    expect(statistics.sent).toMatchObject({ entries: 4, fullEntries: 2, conflated: 0 });
    const metrics = await client.metrics();
    for (const name of ['frames', 'bytes', 'anomalies'] as const) {
      expect(statistics.sent[name]).toBeGreaterThan(1);
      // Heartbeats may have been sent since.
      const since = metrics.get(`tickwire_${name}_sent_total`) as number;
      expect(since).toBeGreaterThanOrEqual(statistics.sent[name] as number);
    }
    first.close();
    await eventually(
      () => read(client),
      ({ sessions }) => sessions.subscribers === 1 && sessions.subscriptions === 1,
    );
  });

  it('has latencies of all partitions, each quantile at least the one before', async () => {
    const { client } = await start({ partitions: 2 });
    await client.post(Array.from({ length: 40 }, (_, i) => ({ symbol: `S${i}`, price: 1 })));
    const { latencyMs, partitions } = await eventually(
      () => read(client),
      (statistics) => statistics.partitions.every(({ p99LatencyMs }) => p99LatencyMs !== null),
    );
    const { p50, p90, p99, p999 } = latencyMs as Record<string, number>;
    const quantiles = [p50, p90, p99, p999] as number[];
    expect(p50).toBeGreaterThan(0);
    expect(quantiles).toEqual([...quantiles].sort((a, b) => a - b));
    // The overall quantile lies between those of the parts.
    const parts = partitions.map(({ p99LatencyMs }) => p99LatencyMs as number);
    expect(p99).toBeGreaterThanOrEqual(Math.min(...parts) / Math.SQRT2);
    expect(p99).toBeLessThanOrEqual(Math.max(...parts) * Math.SQRT2);
  });
});
