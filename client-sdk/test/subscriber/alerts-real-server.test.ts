import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { folderForTest } from '../../../test/support/folders.ts';
import { TcpProxy } from '../../../testkit/tcp-proxy.ts';
import { until } from '../../../testkit/until.ts';
import { type Alert, connect, type Subscriber, type SubscriberOptions } from '../../src/index.ts';
import { jump, post, raised, START, startWithRules, stored } from '../support/rules-server.ts';

beforeEach(() => {
  // No wait between attempts.
  vi.spyOn(Math, 'random').mockReturnValue(0);
});
afterEach(() => {
  vi.restoreAllMocks();
});

function open(url: string | number, options: SubscriberOptions = {}): Subscriber {
  const subscriber = connect(typeof url === 'string' ? url : `http://127.0.0.1:${url}`, options);
  onTestFinished(() => subscriber.close());
  return subscriber;
}

/** The alerts that arrive, and the gaps. */
function recorded(subscriber: Subscriber): { readonly alerts: Alert[]; readonly gaps: unknown[] } {
  const [alerts, gaps]: [Alert[], unknown[]] = [[], []];
  subscriber.on('alert', (alert) => alerts.push(alert));
  subscriber.on('alertGap', (gap) => gaps.push(gap));
  return { alerts, gaps };
}

const sequences = (alerts: readonly Alert[]) => alerts.map(({ sequence }) => sequence);
const upTo = (last: number) => Array.from({ length: last }, (_, i) => i + 1);

describe.each(['binary', 'json'] as const)('alerts over %s', (encoding) => {
  it('are those of the server, with names', async () => {
    const { port } = await startWithRules();
    const subscriber = open(port, { encoding });
    const { alerts } = recorded(subscriber);
    const live = subscriber.liveAlerts();
    await subscriber.subscribe(['SPY', 'Q*'], { alerts: true }).ready;
    await post(port, 'SPY', [0, 249.75], [2, 249.75], [5, 257.6591], [5, 257.6591], [9, 249.75]);
    await post(port, 'QQQ', [0, 100], [10, 97], [20, 94], [1500, 94]);
    await until(() => alerts.length === 9);
    const ofSpy = alerts.filter(({ symbol }) => symbol === 'SPY');
    expect(ofSpy.map(({ rule, phase, reason }) => [rule, phase, reason])).toEqual([
      ['flash', 'start', undefined],
      ['print', 'start', undefined],
      ['flash', 'end', 'reverted'],
      ['print', 'end', 'reverted'],
    ]);
    expect(ofSpy[0]).toEqual({
      symbol: 'SPY',
      sequence: 1,
      rule: 'flash',
      episode: 1,
      phase: 'start',
      level: 'warning',
      direction: 'Up',
      reference: 249.75,
      price: 257.6591,
      changePercent: ((257.6591 - 249.75) / 249.75) * 100,
      time: START + 5,
      startTime: START + 5,
      peak: 257.6591,
      count: 1,
    });
    const ofQqq = alerts.filter(({ symbol }) => symbol === 'QQQ');
    expect(ofQqq).toMatchObject([
      { rule: 'flash', phase: 'start', direction: 'Down' },
      { rule: 'print', phase: 'start', level: 'warning' },
      { rule: 'flash', phase: 'escalate', level: 'critical' },
      { phase: 'end', reason: 'settled' },
      { phase: 'end', reason: 'settled' },
    ]);
    expect(ofSpy).toEqual(await stored(port, 'SPY'));
    expect(ofQqq).toEqual(await stored(port, 'QQQ'));
    expect(subscriber.counters.alerts).toBe(9);
    subscriber.close();
    const read: Alert[] = [];
    for await (const alert of live) read.push(alert);
    expect(read).toEqual(alerts);
  });

  it('go on where an earlier run of the program stopped', async () => {
    const { port } = await startWithRules();
    await jump(port, 'SPY', 0);
    await jump(port, 'QQQ', 0);
    await raised(port, 'SPY', 4);
    await raised(port, 'QQQ', 4);
    const subscriber = open(port, { encoding });
    const { alerts, gaps } = recorded(subscriber);
    const alertsSince = new Map([['SPY', 2]]);
    subscriber.subscribe('*', { stats: false, anomalies: false, alerts: true, alertsSince });
    await until(() => alerts.length === 2);
    await jump(port, 'QQQ', 5000);
    await until(() => alerts.length === 6);
    const numbers = alerts.map(({ symbol, sequence }) => `${symbol} ${sequence}`);
    expect(numbers).toEqual(['SPY 3', 'SPY 4', 'QQQ 5', 'QQQ 6', 'QQQ 7', 'QQQ 8']);
    expect(gaps).toEqual([]);
  });
});

