import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ScriptedConnection, ScriptedServer } from '../../../testkit/scripted-server.ts';
import { until } from '../../../testkit/until.ts';
import type { Anomaly, AnomalyGap } from '../../src/subscriber/anomaly.ts';
import { Mirror } from '../../src/subscriber/mirror.ts';
import { mirrorDigest } from '../../src/subscriber/mirror-digest.ts';
import { connect, type Subscriber } from '../../src/subscriber/subscriber.ts';
import type { SubscriberOptions } from '../../src/subscriber/subscriber-options.ts';
import type { SubscriptionOptions } from '../../src/subscriber/subscription.ts';

const NAMES = [22, [0, 'BTC', 1, 'ETH']] as const;
const FULL_BTC = [0, 127, 100, 100, 1, 1000, 100, 100];
const FULL_ETH = [1, 127, 20, 20, 5, 2000, 19, 21];

let server: ScriptedServer;
let subscriber: Subscriber;

beforeEach(async () => {
  server = await ScriptedServer.start();
});
afterEach(() => {
  subscriber.close();
  return server.stop();
});

/** A session with nothing subscribed. Each begins with a PING, which is read here. */
async function open(
  options: SubscriberOptions = {},
  info: Record<string, unknown> = {},
): Promise<ScriptedConnection> {
  subscriber = connect(server.url, options);
  const connection = await server.connection();
  connection.welcome(info);
  const [op] = await connection.next();
  expect(op).toBe(6);
  await subscriber.ready;
  return connection;
}

async function answerSubscribe(connection: ScriptedConnection): Promise<readonly unknown[]> {
  const frame = await connection.next();
  const [op, requestId, patterns] = frame;
  expect(op).toBe(4);
  const codes = (patterns as string[]).map(() => 0);
  connection.send([19, requestId, codes, { conflateMs: 0, fields: 63 }]);
  return frame;
}

async function openSubscribed(
  patterns: string | string[],
  options: SubscriberOptions = {},
  wanted: SubscriptionOptions = {},
): Promise<ScriptedConnection> {
  const connection = await open(options);
  const { ready } = subscriber.subscribe(patterns, wanted);
  await answerSubscribe(connection);
  expect(await ready).toEqual([]);
  return connection;
}

function digestOf(...entries: number[][]): number {
  const mirror = new Mirror();
  mirror.learnNames(NAMES[1]);
  for (const entry of entries) mirror.apply(entry);
  return mirrorDigest(mirror.currentRows());
}

async function answerVerify(connection: ScriptedConnection, digest: number, count: number) {
  const [op, requestId] = await connection.next();
  expect(op).toBe(7);
  connection.send([26, requestId, digest, count]);
}

/** Resolves once the client has handled everything sent so far: it answers in order. */
async function handled(connection: ScriptedConnection): Promise<void> {
  const ping = subscriber.ping();
  const [, sentAt] = await connection.next();
  connection.send([25, sentAt, 10]);
  await ping;
}

