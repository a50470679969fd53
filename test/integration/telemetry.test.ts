import { expect, it } from 'vitest';
import { parseMetrics } from '../../testkit/metrics.ts';
import { until } from '../../testkit/until.ts';
import { Collector } from '../support/collector.ts';
import { folderForTest } from '../support/folders.ts';
import { metric, postPrices, upgrade } from '../support/raw-http.ts';
import {
  onTransports,
  serverForTest,
  startTestServer,
  type TestServer,
} from '../support/running-server.ts';
import { pairForTest, publisherForTest, unique } from '../support/test-clients.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PARENT = 'b7ad6b7169203331';
const SAMPLED = { traceparent: `00-${TRACE}-${PARENT}-01` };
const NOT_SAMPLED = { traceparent: `00-${TRACE}-${PARENT}-00` };

const price = (symbol: string) => ({ symbol, price: 1, timestamp: Date.now() });
const ask = (server: TestServer, path: string, headers: Record<string, string> = {}) =>
  fetch(`http://127.0.0.1:${server.port}${path}`, { headers });

onTransports((transport) => {
  it('traces commands, queries and upgrades, and goes on with the trace of a request', async () => {
    const collector = await Collector.start();
    const server = await serverForTest({
      server: { transport },
      telemetry: { otlpEndpoint: `${collector.url}/`, headers: 'x-key=a b, y=2', sampleRate: 1 },
    });
    await postPrices(server.port, [price('A'), price('B')]);
    expect((await ask(server, '/api/prices/none', SAMPLED)).status).toBe(404);
    for (const path of ['/metrics', '/healthz', '/']) await ask(server, path);
    await upgrade(server.port, '/v1/stream', { headers: SAMPLED }).then(({ socket }) =>
      socket?.destroy(),
    );
    expect((await upgrade(server.port, '/v1/nothing')).status).toBe(404);
    await until(() => collector.names.length >= 4);
    expect(collector.names.sort()).toEqual([
      'GET /api/prices/{symbol}',
      'POST /api/prices',
      'upgrade /v1/stream',
      'upgrade unknown',
    ]);
    const post = collector.span('POST /api/prices');
    expect(post).toMatchObject({
      kind: 2,
      parentId: '',
      hasFailed: false,
      attributes: {
        'http.request.method': 'POST',
        'http.route': '/api/prices',
        'http.response.status_code': 202,
        'url.path': '/api/prices',
      },
    });
    expect(post?.traceId).not.toBe(TRACE);
    expect(post?.endedAt).toBeGreaterThanOrEqual(post?.startedAt ?? Number.NaN);
    expect(Math.abs((post?.endedAt ?? 0) - Date.now())).toBeLessThan(60_000);
    const continued = { traceId: TRACE, parentId: PARENT };
    const query = collector.span('GET /api/prices/{symbol}');
    expect(query).toMatchObject({ ...continued, hasFailed: false });
    expect(query?.attributes).toMatchObject({ 'http.response.status_code': 404 });
    const opened = collector.span('upgrade /v1/stream');
    expect(opened).toMatchObject({ ...continued, kind: 2 });
    expect(opened?.attributes).toMatchObject({ 'http.response.status_code': 101 });
    const refused = collector.span('upgrade unknown');
    expect(refused?.attributes).toMatchObject({ 'http.response.status_code': 404 });
    expect(collector.headers[0]).toMatchObject({ 'x-key': 'a b', y: '2' });
    expect(collector.resources[0]).toMatchObject({ 'service.name': 'tickwire' });
    expect(await metric(server.port, 'tickwire_telemetry_spans_dropped_total')).toBe(0);
  });
});

it('traces a request that its client samples, whatever the rate, and no other', async () => {
  const collector = await Collector.start();
  const server = await startTestServer({
    telemetry: { otlpEndpoint: collector.url, sampleRate: 1e-9 },
  });
  for (let i = 0; i < 5; i++) await ask(server, '/api/rules');
  await ask(server, '/api/rules', NOT_SAMPLED);
  await ask(server, '/api/rules', { traceparent: 'garbage' });
  await ask(server, '/api/rules', SAMPLED);
  await server.stop();
  expect(collector.spans).toMatchObject([{ name: 'GET /api/rules', traceId: TRACE }]);
});

it('exports what /metrics has: the same names, values and buckets', async () => {
  const collector = await Collector.start();
  const server = await startTestServer({
    telemetry: { otlpEndpoint: collector.url, metricsIntervalMs: 50 },
  });
  const publisher = await publisherForTest(server.port, 'feed');
  publisher.publish([{ symbol: 'BTC', price: 1, time: Date.now() - 40 }]);
  await publisher.acknowledged();
  publisher.close();
  const exportsBefore = collector.exports.length;
  await until(() => collector.exports.length > exportsBefore + 1);
  const text = await (await ask(server, '/metrics')).text();
  await server.stop();
  const exported = collector.exports.at(-1) ?? [];
  const types = new Map(
    [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name, type]) => [
      name as string,
      type as string,
    ]),
  );
  const kinds = { counter: 'sum', gauge: 'gauge', histogram: 'histogram' } as const;
  expect(exported.length).toBeGreaterThan(60);
  expect(exported.map(({ name }) => name).sort()).toEqual([...types.keys()].sort());
  for (const { kind, name, isMonotonic, points, unit } of exported) {
    expect([name, kind]).toEqual([name, kinds[types.get(name) as keyof typeof kinds]]);
    expect([isMonotonic, unit]).toEqual([kind === 'sum', '']);
    for (const { at, startedAt } of points) expect(startedAt).toBeLessThanOrEqual(at);
  }
  const accepted = exported.find(({ name }) => name === 'tickwire_ticks_accepted_total');
  expect(accepted).toMatchObject({ temporality: 2, points: [{ value: 1 }] });
  const read = parseMetrics(text);
  const lateness = exported.find(({ name }) => name === 'tickwire_tick_lateness_seconds');
  const ofFeed = lateness?.points.find(({ attributes }) => attributes.publisher === 'feed');
  const base = 'tickwire_tick_lateness_seconds';
  expect(ofFeed).toMatchObject({ count: 1, sum: read.get(`${base}_sum{publisher="feed"}`) });
  expect(ofFeed?.counts).toHaveLength((ofFeed?.bounds.length ?? 0) + 1);
  let count = 0;
  for (const [index, bound] of (ofFeed?.bounds ?? []).entries()) {
    count += ofFeed?.counts[index] ?? Number.NaN;
    expect(read.get(`${base}_bucket{le="${bound}",publisher="feed"}`), String(bound)).toBe(count);
  }
});

