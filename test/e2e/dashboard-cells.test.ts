import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { formatAge, formatPreciseClock } from '../../dashboard/src/page/format.ts';
import type { ServedSymbol } from '../../loadgen/soak/server-api.ts';
import { hasChromium, openBrowser } from '../../testkit/chromium.ts';
import { eventually } from '../../testkit/until.ts';
import { postPrices } from '../support/raw-http.ts';
import { serverForTest } from '../support/running-server.ts';
import { DashboardPage } from './dashboard-page.ts';

/** The faked part of `GET /api/statistics`. */
type Statistics = Readonly<Record<string, unknown>>;

async function get<Body>(port: number, path: string): Promise<Body> {
  return (await (await fetch(`http://127.0.0.1:${port}${path}`)).json()) as Body;
}

/** A page served these statistics in turn; the last ones stay. */
async function pageWith(
  browser: Browser,
  port: number,
  answers: readonly Statistics[],
): Promise<DashboardPage> {
  const real = await get<Statistics>(port, '/api/statistics');
  let asked = 0;
  const prepare = async (page: Page) => {
    await page.route('**/api/statistics', async (route) => {
      const answer = answers[asked++];
      // Unanswered requests leave the page as it is.
      if (answer !== undefined) await route.fulfill({ json: { ...real, ...answer } });
    });
  };
  return DashboardPage.open(browser, port, { prepare });
}

/** Distinct totals with distinct growth in ten seconds. */
function totals(isLater: boolean): Statistics {
  const grown = (later: number, growth: number) => (isLater ? later : later - growth);
  const partition = { queueCapacity: 100 };
  return {
    version: '7.8.9',
    uptimeSeconds: isLater ? 55 : 45,
    totalProcessed: grown(1041, 610),
    totalRejected: 42,
    totalDropped: 43,
    totalLate: 44,
    anomaliesDetected: 45,
    symbols: 46,
    sessions: { publishers: 47, subscribers: 48, subscriptions: 49, slow: 50 },
    sent: { entries: grown(5000, 620), bytes: grown(70_000, 6300) },
    latencyMs: { p50: 0.51, p90: 1.52, p99: 2.53, p999: 3.54 },
    rules: {
      movingAverageWindow: 77,
      anomalyThresholdPercent: 3,
      slidingWindowMilliseconds: 900,
    },
    partitions: [
      {
        ...partition,
        partition: 0,
        processed: grown(2000, 640),
        queueDepth: 65,
        p99LatencyMs: 0.66,
        restarts: 1,
      },
      {
        ...partition,
        partition: 1,
        processed: grown(3000, 670),
        queueDepth: 88,
        p99LatencyMs: 6.9,
        restarts: 56,
      },
    ],
  };
}

/** The expected tiles. */
const TILES: Readonly<Record<string, string>> = {
  'ticks-rate': '61',
  processed: '1,041',
  'deliveries-rate': '62',
  bandwidth: '630 B/s',
  p50: '0.51',
  p90: '1.52',
  p99: '2.53',
  p999: '3.54',
  subscribers: '48',
  publishers: '47',
  subscriptions: '49',
  slow: '50',
  dropped: '43',
  rejected: '42',
  late: '44',
  restarts: '57',
  symbols: '46',
  anomalies: '45',
  uptime: '55 s',
};

/** Element texts by attribute. */
function texts(page: Page, selector: string, attribute: string): Promise<Record<string, string>> {
  return page.evaluate(
    ([wanted, name]) =>
      Object.fromEntries(
        [...document.querySelectorAll<HTMLElement>(wanted)].map((element) => [
          element.getAttribute(name) ?? '',
          element.innerText.trim(),
        ]),
      ),
    [selector, attribute] as const,
  );
}

const HOUR_MS = 3_600_000;
/** Prices and age of each symbol: no two columns sort alike. */
const PRICES: Readonly<Record<string, readonly [ageMs: number, ...prices: number[]]>> = {
  AX: [3 * HOUR_MS, 30, 34, 12],
  BX: [9 * HOUR_MS, 25, 26, 27, 21, 29],
  CX: [6 * HOUR_MS, 11, 45, 44, 41, 42, 40],
  DX: [2 * HOUR_MS, 17, 18, 19, 16],
  EX: [7 * HOUR_MS, 36],
};

