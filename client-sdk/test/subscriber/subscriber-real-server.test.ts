import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/config/parse-config.ts';
import { createLogger } from '../../../src/log.ts';
import { type Server, startServer } from '../../../src/server.ts';
import { postPrices } from '../../../test/support/raw-http.ts';
import { until } from '../../../testkit/until.ts';
import { type Anomaly, connect, Field, type Subscriber } from '../../src/index.ts';

let server: Server;
const open: Subscriber[] = [];

beforeAll(async () => {
  const config = parseConfig({
    server: { port: 0, drainMs: 500 },
    processing: { partitions: 2 },
    stream: { recentAnomaliesPerSymbol: 8 },
    store: { directory: '' },
  });
  server = await startServer(config, createLogger('silent', 'json', false));
});
afterEach(() => {
  for (const subscriber of open.splice(0)) subscriber.close();
});
afterAll(() => server.stop());

function connectHere(options = {}): Subscriber {
  const subscriber = connect(`http://127.0.0.1:${server.port}`, options);
  open.push(subscriber);
  return subscriber;
}

/** Prices, in their order, at consecutive milliseconds. */
async function post(symbol: string, ...prices: number[]): Promise<void> {
  const ticks = prices.map((price) => ({ symbol, price }));
  const response = await postPrices(server.port, ticks);
  expect(await response.json()).toMatchObject({ accepted: prices.length });
}

async function statistics(symbol: string): Promise<Record<string, unknown>> {
  return (await fetch(`http://127.0.0.1:${server.port}/api/prices/${symbol}`)).json() as never;
}

describe.each(['binary', 'json'] as const)('subscriber and server over %s', (encoding) => {
  it('forget a symbol that is retired, and begin it anew', async () => {
    const symbol = `${encoding}-retired`;
    const subscriber = connectHere({ encoding });
    const retired: string[] = [];
    const sequences: number[] = [];
    subscriber.on('retired', ({ symbols }) => retired.push(...symbols));
    subscriber.on('anomaly', ({ sequence }) => sequences.push(sequence));
    await subscriber.subscribe(symbol).ready;
    await post(symbol, 100, 103, 106);
    await until(() => subscriber.get(symbol)?.updateCount === 3 && sequences.length > 0);
    const seen = sequences.length;
    const url = `http://127.0.0.1:${server.port}/api/prices/${symbol}`;
    expect((await fetch(url, { method: 'DELETE' })).status).toBe(204);
    await until(() => retired.length > 0);
    expect(retired).toEqual([symbol]);
    expect(subscriber.get(symbol)).toBeUndefined();
    expect(await subscriber.verify()).toMatchObject({ equal: true, symbolCount: 0 });
    await post(symbol, 7, 8);
    await until(() => subscriber.get(symbol)?.updateCount === 2 && sequences.length > seen);
    expect(subscriber.get(symbol)).toMatchObject({ maxPrice: 8, isLive: true });
    // Without a store the numbers begin again.
    expect(sequences.slice(seen)).toEqual([1]);
    expect(await subscriber.verify()).toMatchObject({ equal: true, symbolCount: 1 });
  });

  it('agree with each other and with the HTTP API', async () => {
    const [a, b, later] = [`${encoding}-A`, `${encoding}-B`, `${encoding}-later`];
    await post(a, 100);
    await post(b, 5);
    const anomalies: Anomaly[] = [];
    const subscriber = connectHere({ encoding });
    subscriber.on('anomaly', (anomaly) => anomalies.push(anomaly));
    const subscription = subscriber.subscribe([a, `${encoding}-l*`, ' bad']);
    expect(await subscription.ready).toMatchObject([{ pattern: ' bad', reason: 'bad_symbol' }]);
    await post(a, 103);
    await post(later, 0.25);
    await until(() => subscriber.get(a)?.updateCount === 2 && anomalies.length > 0);
    await until(() => subscriber.get(later) !== undefined);
    const { lastUpdateTime, anomaliesDetected, ...rest } = await statistics(a);
    expect(subscriber.get(a)).toMatchObject({ ...rest, isLive: true });
    expect(new Date(subscriber.get(a)?.lastUpdateTime ?? 0).toISOString()).toBe(lastUpdateTime);
    expect(anomaliesDetected).toBe(1);
    expect(subscriber.get(b)).toBeUndefined();
    expect(anomalies).toMatchObject([
      { symbol: a, sequence: 1, direction: 1, referencePrice: 100, newPrice: 103 },
    ]);
    expect(await subscriber.verify()).toMatchObject({ equal: true, symbolCount: 2 });
    subscription.unsubscribe();
    await until(() => subscriber.get(a) === undefined);
    expect(await subscriber.verify()).toMatchObject({ equal: true, symbolCount: 0 });
  });
});

