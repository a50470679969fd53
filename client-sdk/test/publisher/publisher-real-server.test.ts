import { once } from 'node:events';
import { type AddressInfo, connect as connectTcp, createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { WebSocket } from 'ws';
import { serverForSuite, startTestServer } from '../../../test/support/running-server.ts';
import { connectPublisher, type Publisher, type Rejection } from '../../src/index.ts';

const PATIENCE = { timeout: 30_000, interval: 1 };

const suite = serverForSuite({ processing: { partitions: 2, overflow: 'wait' } });

afterEach(() => {
  vi.restoreAllMocks();
});

function url(port = suite.port): string {
  return `ws://127.0.0.1:${port}`;
}

interface Statistics {
  readonly currentPrice: number;
  readonly updateCount: number;
  readonly minPrice: number;
  readonly maxPrice: number;
}

/** The server's statistics of a symbol, once it has this many ticks. */
async function statisticsOf(symbol: string, count: number, port = suite.port): Promise<Statistics> {
  let statistics: Partial<Statistics> = {};
  await vi.waitUntil(async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/api/prices/${symbol}`);
    if (answer.ok) statistics = (await answer.json()) as Statistics;
    else await answer.text();
    return (statistics.updateCount ?? 0) >= count;
  }, PATIENCE);
  return statistics as Statistics;
}

describe.each(['binary', 'json'] as const)('a publisher at a real server, in %s', (encoding) => {
  it('delivers ticks', async () => {
    const publisher = connectPublisher(url(), { encoding });
    const symbol = `${encoding}-PLAIN`;
    const time = Date.now();
    for (let price = 1; price <= 5000; price++) {
      if (!publisher.publish(symbol, price, time + price / 100)) await publisher.ready;
    }
    await publisher.publishBatch([
      { symbol, price: 7000 },
      { symbol: `${encoding}-OTHER`, price: 0.25 },
    ]);
    await publisher.close();
    expect(publisher.totals).toMatchObject({ sent: 5002, accepted: 5002, unacknowledged: 0 });
    expect(publisher.session).toMatchObject({ version: 1, overflow: 'wait' });
    expect(await statisticsOf(symbol, 5001)).toMatchObject({
      updateCount: 5001,
      minPrice: 1,
      maxPrice: 7000,
    });
  });

  it('reports rejected ticks, and their neighbours are taken', async () => {
    const publisher = connectPublisher(url(), { encoding });
    const rejections: Rejection[] = [];
    publisher.on('reject', (rejection) => rejections.push(rejection));
    const symbol = `${encoding}-CARELESS`;
    const future = Date.now() + 1e9;
    publisher.publish(symbol, 1);
    publisher.publish(symbol, 2, future);
    await publisher.flush();
    publisher.publish(symbol, 3);
    publisher.publish(symbol, 4, future + 0.5);
    await publisher.close();
    const refused = { symbol, code: 5, reason: 'bad_time' };
    expect(rejections).toEqual([
      { ...refused, price: 2, time: future, index: 1 },
      { ...refused, price: 4, time: future + 0.5, index: 3 },
    ]);
    expect(publisher.totals).toMatchObject({ sent: 4, accepted: 2, rejected: 2 });
    expect(await statisticsOf(symbol, 2)).toMatchObject({ updateCount: 2, currentPrice: 3 });
  });
});

/**
 * Forwards bytes between clients and server, and cuts connections after the numbers of bytes from
 * `allowances`, in alternating directions.
 */
class CuttingProxy {
  cuts = 0;
  readonly #server = createServer((client) => this.#serve(client));
  readonly #allowance: () => number;
  readonly #sockets = new Set<Socket>();

  static async start(allowance: () => number): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(allowance);
    await once(proxy.#server.listen(0, '127.0.0.1'), 'listening');
    onTestFinished(() => {
      for (const socket of proxy.#sockets) socket.destroy();
      proxy.#server.close();
    });
    return proxy;
  }

  private constructor(allowance: () => number) {
    this.#allowance = allowance;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  #serve(client: Socket): void {
    const server = connectTcp(suite.port, '127.0.0.1');
    const [counted, other] = this.cuts % 2 === 0 ? [client, server] : [server, client];
    let left = this.#allowance();
    const cut = () => {
      client.destroy();
      server.destroy();
    };
    counted.on('data', (bytes: Buffer) => {
      other.write(bytes.subarray(0, left));
      left -= bytes.length;
      if (left > 0) return;
      this.cuts++;
      // What was forwarded arrives; nothing comes back.
      other.removeAllListeners('data');
      counted.destroy();
      other.end();
    });
    other.on('data', (bytes: Buffer) => counted.write(bytes));
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        cut();
      });
    }
  }
}

/** Seeded random numbers from 0 to 1. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

describe('a publisher whose connections are cut at any byte', () => {
  it.each([1, 2, 3, 4])('applies each tick once (seed %i)', async (seed) => {
    const random = seeded(seed);
    vi.spyOn(Math, 'random').mockReturnValue(0);
    // In the handshake, in the first frames, or later.
    const proxy = await CuttingProxy.start(() => Math.floor(random() ** 2 * 1500) + 1);
    const publisher = connectPublisher(url(proxy.port), { publisher: `cut-${seed}` });
    const symbol = `CUT-${seed}`;
    let price = 0;
    // Most cuts are in a handshake: how many sessions there were is chance.
    while (proxy.cuts < 20 || publisher.totals.reconnects < 3) {
      const count = 1 + Math.floor(random() * 20);
      for (let i = 0; i < count; i++) publisher.publish(symbol, ++price);
      await new Promise((resolve) => setTimeout(resolve, random() * 3));
    }
    await publisher.close();
    const { sent, accepted, resumed } = publisher.totals;
    expect(sent).toBe(price);
    expect(accepted + resumed).toBe(price);
    expect(await statisticsOf(symbol, price)).toMatchObject({
      updateCount: price,
      currentPrice: price,
      minPrice: 1,
      maxPrice: price,
    });
  });
});

describe('a publisher whose server restarts', () => {
  it('sends only what was not acknowledged', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0);
    const first = await startTestServer();
    const { port } = first;
    const publisher = connectPublisher(url(port), { publisher: 'survivor', batchDelayMs: 0 });
    for (let price = 1; price <= 100; price++) publisher.publish('BEFORE', price);
    await publisher.flush();
    const epoch = publisher.session?.epoch;
    await first.stop();
    for (let price = 1; price <= 50; price++) publisher.publish('AFTER', price);
    await vi.waitUntil(() => publisher.state === 'reconnecting', PATIENCE);
    expect(publisher.totals).toMatchObject({ accepted: 100, unacknowledged: 50, buffered: 50 });
    const second = await startTestServer({ server: { port } });
    onTestFinished(() => second.stop());
    await publisher.close();
    expect(publisher.session?.epoch).not.toBe(epoch);
    expect(publisher.totals).toMatchObject({ sent: 150, accepted: 150, reconnects: 1 });
    expect(await statisticsOf('AFTER', 50, port)).toMatchObject({ updateCount: 50, maxPrice: 50 });
    expect((await fetch(`http://127.0.0.1:${port}/api/prices/BEFORE`)).status).toBe(404);
  });
});