async function fillTable(port: number, now: number): Promise<readonly ServedSymbol[]> {
  for (const [symbol, [ageMs, ...prices]] of Object.entries(PRICES)) {
    for (const price of prices) {
      const response = await postPrices(port, {
        symbol,
        price,
        timestamp: new Date(now - ageMs).toISOString(),
      });
      expect(response.status).toBe(202);
    }
  }
  const { items } = await eventually(
    () => get<{ items: readonly ServedSymbol[] }>(port, '/api/prices'),
    (page) =>
      page.items.length === 5 &&
      page.items.every(
        ({ symbol, updateCount }) => updateCount === (PRICES[symbol]?.length ?? 0) - 1,
      ),
  );
  return items;
}

/** Sort keys by column. */
const COLUMNS: Readonly<Record<string, (row: ServedSymbol) => number | string>> = {
  symbol: ({ symbol }) => symbol,
  trend: ({ currentPrice, movingAverage }) => currentPrice / movingAverage,
  price: ({ currentPrice }) => currentPrice,
  average: ({ movingAverage }) => movingAverage,
  min: ({ minPrice }) => minPrice,
  max: ({ maxPrice }) => maxPrice,
  count: ({ updateCount }) => updateCount,
  age: ({ lastUpdateTime }) => -Date.parse(lastUpdateTime),
};

function ordered(items: readonly ServedSymbol[], column: string): string[] {
  const rank = COLUMNS[column] as (row: ServedSymbol) => number | string;
  return items.toSorted((a, b) => (rank(a) < rank(b) ? -1 : 1)).map(({ symbol }) => symbol);
}

