import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { connect, connectPublisher, type Publisher } from '../../client-sdk/src/index.ts';
import type { ConfigInput } from '../../src/config/schema.ts';
import { openStore } from '../../src/store/index.ts';
import { Code, Op } from '../../testkit/independent/protocol.ts';
import { folderForTest } from '../support/folders.ts';
import { startTestServer, type TestServer } from '../support/running-server.ts';
import { anomalyOf, StoreLines } from '../support/store-folder.ts';
import { subscriberForTest } from '../support/test-clients.ts';

let directory: string;
let server: TestServer;

beforeEach(() => {
  directory = folderForTest();
});
afterEach(async () => {
  await server.stop();
});

async function start(config: ConfigInput = {}): Promise<void> {
  server = await startTestServer({ ...config, store: { directory, ...config.store } });
}

async function restart(config: ConfigInput = {}): Promise<void> {
  await server.stop();
  await start(config);
}

async function get(path: string): Promise<Record<string, unknown>> {
  return (await fetch(`http://127.0.0.1:${server.port}${path}`)).json() as never;
}

function url(): string {
  return `http://127.0.0.1:${server.port}`;
}

async function publish(publisher: Publisher, prices: readonly number[], from: number) {
  for (const [i, price] of prices.entries()) publisher.publish('BTC', price, from + i);
  await publisher.flush();
}

