import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { OPERATIONS, queryNames } from '../../src/http/api-docs/openapi-operations.ts';
import { eventually, until } from '../../testkit/until.ts';
import { EventReader } from '../support/event-reader.ts';
import { GuardedServer, tokenFor } from '../support/guarded-server.ts';
import {
  onTransports,
  serverForSuite,
  serverForTest,
  startTestServer,
} from '../support/running-server.ts';
import { StoreFolder } from '../support/store-folder.ts';
import { publisherForTest, unique } from '../support/test-clients.ts';

const TIME = 1_700_000_000_000;
const SSE = { accept: 'text/event-stream' };

/** Ticks that swing by 3 %: each after the first is an anomaly. */
function swings(symbol: string, count: number, from = 0) {
  return Array.from({ length: count }, (_, i) => ({
    symbol,
    price: (from + i) % 2 === 0 ? 100 : 103,
    time: TIME + from + i,
  }));
}

async function problemOf(port: number, query: string, headers = {}) {
  const response = await fetch(`http://127.0.0.1:${port}/api/stream?${query}`, { headers });
  return { status: response.status, text: await response.text() };
}

async function subscribers(port: number): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${port}/api/statistics`);
  return ((await response.json()) as { sessions: { subscribers: number } }).sessions.subscribers;
}

onTransports((transport) => {
  describe('GET /api/stream', () => {
    const server = serverForSuite({ server: { transport, heartbeatMs: 200 } });

    it.each([
      ['server-sent events', SSE, 'text/event-stream'],
      ['JSON lines', {}, 'application/x-ndjson'],
    ])('sends statistics and anomalies as they come, as %s', async (_name, headers, type) => {
      const symbol = unique('S');
      const publisher = await publisherForTest(server.port, unique('feed'));
      await publisher.publishAll(swings(symbol, 1));
      const reader = await EventReader.open(server.port, `symbols=${symbol}`, headers);
      expect(reader.status).toBe(200);
      expect(Object.fromEntries(reader.headers)).toMatchObject({
        'content-type': type,
        'cache-control': 'no-store, no-transform',
        'x-accel-buffering': 'no',
      });
      const [first] = await reader.received('statistics', 1);
      expect(reader.events[0]).toMatchObject({ type: 'welcome' });
      expect(first).toEqual({
        symbol,
        currentPrice: 100,
        movingAverage: 100,
        updateCount: 1,
        lastUpdateTime: new Date(TIME).toISOString(),
        minPrice: 100,
        maxPrice: 100,
      });
      await publisher.publishAll(swings(symbol, 1, 1));
      const [anomaly] = await reader.received('anomaly', 1);
      expect(anomaly).toEqual({
        symbol,
        sequence: 1,
        direction: 'Up',
        referencePrice: 100,
        newPrice: 103,
        changePercent: 3,
        timestamp: new Date(TIME + 1).toISOString(),
      });
      await until(() => reader.of('statistics').at(-1)?.updateCount === 2);
      expect(reader.of('statistics').at(-1)).toMatchObject({ movingAverage: 101.5, maxPrice: 103 });
    });

    it('sends the fields that are wanted, when one of them changes', async () => {
      const symbol = unique('S');
      const publisher = await publisherForTest(server.port, unique('feed'));
      await publisher.publishAll(swings(symbol, 1));
      const query = `symbols=${symbol}&fields=maxPrice,currentPrice&anomalies=false`;
      const reader = await EventReader.open(server.port, query);
      await reader.received('statistics', 1);
      await publisher.publishAll([{ symbol, price: 100, time: TIME + 1 }]);
      await publisher.publishAll([{ symbol, price: 90, time: TIME + 2 }]);
      await until(() => reader.of('statistics').at(-1)?.currentPrice === 90);
      expect(reader.of('statistics')).toEqual([
        { symbol, currentPrice: 100, maxPrice: 100 },
        { symbol, currentPrice: 90, maxPrice: 100 },
      ]);
      expect(reader.of('anomaly')).toEqual([]);
    });

    it('follows patterns, also to symbols that appear later, and sends heartbeats', async () => {
      const prefix = unique('P');
      const lines = await EventReader.open(server.port, `symbols=${prefix}-*`);
      const events = await EventReader.open(server.port, `symbols=${prefix}-*`, SSE);
      await lines.received('heartbeat', 1);
      await until(() => events.others.includes(': heartbeat'));
      const publisher = await publisherForTest(server.port, unique('feed'));
      await publisher.publishAll(
        [`${prefix}-A`, `${prefix}-B`, unique('X')].flatMap((s) => swings(s, 1)),
      );
      for (const reader of [lines, events]) {
        const rows = await reader.received('statistics', 2);
        expect(rows.map(({ symbol }) => symbol)).toEqual([`${prefix}-A`, `${prefix}-B`]);
      }
    });

    it('goes on after the last event of a connection that was lost', async () => {
      const symbol = unique('S');
      const other = unique('S');
      const query = `symbols=${symbol},${other}&statistics=false`;
      const publisher = await publisherForTest(server.port, unique('feed'));
      const reader = await EventReader.open(server.port, query, SSE);
      await reader.received('welcome', 1);
      await publisher.publishAll(swings(symbol, 4));
      await reader.received('anomaly', 3);
      const last = reader.events.findLast(({ type }) => type === 'anomaly')?.id ?? '';
      reader.close();
      await publisher.publishAll([...swings(symbol, 3, 4), ...swings(other, 2)]);
      await publisher.publishAll(swings(unique('S'), 2));
      const again = await EventReader.open(server.port, query, { ...SSE, 'last-event-id': last });
      await again.received('anomaly', 4);
      await publisher.publishAll(swings(other, 1, 2));
      await again.received('anomaly', 5);
      expect(again.of('anomaly').map(({ symbol: s, sequence }) => [s, sequence])).toEqual([
        [symbol, 4],
        [symbol, 5],
        [symbol, 6],
        [other, 1],
        [other, 2],
      ]);
      const ids = again.events.map(({ id }) => id).filter((id) => id !== undefined);
      expect(new Set(ids).size).toBe(5);
    });

    it('says that anomalies are missing after an event of another server', async () => {
      const query = `symbols=${unique('S')}&lastEventId=another-7`;
      const reader = await EventReader.open(server.port, query);
      const [gap] = await reader.received('gap', 1);
      expect(gap?.detail).toContain('GET /api/anomalies');
    });

    it('skips states for a reader that is slow, never the last one', async () => {
      const symbols = Array.from({ length: 300 }, () => unique('S'));
      const publisher = await publisherForTest(server.port, unique('feed'));
      const reader = await EventReader.open(
        server.port,
        `symbols=${symbols.join(',')}&conflateMs=50`,
      );
      for (let round = 0; round < 20; round++) {
        await publisher.publishAll(
          symbols.map((symbol) => ({ symbol, price: 100 + round, time: TIME + round })),
        );
      }
      const newest = () =>
        new Map(reader.of('statistics').map((row) => [row.symbol, row.updateCount]));
      await until(() => [...newest().values()].filter((count) => count === 20).length === 300);
      expect(reader.of('anomaly').length).toBeGreaterThan(0);
    });

    it.each([
      ['', 'symbols'],
      ['symbols=', 'symbols'],
      ['symbols=A&fields=price', 'fields'],
      ['symbols=A&conflateMs=-1', 'conflateMs'],
      ['symbols=A&anomalies=yes', 'anomalies'],
      ['symbols=A&lastEventId=x', 'lastEventId'],
      ['symbols=A&symbol_=B', 'symbol_'],
    ])('refuses the query "%s", naming %s', async (query, name) => {
      const { status, text } = await problemOf(server.port, query);
      expect([status, text]).toEqual([400, expect.stringContaining(name)]);
    });

    it('takes the call and the parameters that docs/STREAMS.md shows', async () => {
      const page = readFileSync(join(import.meta.dirname, '../../docs/STREAMS.md'), 'utf8');
      const [, query = ''] = /curl -N 'localhost:9001\/api\/stream\?(.*)'/.exec(page) ?? [];
      const reader = await EventReader.open(server.port, query);
      await reader.received('welcome', 1);
      const [, table = ''] = /\| parameter \|.*\n\|.*\n((?:\|.*\n)+)/.exec(page) ?? [];
      const names = table.split('\n').flatMap((row) => row.split('|')[1]?.match(/\w+/g) ?? []);
      expect(new Set(names)).toEqual(new Set(queryNames(OPERATIONS['GET /api/stream'])));
    });
  });

  it('is a session: counted, and gone when the client is; HEAD opens none', async () => {
    const { port } = await serverForTest({ server: { transport } });
    const reader = await EventReader.open(port, 'symbols=*');
    await reader.received('welcome', 1);
    expect(await subscribers(port)).toBe(1);
    const url = `http://127.0.0.1:${port}/api/stream?symbols=*`;
    const head = await fetch(url, { method: 'HEAD', headers: SSE });
    expect([head.status, await head.text()]).toEqual([200, '']);
    expect(head.headers.get('content-type')).toBe('text/event-stream');
    expect(await subscribers(port)).toBe(1);
    reader.close();
    await eventually(
      () => subscribers(port),
      (count) => count === 0,
    );
  });

  it('is refused beyond the number of connections, and gives its place back', async () => {
    const { port } = await serverForTest({ server: { transport }, limits: { connectionsMax: 1 } });
    const reader = await EventReader.open(port, 'symbols=*');
    await reader.received('welcome', 1);
    expect((await problemOf(port, 'symbols=*')).status).toBe(503);
    reader.close();
    await eventually(
      async () => (await EventReader.open(port, 'symbols=*')).status,
      (status) => status === 200,
    );
  });

  it('shows a token only what it may read', async () => {
    const { port } = await GuardedServer.startForTest({ server: { transport } });
    const publish = await tokenFor({ publish: ['*'] });
    const publisher = await publisherForTest(port, 'feed', { token: publish });
    await publisher.publishAll([...swings('OWN-A', 2), ...swings('OTHER', 2)]);
    expect((await problemOf(port, 'symbols=*')).status).toBe(401);
    const headers = { authorization: `Bearer ${await tokenFor({ read: ['OWN-*'] })}` };
    expect((await problemOf(port, 'symbols=OTHER', headers)).status).toBe(403);
    const reader = await EventReader.open(port, 'symbols=*', headers);
    await reader.received('statistics', 1);
    await publisher.publishAll([...swings('OTHER', 2, 2), ...swings('OWN-A', 2, 2)]);
    await reader.received('anomaly', 2);
    expect(new Set(reader.events.map(({ data }) => data.symbol))).toEqual(
      new Set([undefined, 'OWN-A']),
    );
  });

  it('ends with goaway at a stop', async () => {
    const server = await serverForTest({ server: { transport, goawayJitterMs: 100 } });
    const reader = await EventReader.open(server.port, 'symbols=*', SSE);
    await reader.received('welcome', 1);
    await server.stop();
    await until(() => reader.isEnded);
    expect(reader.of('goaway')).toEqual([{ reason: 'server going away' }]);
    expect(reader.others.filter((text) => text.startsWith('retry')).length).toBeLessThanOrEqual(1);
  });

  it('leaves none out and sends none twice where the store ends and memory begins', async () => {
    using folder = new StoreFolder();
    const store = { directory: folder.path };
    const server = await startTestServer({ server: { transport }, store });
    const publisher = await publisherForTest(server.port, 'feed');
    const first = await EventReader.open(server.port, 'symbols=S', SSE);
    await first.received('welcome', 1);
    await publisher.publishAll(swings('S', 2));
    await first.received('anomaly', 1);
    const id = first.events.findLast(({ type }) => type === 'anomaly')?.id ?? '';
    first.close();
    // More than memory holds of all symbols.
    let count = 2;
    for (; count < 4000; count += 500) await publisher.publishAll(swings('S', 500, count));
    const readers: EventReader[] = [];
    for (let round = 0; round < 8; round++) {
      const headers = { ...SSE, 'last-event-id': id };
      const opening = EventReader.open(server.port, 'symbols=S', headers);
      await publisher.publishAll(swings('S', 50, count));
      count += 50;
      readers.push(await opening);
    }
    for (const reader of readers) {
      await until(() => reader.of('anomaly').at(-1)?.sequence === count - 1);
      const sequences = reader.of('anomaly').map(({ sequence }) => sequence);
      expect(sequences).toEqual(Array.from({ length: count - 2 }, (_, i) => i + 2));
      expect(reader.of('gap')).toEqual([]);
    }
    await server.stop();
  });

  it('goes on after a restart of a server with a store', async () => {
    using folder = new StoreFolder();
    const config = { server: { transport }, store: { directory: folder.path } };
    const server = await startTestServer(config);
    const reader = await EventReader.open(server.port, 'symbols=S', SSE);
    await reader.received('welcome', 1);
    const publisher = await publisherForTest(server.port, 'feed');
    await publisher.publishAll(swings('S', 3));
    await reader.received('anomaly', 2);
    const last = reader.events.findLast(({ type }) => type === 'anomaly')?.id ?? '';
    reader.close();
    await publisher.publishAll(swings('S', 2, 3));
    await server.stop();
    const next = await startTestServer(config);
    const again = await EventReader.open(next.port, 'symbols=S', { ...SSE, 'last-event-id': last });
    await again.received('anomaly', 2);
    const feed = await publisherForTest(next.port, 'feed-2');
    await feed.publishAll(swings('S', 1, 5));
    await again.received('anomaly', 3);
    expect(again.of('anomaly').map(({ sequence }) => sequence)).toEqual([3, 4, 5]);
    expect(again.of('gap')).toEqual([]);
    // Before its folder goes.
    await next.stop();
  });
});