describe('subscriber and server', () => {
  it('give a slow reader one update for many, with the newest values', async () => {
    const subscriber = connectHere();
    await subscriber.subscribe('SLOW').ready;
    const counts: number[] = [];
    for (let round = 0; round < 5; round++)
      await post('SLOW', ...Array.from({ length: 20 }, () => 7));
    await until(() => subscriber.get('SLOW')?.updateCount === 100);
    const updates = subscriber.updates();
    await post('SLOW', 8);
    await until(() => subscriber.get('SLOW')?.updateCount === 101);
    await post('SLOW', 9);
    await until(() => subscriber.get('SLOW')?.updateCount === 102);
    subscriber.close();
    for await (const { changes } of updates) {
      counts.push(...changes.map(({ updateCount }) => updateCount));
    }
    expect(counts).toEqual([102]);
  });

  it('deliver anomalies to a loop in order, and end it', async () => {
    const subscriber = connectHere();
    await subscriber.subscribe('LOOP', { stats: false }).ready;
    const anomalies = subscriber.anomalies();
    await post('LOOP', 100, 103, 100, 103);
    const sequences: number[] = [];
    for await (const { sequence } of anomalies) {
      sequences.push(sequence);
      if (sequence === 3) break;
    }
    expect(sequences).toEqual([1, 2, 3]);
    expect(subscriber.get('LOOP')).toBeUndefined();
  });

  it('agree on fields', async () => {
    const subscriber = connectHere();
    subscriber.subscribe('FIELDS', { fields: Field.PRICE | Field.MIN });
    await post('FIELDS', 3, 2, 4);
    await until(() => subscriber.get('FIELDS')?.currentPrice === 4);
    expect(subscriber.get('FIELDS')).toMatchObject({ minPrice: 2, updateCount: NaN });
    await expect(subscriber.verify()).rejects.toMatchObject({ code: 1 });
    subscriber.subscribe('FIELDS');
    await until(() => subscriber.get('FIELDS')?.updateCount === 3);
    expect(await subscriber.verify()).toMatchObject({ equal: true, symbolCount: 1 });
  });

  it('agree on the pace', async () => {
    const subscriber = connectHere({ conflateMs: 60_000 });
    await subscriber.subscribe('PACE').ready;
    await post('PACE', 1);
    await until(() => subscriber.get('PACE') !== undefined);
    await post('PACE', 2);
    await subscriber.ping();
    expect(subscriber.get('PACE')?.currentPrice).toBe(1);
    subscriber.setConflateMs(0);
    await post('PACE', 3);
    await until(() => subscriber.get('PACE')?.currentPrice === 3);
  });

  it('read history, and report what is gone', async () => {
    const subscriber = connectHere();
    let last = 0;
    subscriber.on('anomaly', ({ sequence }) => {
      last = sequence;
    });
    await subscriber.subscribe('PAST').ready;
    await post('PAST', ...Array.from({ length: 24 }, (_, i) => (i % 2 === 0 ? 100 : 110)));
    await until(() => last === 23);
    const { anomalies, more } = await subscriber.history('PAST', last - 3, 2);
    expect(anomalies.map(({ sequence }) => sequence)).toEqual([last - 2, last - 1]);
    expect(more).toBe(true);
    await expect(subscriber.history('PAST', 0)).rejects.toMatchObject({
      code: 14,
      retryable: false,
    });
  });

  it('close on a signal', async () => {
    const abort = new AbortController();
    const subscriber = connectHere({ signal: abort.signal });
    await subscriber.ready;
    abort.abort();
    expect(subscriber).toMatchObject({ state: 'closed', failure: undefined });
    expect(connectHere({ signal: abort.signal }).state).toBe('closed');
  });
});