describe.skipIf(!hasChromium && !process.env.CI)('every cell', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser.close());

  test('of the server and its partitions shows its own number', async () => {
    const { port } = await serverForTest();
    const html = await (await fetch(`http://127.0.0.1:${port}/`)).text();
    const tiles = /<section class="server"[\s\S]*?<\/section>/.exec(html)?.[0] ?? '';
    const parts = [...tiles.matchAll(/data-part="([\w-]+)">–</g)].map(([, name]) => name);
    // Every cell has a row in the table.
    expect(new Set(parts)).toEqual(new Set(Object.keys(TILES)));

    const { page } = await pageWith(browser, port, [totals(false), totals(true)]);
    const shown = () => texts(page, '#server [data-part]', 'data-part');
    await eventually(shown, (tile) => tile['ticks-rate'] === '61');
    expect(await shown()).toMatchObject(TILES);
    const partitions = await page.evaluate(() =>
      [...document.querySelectorAll<HTMLElement>('[data-part="partition-rows"] tr')].map((row) => ({
        title: row.title,
        cells: [...row.querySelectorAll('td')].map((cell) => cell.innerText.trim()),
        queue: row.querySelector<HTMLElement>('.queue')?.title,
        isFull: row.querySelector('[data-full]') !== null,
      })),
    );
    expect(partitions).toEqual([
      {
        title: 'The worker was replaced 1 times',
        cells: ['0', '65', '64', '0.66 ms'],
        queue: '65 of 100 places taken',
        isFull: false,
      },
      {
        title: 'The worker was replaced 56 times',
        cells: ['1', '88', '67', '6.90 ms'],
        queue: '88 of 100 places taken',
        isFull: true,
      },
    ]);
    const facts = await texts(page, '#partitions [data-fact]', 'data-fact');
    const { epoch } = await get<{ epoch: string }>(port, '/api/statistics');
    expect(facts).toEqual({
      Updates: expect.stringMatching(/^[\d.]+ \/s$/),
      Received: expect.stringMatching(/^[\d.]+ (B|kB)\/s$/),
      Reconnects: '0',
      'Average of': '77 ticks',
      Epoch: epoch,
    });
    expect(await texts(page, '[data-part="version"], [data-part="rule"]', 'data-part')).toEqual({
      version: 'Version 7.8.9',
      rule: 'beyond ±3 % within 900 ms',
    });
  });

  test('of the table and the figures beside the chart shows its own number', async () => {
    const now = Date.now();
    const { port } = await serverForTest();
    const items = await fillTable(port, now);
    const dashboard = await DashboardPage.open(browser, port);
    await dashboard.untilSymbols(Object.keys(PRICES));
    const rows = await dashboard.rows();
    expect(
      rows.map(({ symbol, price, min, max, count, age }) => [symbol, price, min, max, count, age]),
    ).toEqual([
      ['AX', '12.0000', '12.0000', '34.0000', '3', '3 h'],
      ['BX', '29.0000', '21.0000', '29.0000', '5', '9 h'],
      ['CX', '40.0000', '11.0000', '45.0000', '6', '6 h'],
      ['DX', '16.0000', '16.0000', '19.0000', '4', '2 h'],
      ['EX', '36.0000', '36.0000', '36.0000', '1', '7 h'],
    ]);
    expect(rows.map(({ average }) => Number(average))).toEqual(
      items.map(({ movingAverage }) => Number(movingAverage.toFixed(4))),
    );
    await dashboard.page.locator('#symbols td', { hasText: 'BX' }).click();
    await dashboard.untilText('[data-part="title"]', 'BX');
    const figures = () => texts(dashboard.page, '#chart [data-fact]', 'data-fact');
    const time = now - 9 * HOUR_MS;
    expect(await eventually(figures, (facts) => facts['Ticks/s'] === '0')).toEqual({
      Average: '25.6000',
      Min: '21.0000',
      Max: '29.0000',
      Ticks: '5',
      'Ticks/s': '0',
      'Last tick': formatPreciseClock(time),
      Age: formatAge(Date.now() - time),
    });
    expect(await dashboard.text('[data-part="price"]')).toBe('29.0000');
  });

  test('every heading sorts by its own column, in both directions', async () => {
    const { port } = await serverForTest();
    const items = await fillTable(port, Date.now());
    const dashboard = await DashboardPage.open(browser, port);
    await dashboard.untilSymbols(Object.keys(PRICES));
    const headings = dashboard.page.locator('th[data-column]');
    const columns = await headings.evaluateAll((all) =>
      all.map((heading) => (heading as HTMLElement).dataset.column ?? ''),
    );
    expect(columns).toEqual(Object.keys(COLUMNS));
    // Detects a column that sorts by another.
    const orders = columns.map((column) => ordered(items, column).join());
    const reversed = columns.map((column) => ordered(items, column).reverse().join());
    expect(new Set([...orders, ...reversed]).size).toBe(2 * columns.length);
    for (const column of columns.toReversed()) {
      const heading = dashboard.page.locator(`th[data-column="${column}"]`);
      for (const _ of ['there', 'back']) {
        await heading.locator('button').click();
        const isRising = (await heading.getAttribute('aria-sort')) === 'ascending';
        const expected = ordered(items, column);
        await dashboard.untilSymbols(isRising ? expected : expected.reverse());
      }
    }
  });

  test.each(['dropped', 'rejected', 'restarts', 'slow', 'late'])(
    'only what was lost is marked: %s',
    async (grown) => {
      const { port } = await serverForTest();
      const before = { ...totals(false), sessions: { slow: 0 } } as Record<string, unknown>;
      const after: Record<string, unknown> = { ...before, uptimeSeconds: 46 };
      const [first, second] = before.partitions as Record<string, number>[];
      if (grown === 'restarts') after.partitions = [first, { ...second, restarts: 58 }];
      else if (grown === 'slow') after.sessions = { slow: 1 };
      else after[`total${grown.charAt(0).toUpperCase()}${grown.slice(1)}`] = 99;
      const { page } = await pageWith(browser, port, [before, after]);
      const shown = () => texts(page, '#server [data-part]', 'data-part');
      const expected = { restarts: '59', slow: '1' }[grown] ?? '99';
      await eventually(shown, (tiles) => tiles[grown] === expected);
      const marked = await page.evaluate(() =>
        [...document.querySelectorAll('#server [data-alert]')].map((element) =>
          element.getAttribute('data-part'),
        ),
      );
      expect(marked).toEqual(grown === 'late' ? [] : [`${grown}-fact`]);
    },
  );
});
