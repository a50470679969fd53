import { expect, it } from 'vitest';
import { fc } from '../../testkit/fast-check.ts';
import { ulpsBetween } from '../../testkit/independent/exact-mean.ts';
import { Op } from '../../testkit/independent/protocol.ts';
import { expectedMarket, type MarketTick } from '../../testkit/independent/statistics.ts';
import type { IndependentSubscriber } from '../../testkit/independent/subscriber.ts';
import { folderForTest } from '../support/folders.ts';
import { settledTotals } from '../support/processing-statistics.ts';
import { startTestServer, type TestServer } from '../support/running-server.ts';
import { publisherForTest, subscriberForTest } from '../support/test-clients.ts';
import { wildPrices } from '../support/wild-prices.ts';

/*
 * Prices from the least to the greatest double, in by every door and out by every way, before and
 * after restarts: no value is infinite or no number, and each is the oracle's.
 */

const TIME = Date.now() - 60_000;
/** What an average or a change may be off by, in units of the last place. */
const ULPS = 2;
/** Anomalies of a page, far fewer than there are: what memory lacks comes from the database. */
const PAGE = 50;

const repeat = (count: number, price: number) => Array.from({ length: count }, () => price);

/** Those that once went wrong. */
const STORIES: readonly (readonly number[])[] = [
  repeat(3, Number.MAX_VALUE),
  repeat(12, Number.MAX_VALUE),
  [1, 1, 1, 1e40, 1e20, ...repeat(100, 1)],
  Array.from({ length: 80 }, (_, i) => (i % 2 === 0 ? Number.MIN_VALUE : Number.MAX_VALUE)),
  Array.from({ length: 40 }, (_, i) => ((i % 9) + 1) * Number.MIN_VALUE),
];

/** What a client is shown of a symbol. */
interface Shown {
  readonly price: number;
  readonly average: number;
  readonly count: number;
  readonly min: number;
  readonly max: number;
}

interface ShownAnomaly {
  readonly sequence: number;
  readonly direction: number;
  readonly reference: number;
  readonly price: number;
  readonly changePercent: number;
}

/** What is to be shown of all symbols. */
class Expectation {
  readonly results;

  constructor(ticks: readonly MarketTick[]) {
    this.results = expectedMarket(ticks);
  }

  statistics(where: string, symbol: string, shown: Shown): void {
    const expected = this.results.get(symbol)?.after.at(-1);
    if (expected === undefined) expect.unreachable(`${where}: ${symbol}`);
    const { average, time: _time, ...exact } = expected;
    expect(shown, `${where}: ${symbol}`).toMatchObject(exact);
    expectClose(`${where}: average of ${symbol}`, shown.average, average);
  }

  anomalies(where: string, symbol: string, shown: readonly ShownAnomaly[]): void {
    const expected = this.results.get(symbol)?.anomalies ?? [];
    expect(shown.length, `${where}: anomalies of ${symbol}`).toBe(expected.length);
    for (const [i, { changePercent, time: _time, ...exact }] of expected.entries()) {
      const one = shown[i] as ShownAnomaly;
      expect(one, `${where}: ${symbol}`).toMatchObject(exact);
      expectClose(`${where}: change of ${symbol}`, one.changePercent, changePercent);
    }
  }
}

function expectClose(what: string, shown: number, exact: number): void {
  // Also for one that is infinite, of another sign or no number.
  const isSame = shown > 0 === exact > 0;
  if (isSame && ulpsBetween(Math.abs(shown), Math.abs(exact)) <= ULPS) return;
  expect.unreachable(`${what} is ${shown}, exactly ${exact}`);
}

/** By sockets in both encodings, and by HTTP: each symbol by one of them. */
async function publish(port: number, ticks: readonly MarketTick[]): Promise<void> {
  const doors: MarketTick[][] = [[], [], []];
  for (const tick of ticks) doors[Number(tick.symbol.slice(1)) % 3]?.push(tick);
  const [messagePack, json, posted] = doors as [MarketTick[], MarketTick[], MarketTick[]];
  for (const [name, own] of [['a', messagePack] as const, ['b', json] as const]) {
    const publisher = await publisherForTest(port, name, { json: name === 'b' });
    await publisher.publishAll(own, 100);
    expect(publisher.of(Op.REJECT)).toEqual([]);
    publisher.close();
  }
  const prices = posted.map(({ symbol, price, time }) => ({ symbol, price, timestamp: time }));
  const response = await fetch(`http://127.0.0.1:${port}/api/prices`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(prices),
  });
  expect(await response.json()).toMatchObject({ accepted: posted.length });
}

async function checkSockets(port: number, expected: Expectation): Promise<void> {
  for (const json of [false, true]) {
    const where = json ? 'JSON' : 'MessagePack';
    const subscriber = await subscriberForTest(port, { json });
    await subscriber.subscribe(['*']);
    const verified = await subscriber.verify();
    expect(verified.ownDigest).toBe(verified.digest);
    for (const symbol of expected.results.keys()) {
      expected.statistics(where, symbol, subscriber.mirror.get(symbol) as Shown);
      expected.anomalies(where, symbol, await readHistory(subscriber, symbol));
    }
    subscriber.close();
  }
}