it('traces snapshots', async () => {
  const collector = await Collector.start();
  const directory = folderForTest();
  const telemetry = { otlpEndpoint: collector.url, metricsIntervalMs: 0 };
  const store = { directory, snapshotIntervalMs: 0 };
  const first = await startTestServer({ store, telemetry });
  const publisher = await publisherForTest(first.port, 'feed');
  publisher.publish([{ symbol: 'BTC', price: 1, time: Date.now() }]);
  await publisher.acknowledged();
  publisher.close();
  await first.stop();
  expect(collector.span('snapshot')).toMatchObject({
    kind: 1,
    parentId: '',
    hasFailed: false,
    attributes: { 'tickwire.changed': true },
    events: [{ name: 'captured', attributes: { 'tickwire.symbols': 1 } }],
  });
  expect(collector.span('snapshot')?.attributes['tickwire.bytes']).toBeGreaterThan(10);
});

it('serves where the collector refuses, says so once, and counts the spans lost', async () => {
  const collector = await Collector.start();
  collector.status = 400;
  const server = await startTestServer(
    { telemetry: { otlpEndpoint: collector.url, sampleRate: 1, metricsIntervalMs: 0 } },
    { logLevel: 'trace' },
  );
  const dropped = () => metric(server.port, 'tickwire_telemetry_spans_dropped_total');
  await ask(server, '/api/rules');
  await until(async () => (await dropped()) === 1);
  await ask(server, '/api/rules');
  await until(async () => (await dropped()) === 2);
  const said = () => server.lines.filter((line) => line.includes('the collector'));
  expect(said()).toHaveLength(1);
  const outage = { level: 40, signal: 'traces', code: 400 };
  expect(JSON.parse(said()[0] as string)).toMatchObject(outage);
  expect(await metric(server.port, 'tickwire_telemetry_exports_failed_total')).toBe(2);
  collector.status = 200;
  await ask(server, '/api/rules');
  await until(() => said().length === 2);
  expect(said()[1]).toContain('takes telemetry again');
  expect(collector.names).toHaveLength(1);
  await server.stop();
});

it('waits two seconds at most, at a stop, for a collector that does not answer', async () => {
  const collector = await Collector.start();
  collector.status = undefined;
  const server = await startTestServer({ telemetry: { otlpEndpoint: collector.url } });
  await ask(server, '/api/rules', SAMPLED);
  const startedAt = performance.now();
  await server.stop();
  expect(collector.requests).toBe(2);
  const tookMs = performance.now() - startedAt;
  expect(tookMs).toBeGreaterThan(1900);
  // Two for the collector; what else a stop takes is below a second even on a busy machine.
  expect(tookMs).toBeLessThan(3500);
});

it('traces a frame of ticks from its receipt to subscribers, one a second', async () => {
  const collector = await Collector.start();
  const server = await startTestServer({
    processing: { partitions: 2 },
    telemetry: { otlpEndpoint: collector.url, metricsIntervalMs: 0 },
  });
  const ticks = () => collector.spans.filter(({ name }) => name === 'tick');
  const { publisher, subscriber, symbol } = await pairForTest(server.port);
  const other = unique('S');
  const publish = (price: number) => {
    const time = Date.now();
    publisher.publish([symbol, other, symbol].map((name) => ({ symbol: name, price, time })));
    return publisher.acknowledged();
  };
  const sentAt = Date.now();
  await publish(1);
  for (let price = 2; price <= 20; price++) await publish(price);
  await subscriber.counted(symbol, 40);
  await until(() => ticks().length === 1);
  const [first] = ticks();
  expect(first).toMatchObject({ kind: 1, parentId: '', hasFailed: false });
  const events = first?.events ?? [];
  expect(events.map(({ name, attributes }) => [name, attributes])).toEqual([
    ['accepted', { 'tickwire.ticks': 3 }],
    ['applied', {}],
    ['flushed', { 'tickwire.frames': expect.any(Number) }],
  ]);
  expect(events[2]?.attributes['tickwire.frames']).toBeGreaterThan(0);
  // In order, by one clock, which is the client's here.
  const times = [sentAt, first?.startedAt, ...events.map(({ at }) => at), first?.endedAt];
  const inOrder = times.map(Number).sort((a, b) => a - b);
  expect(times).toEqual(inOrder);
  expect(Number(first?.endedAt)).toBeLessThanOrEqual(Date.now());
  // The other frames of that second were not sampled; the next second has one again.
  await until(async () => {
    await publish(21);
    return ticks().length >= 2;
  });
  expect((ticks()[1]?.startedAt ?? 0) - (first?.startedAt ?? 0)).toBeGreaterThan(990);
  await server.stop();
});