describe('alerts', () => {
  it('come to those who asked only, also when they ask later', async () => {
    const { port } = await startWithRules();
    const subscriber = open(port);
    const { alerts } = recorded(subscriber);
    await subscriber.subscribe('SPY').ready;
    await jump(port, 'SPY', 0);
    await raised(port, 'SPY', 4);
    const { ready } = subscriber.subscribe('SPY', { stats: false, alerts: true });
    expect(await ready).toEqual([]);
    // The answer to the first request counts for the second, too.
    await subscriber.verify();
    await jump(port, 'SPY', 5000);
    await until(() => alerts.length === 4);
    expect(sequences(alerts)).toEqual([5, 6, 7, 8]);
  });

  it('miss none and come once wherever connections are cut', async () => {
    const { port } = await startWithRules();
    const proxy = await TcpProxy.start(port);
    onTestFinished(() => proxy.close());
    const subscriber = open(proxy.url);
    const { alerts, gaps } = recorded(subscriber);
    subscriber.subscribe(['SPY'], { alerts: true });
    await post(port, 'SPY', [0, 100]);
    await until(() => subscriber.get('SPY') !== undefined);
    let raised = 0;
    for (let bytes = 0; bytes < 1200; bytes += 23) {
      const { accepted } = proxy;
      proxy.cutNextAfter(bytes);
      proxy.cut();
      raised += 4;
      await jump(port, 'SPY', 100 * raised);
      // Requests are answered until the cut; those that it hits are rejected.
      while (proxy.accepted < accepted + 2) await subscriber.verify().catch(() => undefined);
      await until(() => (alerts.at(-1)?.sequence ?? 0) === raised);
    }
    expect(sequences(alerts)).toEqual(upTo(raised));
    const newest = await stored(port, 'SPY');
    expect(newest.length).toBeGreaterThanOrEqual(64);
    expect(alerts.slice(-newest.length)).toEqual(newest);
    expect(gaps).toEqual([]);
    expect(subscriber.failure).toBeUndefined();
  });

  it('raised while a server with a store was away come, of symbols without any, too', async () => {
    const store = { directory: folderForTest() };
    const first = await startWithRules({ store });
    await post(first.port, 'SPY', [0, 100]);
    await jump(first.port, 'QQQ', 0);
    await raised(first.port, 'QQQ', 4);
    const subscriber = open(first.port);
    const { alerts, gaps } = recorded(subscriber);
    subscriber.subscribe('*', { alerts: true });
    await until(() => [...subscriber.symbols()].length === 2);
    await first.stop();
    await until(() => subscriber.state === 'reconnecting');
    // Where the subscriber does not look for it.
    const elsewhere = await startWithRules({ store });
    await jump(elsewhere.port, 'SPY', 5000);
    await elsewhere.stop();
    const second = await startWithRules({ store, server: { port: first.port } });
    await until(() => alerts.length >= 4);
    await jump(second.port, 'QQQ', 9000);
    await until(() => alerts.length >= 8);
    const numbers = alerts.map(({ symbol, sequence }) => `${symbol} ${sequence}`);
    // Those of QQQ before the subscription are none of its.
    expect(numbers).toEqual([
      ...upTo(4).map((sequence) => `SPY ${sequence}`),
      ...upTo(4).map((sequence) => `QQQ ${sequence + 4}`),
    ]);
    expect(gaps).toEqual([]);
    await second.stop();
  });

  it('that a store has and memory no longer has are fetched', async () => {
    const { port } = await startWithRules({
      store: { directory: folderForTest() },
      stream: { recentAnomaliesPerSymbol: 4 },
    });
    for (let i = 0; i < 10; i++) await jump(port, 'SPY', 5000 * i);
    const subscriber = open(port);
    const { alerts, gaps } = recorded(subscriber);
    subscriber.subscribe('SPY', { alerts: true, alertsSince: new Map([['SPY', 3]]) });
    await until(() => alerts.length === 37);
    expect(alerts).toEqual((await stored(port, 'SPY')).slice(3));
    expect(gaps).toEqual([]);
  });

  it('that the server no longer has are a gap', async () => {
    const { port } = await startWithRules({ stream: { recentAnomaliesPerSymbol: 4 } });
    for (let i = 0; i < 10; i++) await jump(port, 'SPY', 5000 * i);
    const subscriber = open(port);
    const { alerts, gaps } = recorded(subscriber);
    subscriber.subscribe('SPY', { alerts: true, alertsSince: new Map([['SPY', 3]]) });
    await until(() => alerts.length > 0 && alerts.at(-1)?.sequence === 40);
    const [first = 0] = sequences(alerts);
    expect(first).toBeGreaterThan(4);
    expect(gaps).toEqual([{ symbol: 'SPY', fromSequence: 4, toSequence: first - 1 }]);
    expect(sequences(alerts)).toEqual(upTo(40).slice(first - 1));
  });

  it('of a symbol that was retired begin again at 1 without a store', async () => {
    const { port } = await startWithRules();
    const subscriber = open(port);
    const { alerts, gaps } = recorded(subscriber);
    await subscriber.subscribe('SPY', { alerts: true }).ready;
    await jump(port, 'SPY', 0);
    await until(() => alerts.length === 4);
    const url = `http://127.0.0.1:${port}/api/prices/SPY`;
    expect((await fetch(url, { method: 'DELETE' })).status).toBe(204);
    await until(() => subscriber.get('SPY') === undefined);
    await jump(port, 'SPY', 0);
    await until(() => alerts.length === 8);
    expect(sequences(alerts)).toEqual([...upTo(4), ...upTo(4)]);
    expect(gaps).toEqual([]);
  });
});