async function readHistory(
  subscriber: IndependentSubscriber,
  symbol: string,
): Promise<ShownAnomaly[]> {
  const read: ShownAnomaly[] = [];
  for (let more = true; more; ) {
    const page = await subscriber.history(symbol, read.at(-1)?.sequence ?? 0, PAGE);
    expect(page[0]).toBe(Op.HISTORY_PAGE);
    for (const tuple of page[3] as [number, number, number, number, number][]) {
      const [sequence, direction, reference, price, changePercent] = tuple;
      read.push({ sequence, direction, reference, price, changePercent });
    }
    more = page[4] as boolean;
  }
  return read;
}

type Field = 'currentPrice' | 'movingAverage' | 'updateCount' | 'minPrice' | 'maxPrice';
/** Numbers; in CSV, their texts. */
type Row = { readonly [field in Field]: number | string } & { readonly symbol: string };

function shownBy(row: Row): Shown {
  return {
    price: Number(row.currentPrice),
    average: Number(row.movingAverage),
    count: Number(row.updateCount),
    min: Number(row.minPrice),
    max: Number(row.maxPrice),
  };
}

async function checkHttp(port: number, expected: Expectation): Promise<void> {
  const get = async (path: string, accept = 'application/json') => {
    const url = `http://127.0.0.1:${port}${path}`;
    const text = await (await fetch(url, { headers: { accept } })).text();
    expect(text, path).not.toMatch(/NaN|Infinity|undefined/);
    return text;
  };
  const { items } = JSON.parse(await get('/api/prices?limit=100')) as { items: Row[] };
  expect(items).toHaveLength(expected.results.size);
  for (const row of items) expected.statistics('list', row.symbol, shownBy(row));
  for (const row of parseCsv(await get('/api/prices?limit=100', 'text/csv'))) {
    expected.statistics('CSV', row.symbol, shownBy(row));
  }
  for (const symbol of expected.results.keys()) {
    const row = JSON.parse(await get(`/api/prices/${symbol}`)) as Row;
    expected.statistics('single', symbol, shownBy(row));
    const read: ShownAnomaly[] = [];
    for (let next: number | null = 0; next !== null; ) {
      const path: string = `/api/prices/${symbol}/anomalies?after=${next}&limit=${PAGE}`;
      const page = JSON.parse(await get(path)) as { items: AnomalyRow[]; next: number | null };
      read.push(...page.items.map(anomalyBy));
      await get(path, 'text/csv');
      next = page.next;
    }
    expected.anomalies('HTTP', symbol, read);
  }
  await get('/api/anomalies?limit=1000');
  await get('/api/statistics');
  await get('/metrics');
}

interface AnomalyRow {
  readonly sequence: number;
  readonly direction: 'Up' | 'Down';
  readonly referencePrice: number;
  readonly newPrice: number;
  readonly changePercent: number;
}

function anomalyBy(row: AnomalyRow): ShownAnomaly {
  const { sequence, changePercent, referencePrice: reference, newPrice: price } = row;
  return { sequence, direction: row.direction === 'Up' ? 1 : -1, reference, price, changePercent };
}

/** None of these fields is quoted. */
function parseCsv(text: string): Row[] {
  const [header = '', ...lines] = text.trim().split('\r\n');
  const columns = header.split(',');
  return lines.map((line) => {
    const fields = line.split(',');
    return Object.fromEntries(columns.map((column, i) => [column, fields[i]])) as unknown as Row;
  });
}

async function check(server: TestServer, ticks: readonly MarketTick[]): Promise<void> {
  const expected = new Expectation(ticks);
  await checkSockets(server.port, expected);
  await checkHttp(server.port, expected);
  const metrics = await (await fetch(`http://127.0.0.1:${server.port}/metrics`)).text();
  expect(metrics).toContain('\ntickwire_snapshot_symbols_set_aside 0\n');
}

it('shows every price as it is, over restarts', async () => {
  const wild = fc.array(wildPrices, { minLength: 1, maxLength: 120 });
  const stories = [
    ...STORIES,
    ...fc.sample(wild, { numRuns: 13, seed: fc.readConfigureGlobal()?.seed ?? 1 }),
  ];
  const ticks = stories.flatMap((prices, symbol) =>
    prices.map((price, i) => ({ symbol: `S${symbol}`, price, time: TIME + 40 * i })),
  );
  // Interleaved by time; the second half goes to windows that a snapshot restored.
  ticks.sort((a, b) => a.time - b.time);
  const half = ticks.filter(({ time }) => time < TIME + 40 * 30);
  const store = { directory: folderForTest() };
  let server = await startTestServer({ store });
  try {
    await publish(server.port, half);
    await settledTotals(server.port, half.length);
    await server.stop();
    server = await startTestServer({ store });
    await check(server, half);
    await publish(server.port, ticks.slice(half.length));
    await settledTotals(server.port, ticks.length - half.length);
    await check(server, ticks);
    await server.stop();
    server = await startTestServer({ store });
    await check(server, ticks);
  } finally {
    await server.stop();
  }
});