describe('a server with a store', () => {
  it('goes on after a restart as if there had been none', async () => {
    await start({ processing: { partitions: 2 } });
    const time = Date.now();
    const prices = [100, 101, 103, 99, 100.5];
    const publisher = connectPublisher(url(), { publisher: 'feed' });
    await publish(publisher, prices, time);
    await publisher.close();
    await expect.poll(async () => (await get('/api/prices/BTC')).updateCount).toBe(5);
    const before = await get('/api/prices/BTC');
    await restart({ processing: { partitions: 3 } });
    expect(await get('/api/prices/BTC')).toEqual(before);
    const again = connectPublisher(url(), { publisher: 'feed' });
    await expect.poll(() => again.session?.sequence).toBeGreaterThan(0);
    await publish(again, [102.6], time + 20);
    await again.close();
    await expect.poll(async () => (await get('/api/prices/BTC')).updateCount).toBe(6);
    const all = [...prices, 102.6];
    expect(await get('/api/prices/BTC')).toMatchObject({
      currentPrice: 102.6,
      minPrice: 99,
      maxPrice: 103,
      movingAverage: all.reduce((sum, price) => sum + price) / all.length,
    });
    // Up from 99, known only to the earlier run's window.
    const anomalies = async () => {
      const { items } = await get('/api/prices/BTC/anomalies');
      return items as { sequence: number }[];
    };
    // The statistics precede the anomaly by a moment.
    await expect
      .poll(async () => (await anomalies()).map(({ sequence }) => sequence))
      .toEqual([1, 2, 3, 4]);
    expect((await anomalies()).at(-1)).toMatchObject({ referencePrice: 99, newPrice: 102.6 });
  });

  it('keeps anomalies beyond memory and restarts, in HISTORY and over HTTP', async () => {
    const stream = { recentAnomaliesPerSymbol: 4 };
    await start({ stream });
    const time = Date.now() - 10_000;
    const publisher = connectPublisher(url(), { publisher: 'feed' });
    const prices = Array.from({ length: 41 }, (_, i) => (i % 2 === 0 ? 100 : 103));
    await publish(publisher, prices, time);
    await publisher.close();
    await expect.poll(async () => (await get('/api/prices/BTC')).anomaliesDetected).toBe(40);
    await restart({ stream });
    const subscriber = connect(url());
    const { anomalies, more } = await subscriber.history('BTC', 0, 30);
    expect(anomalies.map(({ sequence }) => sequence)).toEqual(
      Array.from({ length: 30 }, (_, i) => i + 1),
    );
    expect(more).toBe(true);
    expect((await subscriber.history('BTC', 30)).more).toBe(false);
    subscriber.close();
    const page = await get('/api/prices/BTC/anomalies?after=10&limit=5');
    expect(page).toMatchObject({ next: 15 });
    const path = `/api/anomalies?from=${time + 5}&to=${time + 15}`;
    const seen: unknown[] = [];
    let after = '';
    do {
      const { items, next } = (await get(`${path}&limit=3${after}`)) as {
        items: { sequence: number }[];
        next: string | null;
      };
      seen.push(...items.map(({ sequence }) => sequence));
      after = next === null ? '' : `&after=${encodeURIComponent(next)}`;
    } while (after !== '');
    expect(seen).toEqual(Array.from({ length: 10 }, (_, i) => i + 5));
    expect(await get('/api/anomalies?limit=2')).toMatchObject({
      items: [{ sequence: 40 }, { sequence: 39 }],
    });
    expect(await get('/api/anomalies?after=nonsense')).toMatchObject({
      status: 400,
      errors: [{ name: 'after' }],
    });
  });

  it('allows a subscriber to resume across a restart: none missing, none twice', async () => {
    await start();
    const port = server.port;
    const sequences: number[] = [];
    const subscriber = connect(url());
    subscriber.on('anomaly', ({ sequence }) => sequences.push(sequence));
    const publisher = connectPublisher(url(), { publisher: 'feed' });
    await subscriber.subscribe('*').ready;
    const time = Date.now();
    await publish(publisher, [100, 103, 100], time);
    await expect.poll(() => sequences).toEqual([1, 2]);
    await restart({ server: { port } });
    await publish(publisher, [103, 100, 103], time + 10);
    await expect.poll(() => sequences, { timeout: 30_000 }).toEqual([1, 2, 3, 4, 5]);
    expect((await subscriber.verify()).equal).toBe(true);
    subscriber.close();
    await publisher.close();
    expect(publisher.totals).toMatchObject({ sent: 6, unacknowledged: 0 });
  });

  it('delivers only durable anomalies in sync mode, and all of them', async () => {
    await start({ store: { mode: 'sync' } });
    const subscriber = connect(url());
    const sequences: number[] = [];
    subscriber.on('anomaly', ({ sequence }) => sequences.push(sequence));
    await subscriber.subscribe('*').ready;
    const publisher = connectPublisher(url());
    const prices = Array.from({ length: 201 }, (_, i) => (i % 2 === 0 ? 100 : 103));
    await publish(publisher, prices, Date.now());
    await expect.poll(() => sequences.length).toBe(200);
    expect(sequences).toEqual(Array.from({ length: 200 }, (_, i) => i + 1));
    await publisher.close();
    subscriber.close();
  });

  it('says of anomalies that retention removed that they are gone for good', async () => {
    const options = { directory, mode: 'async', retentionPerSymbol: 0 } as const;
    const store = await openStore({ ...options, retentionDays: 1 }, new StoreLines());
    for (let sequence = 1; sequence <= 9; sequence++) store.append(anomalyOf('BTC', sequence));
    await store.flushed();
    for (const days of [100, 102]) {
      await store.sweep({ now: days * 86_400_000, mayRemoveMost: true });
    }
    await store.close();
    await start();
    const subscriber = await subscriberForTest(server.port);
    const error = await subscriber.history('BTC', 0, 10);
    const message = 'anomalies after 0 are removed: none is kept, the last was 9';
    expect(error).toEqual([Op.ERROR, error[1], Code.not_available, message, false, null]);
    expect((await subscriber.history('BTC', 9, 10)).slice(3)).toEqual([[], false]);
  });

  it('fills what a subscriber missed beyond memory from the store', async () => {
    await start({ stream: { recentAnomaliesPerSymbol: 4 } });
    const sockets: WebSocket[] = [];
    class WatchedSocket extends WebSocket {
      constructor(address: string, protocols: string[]) {
        super(address, protocols);
        sockets.push(this);
      }
    }
    const subscriber = connect(url(), { WebSocket: WatchedSocket });
    const sequences: number[] = [];
    const gaps: unknown[] = [];
    subscriber.on('anomaly', ({ sequence }) => sequences.push(sequence));
    subscriber.on('gap', (gap) => gaps.push(gap));
    await subscriber.subscribe('*').ready;
    const publisher = connectPublisher(url());
    const time = Date.now() - 5000;
    await publish(publisher, [100, 103, 100], time);
    await expect.poll(() => sequences).toEqual([1, 2]);
    const random = vi.spyOn(Math, 'random').mockReturnValue(0.9);
    sockets.at(-1)?.terminate();
    await expect.poll(() => subscriber.state).toBe('reconnecting');
    const prices = Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? 103 : 100));
    await publish(publisher, prices, time + 10);
    random.mockRestore();
    await expect.poll(() => sequences.length, { timeout: 30_000 }).toBe(42);
    expect(sequences).toEqual(Array.from({ length: 42 }, (_, i) => i + 1));
    expect(gaps).toEqual([]);
    await publisher.close();
    subscriber.close();
  });
});
