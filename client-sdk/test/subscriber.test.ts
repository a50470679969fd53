import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Anomaly, Mirror, ProtocolError, Subscriber } from '../src/index.ts';
import type { SubscriberOptions } from '../src/subscriber-options.ts';
import { type ScriptedConnection, ScriptedServer } from './scripted-server.ts';

const NAMES = [22, [0, 'BTC', 1, 'ETH']] as const;
const FULL_BTC = [0, 127, 100, 100, 1, 1000, 100, 100];
const FULL_ETH = [1, 127, 20, 20, 5, 2000, 19, 21];

let server: ScriptedServer;

beforeEach(async () => {
  server = await ScriptedServer.start();
});
afterEach(() => server.stop());

async function open(
  options: SubscriberOptions = {},
  info: Record<string, unknown> = {},
): Promise<[Subscriber, ScriptedConnection]> {
  const opening = Subscriber.connect(server.url, options);
  const connection = await server.connection();
  connection.welcome(info);
  return [await opening, connection];
}

async function openSubscribed(
  patterns: string[],
  options: SubscriberOptions = {},
): Promise<[Subscriber, ScriptedConnection]> {
  const [subscriber, connection] = await open(options);
  const subscribing = subscriber.subscribe(patterns);
  const [, requestId] = await connection.next();
  connection.send([19, requestId, patterns.map(() => 0), { conflateMs: 0, fields: 63 }]);
  await subscribing;
  return [subscriber, connection];
}

function digestOf(...entries: number[][]): number {
  const mirror = new Mirror();
  mirror.learnNames(NAMES[1]);
  for (const entry of entries) mirror.apply(entry);
  return mirror.digest();
}

async function answerVerify(connection: ScriptedConnection, digest: number, count: number) {
  const [op, requestId] = await connection.next();
  expect(op).toBe(7);
  connection.send([26, requestId, digest, count]);
}

describe.each(['binary', 'json'] as const)('Subscriber over %s', (encoding) => {
  it('subscribes with options and reads the answer', async () => {
    const [subscriber, connection] = await open({ encoding });
    expect(connection.url.pathname).toBe('/v1/stream');
    expect(connection.encoding).toBe(encoding);
    const subscribing = subscriber.subscribe(['BTC', 'E*'], {
      conflateMs: 50,
      since: new Map([['BTC', 4]]),
    });
    const [op, requestId, patterns, options] = await connection.next();
    expect([op, patterns]).toEqual([4, ['BTC', 'E*']]);
    const wire = options instanceof Map ? Object.fromEntries(options) : options;
    const { since, ...rest } = wire as Record<string, unknown>;
    expect(rest).toEqual({ conflateMs: 50 });
    expect(since instanceof Map ? Object.fromEntries(since) : since).toEqual({ BTC: 4 });
    connection.send([19, requestId, [0, 8], { conflateMs: 50, fields: 63 }]);
    expect(await subscribing).toEqual({ codes: [0, 8], conflateMs: 50, fields: 63 });
  });

  it('mirrors what it gets and proves it', async () => {
    const seen: string[] = [];
    const [subscriber, connection] = await openSubscribed(['*'], {
      encoding,
      onStats: (changes, serverTime) => {
        seen.push(...changes.map(({ symbol, mask }) => `${serverTime} ${symbol} ${mask}`));
      },
    });
    connection.send(NAMES);
    connection.send([20, 5, [...FULL_BTC, ...FULL_ETH]]);
    connection.send([20, 6, [0, 5, 101, 2]]);
    const verifying = subscriber.verify();
    const state = [0, 127, 101, 100, 3, 1000, 100, 100];
    await answerVerify(connection, digestOf(state, FULL_ETH), 2);
    expect(await verifying).toMatchObject({ equal: true, symbolCount: 2, ownSymbolCount: 2 });
    expect(subscriber.get('BTC')?.values).toMatchObject({ price: 101, count: 3 });
    expect(seen).toEqual(['5 BTC 127', '5 ETH 127', '6 BTC 5']);
    expect(subscriber.counters).toMatchObject({
      statsFrames: 2,
      entries: 3,
      fullEntries: 2,
      updates: 2,
    });
  });
});