describe('two publishers of one name', () => {
  it('the newer takes over, and the older ends', async () => {
    const open = async (): Promise<Publisher> => {
      const publisher = connectPublisher(url(), { publisher: 'twice' });
      await vi.waitUntil(() => publisher.state === 'live', PATIENCE);
      return publisher;
    };
    const first = await open();
    const second = await open();
    await vi.waitUntil(() => first.state === 'closed', PATIENCE);
    expect(first.failure?.message).toBe(
      'connection closed (4004) another connection took over this publisher name',
    );
    await expect(first.ready).rejects.toThrow('4004');
    second.publish('TWICE', 1);
    await second.close();
    expect(second.totals.accepted).toBe(1);
  });
});

describe('a publisher without credit', () => {
  it('continues as the queues of the server drain, and loses nothing', async () => {
    const server = await startTestServer({
      processing: { partitions: 1, overflow: 'wait', channelCapacity: 64 },
    });
    onTestFinished(() => server.stop());
    const publisher = connectPublisher(url(server.port), { WebSocket: WebSocket });
    const ticks = Array.from({ length: 4000 }, (_, i) => ({ symbol: `S${i % 9}`, price: i + 1 }));
    await publisher.publishBatch(ticks);
    await publisher.close();
    expect(publisher.totals).toMatchObject({ sent: 4000, accepted: 4000, dropped: 0 });
  });
});
