import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { postPrices } from '../../../test/support/raw-http.ts';
import { startTestServer, type TestServer } from '../../../test/support/running-server.ts';
import { StoreFolder } from '../../../test/support/store-folder.ts';
import { TcpProxy } from '../../../testkit/tcp-proxy.ts';
import { until } from '../../../testkit/until.ts';
import { connect, type Subscriber, type SymbolStatistics } from '../../src/index.ts';

beforeEach(() => {
  // No wait between attempts.
  vi.spyOn(Math, 'random').mockReturnValue(0);
});
afterEach(() => {
  vi.restoreAllMocks();
});

async function start(port = 0, directory = ''): Promise<TestServer> {
  const server = await startTestServer({ server: { port }, store: { directory } });
  onTestFinished(() => server.stop());
  return server;
}

function open(url: string): Subscriber {
  const subscriber = connect(url);
  onTestFinished(() => subscriber.close());
  return subscriber;
}

/** Of the next tick: a slow machine must not move ticks out of each other's window. */
let time = Date.now();

async function post(port: number, ...ticks: (readonly [string, number])[]): Promise<void> {
  const response = await postPrices(
    port,
    ticks.map(([symbol, price]) => ({ symbol, price, timestamp: time++ })),
  );
  expect(await response.json()).toMatchObject({ accepted: ticks.length });
}

function copyOf(statistics: SymbolStatistics): unknown[] {
  const { currentPrice, movingAverage, updateCount, lastUpdateTime, minPrice } = statistics;
  return [currentPrice, movingAverage, updateCount, lastUpdateTime, minPrice];
}

describe('a server that restarts on its port with other prices', () => {
  it('starts over: nothing old is live, and no event mixes both', async () => {
    const first = await start();
    await post(first.port, ['BTC', 100], ['ETH', 5], ['BTC', 103]);
    const subscriber = open(`http://127.0.0.1:${first.port}`);
    const events: string[] = [];
    subscriber.on('reset', ({ epoch }) => {
      expect([...subscriber.symbols()]).toEqual([]);
      expect(subscriber.session?.epoch).toBe(epoch);
      events.push('reset');
    });
    subscriber.on('update', ({ changes }) => {
      for (const each of changes) {
        expect(each.isLive).toBe(true);
        expect(subscriber.get(each.symbol)).toBe(each);
        events.push(`${each.symbol} ${each.currentPrice}`);
      }
    });
    subscriber.on('anomaly', ({ symbol, sequence }) => events.push(`${symbol} #${sequence}`));
    subscriber.subscribe('*');
    await until(() => [...subscriber.symbols()].length === 2);
    await post(first.port, ['ETH', 6]);
    await until(() => events.includes('ETH #1'));
    expect((await subscriber.verify()).equal).toBe(true);
    const old = [...subscriber.symbols()];
    const copies = old.map(copyOf);
    const iterator = subscriber.updates();
    await post(first.port, ['BTC', 104]);
    await until(() => subscriber.get('BTC')?.currentPrice === 104);
    copies[0] = copyOf(old[0] as SymbolStatistics);

    await first.stop();
    await until(() => subscriber.state === 'reconnecting');
    expect(old.map(({ isLive }) => isLive)).toEqual([false, false]);
    expect(old.map(copyOf)).toEqual(copies);
    events.length = 0;
    const second = await start(first.port);
    // In another order, so that ids differ.
    await post(second.port, ['ETH', 50], ['XRP', 1], ['BTC', 7]);
    await until(() => [...subscriber.symbols()].length === 3);
    await post(second.port, ['ETH', 60], ['ETH', 70]);
    await until(() => events.includes('ETH #2'));
    expect(events[0]).toBe('reset');
    expect(events.filter((event) => event === 'reset')).toHaveLength(1);
    expect(events.filter((event) => event.includes('#'))).toEqual(['ETH #1', 'ETH #2']);
    expect(await subscriber.verify()).toMatchObject({ equal: true, symbolCount: 3 });
    expect(old.map(copyOf)).toEqual(copies);
    expect(old.map(({ isLive }) => isLive)).toEqual([false, false]);
    for (const each of old) expect(subscriber.get(each.symbol)).not.toBe(each);
    expect(subscriber.get('BTC')).toMatchObject({
      currentPrice: 7,
      previousPrice: NaN,
      updateCount: 1,
    });
    const { value } = await iterator.next();
    expect(value?.changes.every(({ isLive }) => isLive)).toBe(true);
  });
});

describe('a server that restarts with what it had', () => {
  it('is asked for anomalies raised meanwhile, also of symbols that had none', async () => {
    using folder = new StoreFolder();
    const first = await start(0, folder.path);
    await post(first.port, ['BTC', 100], ['ETH', 5]);
    const subscriber = open(`http://127.0.0.1:${first.port}`);
    const anomalies: string[] = [];
    subscriber.on('anomaly', ({ symbol, sequence }) => anomalies.push(`${symbol} #${sequence}`));
    subscriber.on('gap', (gap) => anomalies.push(JSON.stringify(gap)));
    subscriber.subscribe('*');
    await until(() => [...subscriber.symbols()].length === 2);
    await first.stop();
    await until(() => subscriber.state === 'reconnecting');

    // Where the subscriber does not look for it.
    const elsewhere = await start(0, folder.path);
    await post(elsewhere.port, ['BTC', 200], ['BTC', 210], ['BTC', 220]);
    await elsewhere.stop();
    const second = await start(first.port, folder.path);
    const raised = await (
      await fetch(`http://127.0.0.1:${second.port}/api/anomalies?from=0`)
    ).json();
    const { length } = (raised as { items: unknown[] }).items;
    expect(length).toBeGreaterThanOrEqual(2);
    await until(() => anomalies.length >= length);
    expect(anomalies).toEqual(Array.from({ length }, (_, i) => `BTC #${i + 1}`));
    await second.stop();
  });
});