describe.each(['binary', 'json'] as const)('Subscriber over %s', (encoding) => {
  it('subscribes with options, and reads which patterns were refused', async () => {
    const connection = await open({ encoding, conflateMs: 50 });
    expect(connection.url.pathname).toBe('/v1/stream');
    expect(connection.encoding).toBe(encoding);
    const { ready } = subscriber.subscribe(['BTC', 'E*'], { since: new Map([['BTC', 4]]) });
    const [op, requestId, patterns, options] = await connection.next();
    expect([op, patterns]).toEqual([4, ['BTC', 'E*']]);
    const wire = options instanceof Map ? Object.fromEntries(options) : options;
    const { since, ...rest } = wire as Record<string, unknown>;
    expect(rest).toEqual({ conflateMs: 50 });
    expect(since instanceof Map ? Object.fromEntries(since) : since).toEqual({ BTC: 4 });
    const errors: Error[] = [];
    subscriber.on('error', (error) => errors.push(error));
    connection.send([19, requestId, [0, 8], { conflateMs: 50, fields: 63 }]);
    expect(await ready).toEqual([{ pattern: 'E*', code: 8, reason: 'subscription_limit' }]);
    expect(errors).toMatchObject([{ code: 8 }]);
  });

  it('mirrors and verifies its state', async () => {
    const seen: string[] = [];
    const connection = await openSubscribed('*', { encoding });
    subscriber.on('update', ({ changes, serverTime }) => {
      seen.push(...changes.map(({ symbol, changed }) => `${serverTime} ${symbol} ${changed}`));
    });
    connection.send(NAMES);
    connection.send([20, 5, [...FULL_BTC, ...FULL_ETH]]);
    connection.send([20, 6, [0, 5, 101, 2]]);
    const verifying = subscriber.verify();
    const state = [0, 127, 101, 100, 3, 1000, 100, 100];
    await answerVerify(connection, digestOf(state, FULL_ETH), 2);
    expect(await verifying).toMatchObject({ equal: true, symbolCount: 2, ownSymbolCount: 2 });
    expect(subscriber.get('BTC')).toMatchObject({ currentPrice: 101, updateCount: 3 });
    expect(seen).toEqual(['5 BTC 127', '5 ETH 127', '6 BTC 5']);
    expect(subscriber.counters).toMatchObject({
      statsFrames: 2,
      entries: 3,
      fullEntries: 2,
      updates: 2,
      reconnects: 0,
    });
  });
});

