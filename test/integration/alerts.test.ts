import { expect, it, onTestFinished } from 'vitest';
import type { Alert } from '../../src/protocol/index.ts';
import { Code, Op } from '../../testkit/independent/protocol.ts';
import { AlertRig } from '../support/alert-rig.ts';
import { StoreFolder } from '../support/store-folder.ts';
import { subscriberForTest } from '../support/test-clients.ts';

const ENCODINGS = [{ json: false }, { json: true }];

function storeFolder(): StoreFolder {
  const folder = new StoreFolder();
  onTestFinished(() => folder[Symbol.dispose]());
  return folder;
}

/** An alert as a page has it. */
function recordOf(alert: Alert, ruleId: number): number[] {
  const { sequence, episode, phase, level, direction, reason } = alert;
  const { reference, price, changePercent, time, startTime, peak, count } = alert;
  const prices = [reference, price, changePercent, time, startTime, peak];
  return [sequence, ruleId, episode, phase, level, direction, ...prices, count, reason];
}

type Client = Awaited<ReturnType<typeof subscriberForTest>>;

/** All alerts that came, with the symbol's name for its id. */
function alertsOf(client: Client): unknown[][] {
  const names = new Map<unknown, unknown>();
  for (const [, list] of client.of(Op.SYMBOLS) as [number, unknown[]][]) {
    for (let i = 0; i < list.length; i += 2) names.set(list[i], list[i + 1]);
  }
  return (client.of(Op.ALERT) as [number, number, unknown[][]][]).flatMap(([, , alerts]) =>
    alerts.map(([symbolId, ...rest]) => [names.get(symbolId), ...rest]),
  );
}

/** ALERT_PAGE, or the ERROR that came instead. */
async function history(client: Client, symbol: string, after: number, limit: number) {
  const requestId = client.nextRequestId();
  client.send([Op.ALERT_HISTORY, requestId, symbol, after, limit]);
  const find = () =>
    client.frames.find(([op, id]) => id === requestId && (op === Op.ALERT_PAGE || op === Op.ERROR));
  await client.until(() => find() !== undefined, `the alerts of ${symbol}`);
  return find() as unknown[];
}

it.each(ENCODINGS)('sends the alerts of wanted symbols, names and rules first (%o)', async (as) => {
  const rig = await AlertRig.start(['A', 'B', 'C']);
  const client = await subscriberForTest(rig.port, as);
  await client.subscribe(['A', 'B'], { stats: false, anomalies: false, alerts: true });
  const start = rig.raise('A');
  const down = { direction: -1, price: 97, changePercent: -3, level: 2 } as const;
  const end = rig.raise('A', { ...down, phase: 4, reason: 1, count: 7, peak: 96.5 });
  rig.raise('C');
  const stale = { direction: 0, changePercent: 0, rule: 'quiet', kind: 'stale' } as const;
  const quiet = rig.raise('B', stale);
  await client.until(() => alertsOf(client).length === 3, 'three alerts');
  const { ruleTable } = rig.context.engine;
  const [flashId, quietId] = [ruleTable.id('flash', 'spike'), ruleTable.id('quiet', 'stale')];
  expect(flashId).not.toBe(quietId);
  expect(alertsOf(client).filter(([symbol]) => symbol === 'A')).toEqual([
    ['A', ...recordOf(start, flashId)],
    ['A', ...recordOf(end, flashId)],
  ]);
  expect(alertsOf(client).filter(([symbol]) => symbol === 'B')).toEqual([
    ['B', ...recordOf(quiet, quietId)],
  ]);
  const rules = client.of(Op.RULES).flatMap(([, list]) => list as unknown[]);
  expect(rules.length).toBe(6);
  const announced = new Map([0, 3].map((at) => [rules[at], rules.slice(at + 1, at + 3)]));
  expect(announced.get(flashId)).toEqual(['flash', 'spike']);
  expect(announced.get(quietId)).toEqual(['quiet', 'stale']);
  const ops = client.frames.map(([op]) => op);
  expect(ops.indexOf(Op.SYMBOLS)).toBeLessThan(ops.indexOf(Op.ALERT));
  expect(ops.indexOf(Op.RULES)).toBeLessThan(ops.indexOf(Op.ALERT));
  expect(client.violations).toEqual([]);
});

it('sends a session that did not ask for alerts no frame of theirs', async () => {
  const rig = await AlertRig.start(['A']);
  const client = await subscriberForTest(rig.port);
  const other = await subscriberForTest(rig.port);
  await client.subscribe(['A']);
  await other.subscribe(['A'], { alerts: true });
  rig.raise('A');
  await other.until(() => alertsOf(other).length === 1, 'the alert');
  await client.verify();
  const theirs = new Set<unknown>([Op.ALERT, Op.RULES, Op.ALERT_PAGE]);
  expect(client.frames.filter(([op]) => theirs.has(op))).toEqual([]);
  await client.subscribe(['A'], { alerts: true });
  rig.raise('A');
  await client.until(() => alertsOf(client).length === 1, 'the next alert');
  expect(alertsOf(client)[0]?.[1]).toBe(2);
});

