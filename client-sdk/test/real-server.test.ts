import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { parseConfig } from '../../src/config/parse-config.ts';
import { createLogger } from '../../src/log.ts';
import { type Server, startServer } from '../../src/server.ts';
import { type Anomaly, Publisher, type SocketLike, Subscriber } from '../src/index.ts';

let server: Server;
let url: string;

beforeAll(async () => {
  const config = parseConfig({
    server: { port: 0, drainMs: 500 },
    processing: { partitions: 2, overflow: 'wait' },
    store: { directory: '' },
  });
  server = await startServer(config, createLogger('silent', 'json', false));
  url = `ws://127.0.0.1:${server.port}`;
});
afterAll(() => server.stop());

/** Waits until the condition holds. */
async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 5000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error('it did not come about in 5 s');
    await sleep(5);
  }
}

describe.each(['binary', 'json'] as const)('client and server over %s', (encoding) => {
  it('brings published ticks to subscribers, provably', async () => {
    const [a, b, later] = [`${encoding}-A`, `${encoding}-B`, `${encoding}-later`];
    const anomalies: Anomaly[] = [];
    const publisher = await Publisher.connect(url, { publisher: `main-${encoding}`, encoding });
    const subscriber = await Subscriber.connect(url, {
      encoding,
      onAnomaly: (anomaly) => anomalies.push(anomaly),
    });
    const time = Date.now();
    await publisher.publish([
      { symbol: a, price: 100, time },
      { symbol: b, price: 5, time },
    ]);
    await publisher.flush();
    const { codes } = await subscriber.subscribe([a, `${encoding}-l*`, ' bad']);
    expect(codes).toEqual([0, 0, 3]);
    await publisher.publish([
      { symbol: later, price: 0.25, time: time + 1.5 },
      { symbol: a, price: 103, time: time + 10 },
    ]);
    await until(() => subscriber.get(a)?.values.count === 2 && anomalies.length > 0);
    await until(() => subscriber.get(later) !== undefined);
    expect(subscriber.get(a)?.values).toEqual({
      price: 103,
      average: 101.5,
      count: 2,
      time: time + 10,
      min: 100,
      max: 103,
    });
    expect(subscriber.get(later)?.values.time).toBe(time + 1.5);
    expect(subscriber.get(b)).toBeUndefined();
    expect(anomalies).toMatchObject([
      { symbol: a, sequence: 1, direction: 1, referencePrice: 100, newPrice: 103 },
    ]);
    expect(await subscriber.verify()).toMatchObject({ equal: true, symbolCount: 2 });
    expect(await subscriber.unsubscribe([a])).toEqual([0]);
    expect(await subscriber.verify()).toMatchObject({ equal: true, symbolCount: 1 });
    expect(await subscriber.ping()).toBeGreaterThan(0);
    expect(subscriber.counters.framesMissed).toBe(0);
    subscriber.close();
    await publisher.close();
    expect(publisher.totals).toMatchObject({ sent: 4, accepted: 4, unacknowledged: 0 });
  });

  it('applies each tick once, however often the connection is lost', async () => {
    const symbol = `${encoding}-ONCE`;
    const sockets: WebSocket[] = [];
    const publisher = await Publisher.connect(url, {
      publisher: `cut-${encoding}`,
      encoding,
      openSocket: (address, subprotocols) => {
        const socket = new WebSocket(address, [...subprotocols]);
        sockets.push(socket);
        return socket as unknown as SocketLike;
      },
    });
    const subscriber = await Subscriber.connect(url, { encoding });
    await subscriber.subscribe([symbol]);
    const time = Date.now();
    for (let i = 1; i <= 60; i++) {
      await publisher.publish([{ symbol, price: i, time: time + i }]);
      // Cut at different points: with frames on the way, and with acknowledgements on the way.
      if (i % 20 === 0) sockets.at(-1)?.terminate();
      if (i % 7 === 0) await sleep(1);
    }
    await publisher.close();
    expect(publisher.totals).toMatchObject({ sent: 60, unacknowledged: 0, rejected: 0 });
    expect(publisher.totals.reconnects).toBeGreaterThan(0);
    await until(() => subscriber.get(symbol)?.values.time === time + 60);
    expect(subscriber.get(symbol)?.values).toMatchObject({ count: 60, price: 60 });
    subscriber.close();
  });
});

describe('client and server', () => {
  it('lets the newest publisher of a name have it', async () => {
    const first = await Publisher.connect(url, { publisher: 'twice' });
    const waiting = first.ready();
    await waiting;
    const second = await Publisher.connect(url, { publisher: 'twice' });
    await until(() => first.credit === 0);
    await expect(first.flush()).rejects.toThrow('connection closed (4004)');
    await second.publish([{ symbol: 'TWICE', price: 1 }]);
    await second.close();
    expect(second.totals.accepted).toBe(1);
  });

  it('tells which ticks were refused, and takes their neighbours', async () => {
    const codes: number[] = [];
    const publisher = await Publisher.connect(url, {
      publisher: 'careless',
      onReject: ({ ticks }) => codes.push(...ticks.map(({ index, code }) => index * 100 + code)),
    });
    await publisher.publish([
      { symbol: 'GOOD', price: 1 },
      { symbol: 'GOOD', price: -1 },
      { symbol: 'GOOD', price: 2, time: Date.now() + 1e9 },
    ]);
    await publisher.close();
    expect(codes).toEqual([104, 205]);
    expect(publisher.totals).toMatchObject({ sent: 3, accepted: 1, rejected: 2 });
  });
});