describe('Subscriber', () => {
  it('drops symbols that are no longer covered', async () => {
    const connection = await openSubscribed('BTC');
    const all = subscriber.subscribe('*');
    await answerSubscribe(connection);
    connection.send(NAMES);
    connection.send([20, 5, [...FULL_BTC, ...FULL_ETH]]);
    await handled(connection);
    expect(subscriber.get('ETH')?.isLive).toBe(true);
    all.unsubscribe();
    const [op, requestId, patterns] = await connection.next();
    expect([op, patterns]).toEqual([5, ['*']]);
    connection.send([23, requestId, [0]]);
    const verifying = subscriber.verify();
    await answerVerify(connection, digestOf(FULL_BTC), 1);
    expect((await verifying).equal).toBe(true);
    expect([...subscriber.symbols()].map(({ symbol }) => symbol)).toEqual(['BTC']);
  });

  it('names anomalies', async () => {
    const anomalies: Anomaly[] = [];
    const connection = await openSubscribed('BTC');
    subscriber.on('anomaly', (anomaly) => anomalies.push(anomaly));
    connection.send(NAMES);
    connection.send([21, 9, [[0, 1, -1, 100, 97, -3, 1234]]]);
    await handled(connection);
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

  it('fetches skipped anomalies, and reports those that are gone', async () => {
    const sequences: number[] = [];
    const gaps: AnomalyGap[] = [];
    const connection = await openSubscribed('BTC');
    subscriber.on('anomaly', ({ sequence }) => sequences.push(sequence));
    subscriber.on('gap', (gap) => gaps.push(gap));
    const tuple = (sequence: number) => [sequence, 1, 100, 103, 3, 50] as const;
    connection.send(NAMES);
    connection.send([21, 9, [[0, ...tuple(1)]]]);
    connection.send([21, 9, [[0, ...tuple(4)]]]);
    const [op, requestId, ...rest] = await connection.next();
    expect([op, ...rest]).toEqual([8, 'BTC', 1, 1000]);
    connection.send([21, 9, [[0, ...tuple(9)]]]);
    connection.send([27, requestId, 'BTC', [tuple(2), tuple(3), tuple(4)], false]);
    const [, again] = await connection.next();
    connection.send([30, again, 14, 'gone', true, null]);
    await until(() => sequences.includes(9));
    expect(sequences).toEqual([1, 2, 3, 4, 9]);
    expect(gaps).toEqual([{ symbol: 'BTC', fromSequence: 5, toSequence: 8 }]);
  });

  it('reads a page of history', async () => {
    const connection = await open();
    const reading = subscriber.history('BTC', 3, 1);
    const [op, requestId, ...rest] = await connection.next();
    expect([op, ...rest]).toEqual([8, 'BTC', 3, 1]);
    connection.send([27, requestId, 'BTC', [[4, 1, 100, 103, 3, 55]], true]);
    const { anomalies, more } = await reading;
    expect(more).toBe(true);
    expect(anomalies).toMatchObject([{ symbol: 'BTC', sequence: 4, newPrice: 103 }]);
  });

  it('rejects the request that an error answers, and reports any other error', async () => {
    const connection = await open();
    const errors: Error[] = [];
    subscriber.on('error', (error) => errors.push(error));
    const reading = subscriber.history('x');
    const [, requestId] = await connection.next();
    connection.send([30, null, 15, 'oops', true, null]);
    connection.send([30, requestId, 14, 'gone', true, 100]);
    await expect(reading).rejects.toMatchObject({
      code: 14,
      message: 'gone',
      retryable: true,
      retryAfterMs: 100,
    });
    expect(errors).toMatchObject([{ code: 15, message: 'oops', retryAfterMs: undefined }]);
  });

  it('repeats rate-limited requests, one first', async () => {
    const connection = await open();
    const readings = ['x', 'y'].map((symbol) => subscriber.history(symbol));
    const refused = [await connection.next(), await connection.next()];
    const refusedAt = performance.now();
    for (const [, id] of refused) connection.send([30, id, 9, 'slow down', true, 100]);
    for (const symbol of ['x', 'y']) {
      const [op, requestId, ...rest] = await connection.next();
      expect([op, ...rest]).toEqual([8, symbol, 0, 100]);
      expect(performance.now() - refusedAt).toBeGreaterThan(95);
      await handled(connection);
      connection.send([27, requestId, symbol, [], false]);
    }
    expect(await Promise.all(readings)).toHaveLength(2);
  });

  it('measures round trip and clock offset', async () => {
    const connection = await open({}, {});
    expect(subscriber.latency).toBeUndefined();
    const pinging = subscriber.ping();
    const [, sentAt] = await connection.next();
    connection.send([25, sentAt, Date.now() + 5000]);
    const roundTripMs = await pinging;
    expect(roundTripMs).toBeGreaterThan(0);
    expect(subscriber.latency?.roundTripMs).toBe(roundTripMs);
    expect(subscriber.latency?.clockOffsetMs).toBeGreaterThan(5000 - roundTripMs - 1);
    expect(subscriber.latency?.clockOffsetMs).toBeLessThan(5000 + roundTripMs + 1);
  });

  it('calls each listener, whatever another one does', async () => {
    const connection = await openSubscribed('*');
    const uncaught: unknown[] = [];
    const remember = (error: unknown) => uncaught.push(error);
    const others = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', remember);
    try {
      const seen: number[] = [];
      subscriber.on('update', () => {
        throw new Error('a listener failed');
      });
      const stop = subscriber.on('update', ({ serverTime }) => seen.push(serverTime));
      connection.send(NAMES);
      connection.send([20, 5, FULL_BTC]);
      await handled(connection);
      stop();
      connection.send([20, 6, FULL_BTC]);
      await handled(connection);
      expect(seen).toEqual([5]);
      expect(uncaught).toMatchObject([
        { message: 'a listener failed' },
        { message: 'a listener failed' },
      ]);
    } finally {
      process.off('uncaughtException', remember);
      for (const other of others) process.on('uncaughtException', other);
    }
  });

  it('rejects open requests when closed, and takes nothing more', async () => {
    const connection = await open();
    const verifying = subscriber.verify();
    await connection.next();
    const subscribing = subscriber.subscribe('X').ready;
    subscriber.close();
    await expect(verifying).rejects.toThrow('the subscriber is closed');
    await expect(subscribing).rejects.toThrow('the subscriber is closed');
    await expect(subscriber.ready).rejects.toThrow('the subscriber is closed');
    expect(() => subscriber.subscribe('Y')).toThrow('the subscriber is closed');
    expect(subscriber).toMatchObject({ state: 'closed', failure: undefined });
    expect(await connection.closed).toBe(1000);
  });
});