it('continues after the last one that a client had, from memory and after a restart', async () => {
  const folder = storeFolder();
  const rig = await AlertRig.start(['A'], folder);
  const raised = Array.from({ length: 20 }, (_, i) => rig.raise('A', { rule: `rule-${i % 3}` }));
  const client = await subscriberForTest(rig.port);
  await client.subscribe(['A'], { alerts: true, alertsSince: { A: 5 } });
  await client.until(() => alertsOf(client).length === 15, 'fifteen alerts');
  expect(alertsOf(client).map(([, sequence]) => sequence)).toEqual(
    raised.slice(5).map(({ sequence }) => sequence),
  );
  await rig.stop();

  const restarted = await AlertRig.start(['A'], folder);
  // Rules get other ids than before.
  restarted.context.engine.ruleTable.id('another', 'gap');
  const later = await subscriberForTest(restarted.port, { json: true });
  await later.subscribe(['A'], { alerts: true, alertsSince: { A: 18 } });
  raised.push(restarted.raise('A', { rule: 'rule-1' }));
  await later.until(() => alertsOf(later).length === 3, 'two old alerts and a new one');
  const { ruleTable } = restarted.context.engine;
  expect(alertsOf(later)).toEqual(
    raised.slice(18).map((alert) => ['A', ...recordOf(alert, ruleTable.id(alert.rule, 'spike'))]),
  );
});

it.each(ENCODINGS)('ALERT_HISTORY gives all of them, page by page (%o)', async (as) => {
  const rig = await AlertRig.start(['A', 'B'], storeFolder(), { perSymbol: 4 });
  const raised = Array.from({ length: 11 }, (_, i) => rig.raise('A', { count: i + 1 }));
  const client = await subscriberForTest(rig.port, as);
  await client.until(() => rig.store?.alerts.lastSequence('A') === 11, 'the store has them');
  const pages: number[][][] = [];
  for (let after = 0, more = true; more; ) {
    const page = await history(client, 'A', after, 4);
    expect(page.slice(0, 3)).toEqual([Op.ALERT_PAGE, page[1], 'A']);
    const alerts = page[3] as number[][];
    pages.push(alerts);
    after = alerts.at(-1)?.[0] as number;
    more = page[4] as boolean;
  }
  expect(pages.map(({ length }) => length)).toEqual([4, 4, 3]);
  expect(pages.flat()).toEqual(raised.map((alert) => recordOf(alert, 0)));
  expect(client.of(Op.RULES)).toEqual([[Op.RULES, [0, 'flash', 'spike']]]);
  expect((await history(client, 'B', 0, 4)).slice(2)).toEqual(['B', [], false]);
  expect((await history(client, '', 0, 4)).slice(0, 3)).toEqual([Op.ERROR, 5, Code.bad_symbol]);
});

it('in sync mode a session gets no alert before it is on disk', async () => {
  const rig = await AlertRig.start(['A'], storeFolder(), { mode: 'sync' });
  const client = await subscriberForTest(rig.port);
  await client.subscribe(['A'], { alerts: true });
  for (let i = 0; i < 50; i++) rig.raise('A');
  await client.until(() => alertsOf(client).length === 50, 'fifty alerts');
  expect(rig.store?.alerts.waitingCount).toBe(0);
  expect(await rig.store?.alerts.flushed()).toBe(true);
});

it('the store knows alerts and anomalies apart, and both over restarts', async () => {
  const folder = storeFolder();
  const rig = await AlertRig.start(['A', 'B'], folder);
  const alerts = [rig.raise('A'), rig.raise('B', { time: 5 }), rig.raise('A', { level: 2 })];
  const client = await subscriberForTest(rig.port);
  await client.until(() => rig.store?.alerts.lastSequence('A') === 2, 'the store has them');
  await rig.stop();
  const { store } = await AlertRig.start(['A', 'B'], folder);
  if (store === undefined) throw new Error('no store');
  const names = { prefix: '', foreign: undefined, lists: [] };
  const all = { from: 0, to: Number.POSITIVE_INFINITY, limit: 10 };
  const byTime = alerts.toSorted((a, b) => a.time - b.time);
  expect((await store.alerts.between(all, names)).items).toEqual(byTime);
  expect((await store.between(all, names)).items).toEqual([]);
  expect(await store.alerts.recent(10, { ...names, alerts: { level: [2] } })).toEqual([alerts[2]]);
  const first = await store.alerts.between({ ...all, limit: 2 }, names);
  expect(first.items).toEqual(byTime.slice(0, 2));
  const rest = await store.alerts.between({ ...all, after: first.next }, names);
  expect(rest).toEqual({ items: byTime.slice(2), next: undefined });
  expect(store.alerts.nextOrdinal).toBe(3);
  expect(store.nextOrdinal).toBe(0);
});