describe('a symbol that is no longer covered', () => {
  it('is not live, and comes back as a new object', async () => {
    const server = await start();
    await post(server.port, ['BTC', 100], ['ETH', 5]);
    const subscriber = open(`http://127.0.0.1:${server.port}`);
    subscriber.subscribe('E*');
    const subscription = subscriber.subscribe('BTC');
    await until(() => [...subscriber.symbols()].length === 2);
    const old = subscriber.get('BTC') as SymbolStatistics;
    subscription.unsubscribe();
    await until(() => subscriber.get('BTC') === undefined);
    expect([old.isLive, old.currentPrice]).toEqual([false, 100]);
    await post(server.port, ['BTC', 101]);
    subscriber.subscribe('BTC');
    await until(() => subscriber.get('BTC')?.isLive === true);
    expect([old.isLive, old.currentPrice]).toEqual([false, 100]);
    expect(subscriber.get('ETH')?.isLive).toBe(true);
    expect(await subscriber.verify()).toMatchObject({ equal: true, symbolCount: 2 });
  });
});

describe('a lost connection to the same server', () => {
  it('keeps statistics readable but not live, and revives the same objects', async () => {
    const server = await start();
    const proxy = await TcpProxy.start(server.port);
    onTestFinished(() => proxy.close());
    await post(server.port, ['BTC', 100], ['ETH', 5], ['BTC', 100.5]);
    const subscriber = open(proxy.url);
    const resets: unknown[] = [];
    const anomalies: string[] = [];
    subscriber.on('reset', (reset) => resets.push(reset));
    subscriber.on('anomaly', ({ symbol, sequence }) => anomalies.push(`${symbol} #${sequence}`));
    // Two requests a session, because of different options.
    subscriber.subscribe('BTC');
    subscriber.subscribe('E*', { anomalies: false });
    await until(() => [...subscriber.symbols()].length === 2);
    const held = ['BTC', 'ETH'].map((symbol) => subscriber.get(symbol) as SymbolStatistics);
    const copies = held.map(copyOf);
    const lives: boolean[][] = [];
    subscriber.on('state', () => lives.push(held.map(({ isLive }) => isLive)));

    const { accepted } = proxy;
    proxy.intercept((client) => client.destroy());
    proxy.cut();
    // Not by its state: it may be back between two looks.
    await until(() => lives.length > 0);
    expect(held.map(copyOf)).toEqual(copies);
    await post(server.port, ['BTC', 110], ['BTC', 120], ['ETH', 5.01]);
    await until(() => held.every(({ isLive }) => isLive) && anomalies.length === 2);
    expect(proxy.accepted).toBe(accepted + 2);
    // Lost, failed again, and live before anything arrived.
    expect(lives).toEqual([
      [false, false],
      [false, false],
      [false, false],
    ]);
    expect(['BTC', 'ETH'].map((symbol) => subscriber.get(symbol))).toEqual(held);
    await until(() => held[0]?.updateCount === 4 && held[1]?.updateCount === 2);
    expect(anomalies).toEqual(['BTC #1', 'BTC #2']);
    expect(await subscriber.verify()).toMatchObject({ equal: true, symbolCount: 2 });
    expect(resets).toEqual([]);
  });

  it('is in sync again wherever the next connections are cut', async () => {
    const server = await start();
    const proxy = await TcpProxy.start(server.port);
    onTestFinished(() => proxy.close());
    const symbols = Array.from({ length: 5 }, (_, i) => `S${i}`);
    await post(server.port, ...symbols.map((symbol, i) => [symbol, 100 + i] as const));
    const subscriber = open(proxy.url);
    const anomalies: number[] = [];
    subscriber.on('anomaly', ({ sequence }) => anomalies.push(sequence));
    subscriber.subscribe(['S0', 'S1']);
    subscriber.subscribe('S*', { anomalies: false });
    await until(() => [...subscriber.symbols()].length === symbols.length);
    let price = 100;
    for (let bytes = 0; bytes < 900; bytes += 19) {
      const { accepted } = proxy;
      proxy.cutNextAfter(bytes);
      proxy.cut();
      price *= 1.05;
      await post(server.port, ['S0', price]);
      // Requests are answered until the cut; those that it hits are rejected.
      while (proxy.accepted < accepted + 2) await subscriber.verify().catch(() => undefined);
      const verification = await subscriber.verify();
      expect([bytes, verification]).toMatchObject([bytes, { equal: true, symbolCount: 5 }]);
      await until(() => subscriber.get('S0')?.currentPrice === price);
    }
    await until(() => anomalies.length >= 48);
    expect(anomalies).toEqual(Array.from({ length: 48 }, (_, i) => i + 1));
    expect(subscriber.failure).toBeUndefined();
  });
});