describe('Subscriber', () => {
  it('finds out that it is not in sync', async () => {
    const [subscriber, connection] = await openSubscribed(['BTC']);
    connection.send(NAMES);
    connection.send([20, 5, FULL_BTC]);
    const verifying = subscriber.verify();
    await answerVerify(connection, digestOf([0, 127, 100, 100, 2, 1000, 100, 100]), 1);
    expect((await verifying).equal).toBe(false);
  });

  it('drops the symbols that no held pattern covers any more', async () => {
    const [subscriber, connection] = await openSubscribed(['BTC', '*']);
    connection.send(NAMES);
    connection.send([20, 5, [...FULL_BTC, ...FULL_ETH]]);
    const leaving = subscriber.unsubscribe(['*']);
    const [op, requestId, patterns] = await connection.next();
    expect([op, patterns]).toEqual([5, ['*']]);
    connection.send([23, requestId, [0]]);
    expect(await leaving).toEqual([0]);
    expect([...subscriber.symbols()].map(({ symbol }) => symbol)).toEqual(['BTC']);
    const verifying = subscriber.verify();
    await answerVerify(connection, digestOf(FULL_BTC), 1);
    expect((await verifying).equal).toBe(true);
  });

  it('names anomalies', async () => {
    const anomalies: Anomaly[] = [];
    const [subscriber, connection] = await openSubscribed(['BTC'], {
      onAnomaly: (anomaly) => anomalies.push(anomaly),
    });
    connection.send(NAMES);
    connection.send([21, 9, [[0, 1, -1, 100, 97, -3, 1234]]]);
    const ping = subscriber.ping();
    const [, sentAt] = await connection.next();
    connection.send([25, sentAt, 10]);
    expect(await ping).toBeGreaterThan(0);
    expect(anomalies).toEqual([
      {
        symbol: 'BTC',
        sequence: 1,
        direction: -1,
        referencePrice: 100,
        newPrice: 97,
        changePercent: -3,
        timestamp: 1234,
      },
    ]);
  });

  it('reads a page of history', async () => {
    const [subscriber, connection] = await open();
    const reading = subscriber.history('BTC', 3, 1);
    const [op, requestId, ...rest] = await connection.next();
    expect([op, ...rest]).toEqual([8, 'BTC', 3, 1]);
    connection.send([27, requestId, 'BTC', [[4, 1, 100, 103, 3, 55]], true]);
    const { anomalies, more } = await reading;
    expect(more).toBe(true);
    expect(anomalies).toMatchObject([{ symbol: 'BTC', sequence: 4, newPrice: 103 }]);
  });

  it('rejects the request that an error answers, and reports any other error', async () => {
    const errors: ProtocolError[] = [];
    const [subscriber, connection] = await open({ onError: (error) => errors.push(error) });
    const subscribing = subscriber.subscribe(['x']);
    const [, requestId] = await connection.next();
    connection.send([30, null, 15, 'oops', true, null]);
    connection.send([30, requestId, 9, 'slow down', true, 100]);
    await expect(subscribing).rejects.toMatchObject({ code: 9, message: 'slow down' });
    expect(errors).toMatchObject([{ code: 15, message: 'oops' }]);
    expect(errors[0]).toBeInstanceOf(ProtocolError);
  });

  it('rejects what waits when the connection ends', async () => {
    const [subscriber, connection] = await open();
    const verifying = subscriber.verify();
    await connection.next();
    connection.close(4001);
    await expect(verifying).rejects.toThrow('connection closed (4001)');
  });

  it('fails to connect where no WELCOME comes', async () => {
    const opening = Subscriber.connect(server.url, { connectTimeoutMs: 50 });
    await expect(opening).rejects.toThrow('no WELCOME in time');
  });

  it('gives a silent connection up, but not one that beats', async () => {
    let closedAt = 0;
    const ended = new Promise<string>((resolve) => {
      const options = { onClose: ({ reason }: { reason: string }) => resolve(reason) };
      void open(options, { heartbeatMs: 40 }).then(async ([, connection]) => {
        for (let i = 0; i < 6; i++) {
          connection.send([24, 0, 1 + i]);
          await new Promise((next) => setTimeout(next, 40));
        }
        closedAt = performance.now();
      });
    });
    expect(await ended).toBe('no frame for 2.5 heartbeats');
    expect(closedAt).toBeGreaterThan(0);
  });

  it('counts frames that the server sent and that did not arrive', async () => {
    const [subscriber, connection] = await open();
    connection.send([24, 0, 1]);
    connection.send([24, 0, 5]);
    const ping = subscriber.ping();
    const [, sentAt] = await connection.next();
    connection.send([25, sentAt, 0]);
    await ping;
    expect(subscriber.counters.framesMissed).toBe(3);
  });

  it('ends the connection at a frame that breaks the protocol', async () => {
    const reason = new Promise<string>((resolve) => {
      const options = { onClose: (closure: { reason: string }) => resolve(closure.reason) };
      void openSubscribed(['*'], options).then(([, connection]) => {
        connection.send([20, 5, [4, 1, 100]]);
      });
    });
    expect(await reason).toBe('delta of symbol 4 before its full entry');
  });
});
