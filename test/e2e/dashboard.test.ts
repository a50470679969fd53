import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import {
  formatAlignedPrice,
  formatPrice,
  formatShortCount,
  priceDecimals,
} from '../../dashboard/src/page/format.ts';
import type { ServedSymbol } from '../../loadgen/soak/server-api.ts';
import { hasChromium, openBrowser } from '../../testkit/chromium.ts';
import { TcpProxy } from '../../testkit/tcp-proxy.ts';
import { eventually } from '../../testkit/until.ts';
import { folderForTest } from '../support/folders.ts';
import { postPrices } from '../support/raw-http.ts';
import { serverForTest, serverProcessForTest } from '../support/running-server.ts';
import { DashboardPage } from './dashboard-page.ts';

const POSTED_MAX = 1000;

async function post(port: number, prices: readonly (readonly [symbol: string, price: number])[]) {
  for (let start = 0; start < prices.length; start += POSTED_MAX) {
    const page = prices.slice(start, start + POSTED_MAX);
    const response = await postPrices(
      port,
      page.map(([symbol, price]) => ({ symbol, price })),
    );
    expect(await response.json()).toEqual({ accepted: page.length, rejected: [] });
  }
}

async function get<Body>(port: number, path: string): Promise<Body> {
  return (await (await fetch(`http://127.0.0.1:${port}${path}`)).json()) as Body;
}

async function subscriptions(port: number): Promise<number> {
  const { sessions } = await get<{ sessions: { subscriptions: number } }>(port, '/api/statistics');
  return sessions.subscriptions;
}

/** Expected cells of a symbol. */
function shown(statistics: ServedSymbol): Record<string, string> {
  const decimals = priceDecimals(statistics.maxPrice);
  return {
    symbol: statistics.symbol,
    price: formatAlignedPrice(statistics.currentPrice, decimals),
    average: formatAlignedPrice(statistics.movingAverage, decimals),
    min: formatAlignedPrice(statistics.minPrice, decimals),
    max: formatAlignedPrice(statistics.maxPrice, decimals),
    count: formatShortCount(statistics.updateCount),
  };
}

function market(size: number): [symbol: string, price: number][] {
  return Array.from({ length: size }, (_, i) => [`S-${String(i).padStart(5, '0')}`, 100 + i]);
}

describe.skipIf(!hasChromium && !process.env.CI)('the dashboard', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser.close());

  test('says how to publish while there is nothing, then shows what was published', async () => {
    const { port } = await serverForTest();
    const dashboard = await DashboardPage.open(browser, port);
    await dashboard.untilLive();
    await dashboard.untilText('[data-part="empty-title"]', 'No symbols yet');
    const command = await dashboard.text('[data-part="empty-command"]');
    expect(command).toContain(`curl -X POST http://127.0.0.1:${port}/api/prices`);
    await post(port, [['BTC-USD', 64250.5]]);
    await dashboard.untilSymbols(['BTC-USD']);
    expect(await dashboard.page.isVisible('[data-part="empty"]')).toBe(false);
    // Nothing is selected: the chart shows the most active symbol.
    await dashboard.untilText('[data-part="title"]', 'BTC-USD');
    await dashboard.untilText('[data-part="price"]', '64,250.50');
  });

  test('works in the locale C, whose name Intl does not take', async () => {
    const { port } = await serverForTest();
    const posix = await openBrowser('C');
    onTestFinished(() => posix.close());
    const dashboard = await DashboardPage.open(posix, port);
    await post(port, [['PEPE-USD', 0.00000712]]);
    await dashboard.untilLive();
    const [row] = await dashboard.untilSymbols(['PEPE-USD']);
    expect(row?.price).toBe('0.00000712000');
    await dashboard.untilText('[data-part="price"]', '0.00000712000');
  });

  test('shows live the numbers that the HTTP API tells', async () => {
    const { port } = await serverForTest();
    const symbols = ['ADA-USD', 'BTC-USD', 'ETH-USD', 'XRP-USD'];
    await post(
      port,
      symbols.map((symbol, i) => [symbol, 10 ** i * 1.2345]),
    );
    const dashboard = await DashboardPage.open(browser, port);
    await dashboard.untilSymbols(symbols);
    await eventually(
      () => subscriptions(port),
      (count) => count >= symbols.length + 1,
    );
    for (let round = 1; round <= 20; round++) {
      await post(
        port,
        symbols.map((symbol, i) => [symbol, 10 ** i * (1.2345 + 0.0007 * round)]),
      );
    }
    await dashboard.untilRows((rows) => rows.every(({ count }) => count === '21'));
    const { items } = await get<{ items: ServedSymbol[] }>(port, '/api/prices');
    expect(await dashboard.rows()).toMatchObject(items.map(shown));
    await dashboard.untilText('[data-part="processed"]', '84');
    await dashboard.untilText('[data-part="symbols"]', '4');
    // The server's digest of the four agrees.
    await dashboard.untilText('[data-part="sync"]', /^In sync, 4 symbols, checked /);
  });

  test('of 10 000 symbols only those in sight exist, and are subscribed', async () => {
    const { port } = await serverForTest({ processing: { maxSymbols: 16_384 } });
    const prices = market(10_000);
    await post(port, prices);
    const dashboard = await DashboardPage.open(browser, port);
    await dashboard.untilText('[data-part="count"]', '10,000');
    const grid = dashboard.page.locator('#symbols');
    expect(await grid.getAttribute('aria-rowcount')).toBe('10001');
    for (const row of [9_999, 5_000, 137]) {
      await grid.evaluate((element, top) => {
        element.scrollTop = top;
      }, row * 29);
      const symbol = `S-${String(row).padStart(5, '0')}`;
      const rows = await dashboard.untilRows((all) => all.some((each) => each.symbol === symbol));
      expect(rows.length).toBeLessThan(45);
      // Live: a new price appears at once.
      await eventually(
        () => subscriptions(port),
        (count) => count > 20 && count <= rows.length + 2,
      );
      await post(port, [[symbol, 7]]);
      await dashboard.untilRows((all) =>
        all.some((each) => each.symbol === symbol && each.min?.startsWith('7.0')),
      );
    }
  });

  test('sorts by click and by keyboard, and says so', async () => {
    const { port } = await serverForTest();
    await post(port, [
      ['B', 30],
      ['A', 20],
      ['C', 10],
      ['A', 20.1],
    ]);
    const dashboard = await DashboardPage.open(browser, port);
    await dashboard.untilSymbols(['A', 'B', 'C']);
    const heading = (column: string) => dashboard.page.locator(`th[data-column="${column}"]`);
    expect(await heading('symbol').getAttribute('aria-sort')).toBe('ascending');
    await heading('price').locator('button').click();
    await dashboard.untilSymbols(['B', 'A', 'C']);
    expect(await heading('price').getAttribute('aria-sort')).toBe('descending');
    expect(await heading('symbol').getAttribute('aria-sort')).toBeNull();
    await heading('price').locator('button').press('Enter');
    await dashboard.untilSymbols(['C', 'A', 'B']);
    for (const column of ['average', 'min', 'max', 'age', 'trend']) {
      await heading(column).locator('button').press(' ');
      expect(await heading(column).getAttribute('aria-sort')).not.toBeNull();
    }
    await heading('count').locator('button').click();
    await dashboard.untilSymbols(['A', 'B', 'C']);
  });

  test('filters as one types; the slash key leads there, Escape back', async () => {
    const { port } = await serverForTest();
    await post(port, market(200));
    const dashboard = await DashboardPage.open(browser, port);
    await dashboard.untilText('[data-part="count"]', '200');
    await dashboard.page.keyboard.press('/');
    await dashboard.page.keyboard.type('s-0019');
    const found = Array.from({ length: 10 }, (_, i) => `S-0019${i}`);
    await dashboard.untilSymbols(found);
    expect(await dashboard.text('[data-part="count"]')).toBe('10 of 200');
    await dashboard.page.keyboard.type('nothing');
    await dashboard.untilText('[data-part="empty-title"]', /^No symbol contains .s-0019nothing.$/);
    await dashboard.page.keyboard.press('Escape');
    await dashboard.untilText('[data-part="count"]', '200');
    expect(await dashboard.page.evaluate(() => document.activeElement?.id)).toBe('symbols');
  });

  test('keys move through the table, and Enter selects for the chart', async () => {
    const { port } = await serverForTest();
    await post(port, market(300));
    const dashboard = await DashboardPage.open(browser, port);
    await dashboard.untilText('[data-part="count"]', '300');
    const { keyboard } = dashboard.page;
    const untilCursor = (symbol: string) =>
      eventually(
        () => dashboard.cursor(),
        (cursor) => cursor === symbol,
      );
    await dashboard.page.locator('#symbols').focus();
    await keyboard.press('ArrowDown');
    await keyboard.press('ArrowDown');
    await untilCursor('S-00001');
    await keyboard.press('End');
    await untilCursor('S-00299');
    await keyboard.press('ArrowUp');
    await untilCursor('S-00298');
    await keyboard.press('Enter');
    await dashboard.untilText('[data-part="title"]', 'S-00298');
    await dashboard.untilText('[data-part="price"]', '398.000');
    await keyboard.press('Home');
    await untilCursor('S-00000');
    await keyboard.press('PageDown');
    await eventually(
      () => dashboard.cursor(),
      (cursor) => Number(cursor.slice(2)) > 10,
    );
    // The selection differs from the cursor.
    const selected = dashboard.page.locator('#symbols tr[aria-selected="true"]');
    await keyboard.press('End');
    await eventually(
      () => selected.count(),
      (count) => count === 1,
    );
    expect(await selected.locator('[data-column="symbol"]').textContent()).toBe('S-00298');
  });

  test('an anomaly appears in the feed, and selects its symbol', async () => {
    const { port } = await serverForTest();
    await post(port, [
      ['OLD', 50],
      ['OLD', 60],
      ['OTHER', 1],
    ]);
    const dashboard = await DashboardPage.open(browser, port);
    await dashboard.untilText('.feed-list li:first-child', /OLD\s+\+20\.00 %\s+50\.00\S* → 60\.00/);
    await post(port, [
      ['CRASH', 100],
      ['CRASH', 95],
      ['CRASH', 94],
    ]);
    const first = '.feed-list li:first-child';
    await dashboard.untilText(first, /CRASH\s+−6\.00 %\s+×2\s+100\.00 → 94\.000/);
    const arrow = dashboard.page.locator(`${first} .arrow`);
    expect(await arrow.getAttribute('aria-label')).toBe('down');
    await dashboard.untilText('[data-part="announcement"]', /CRASH −\d\.00 %/);
    await dashboard.page.locator(`${first} button`).press('Enter');
    await dashboard.untilText('[data-part="title"]', 'CRASH');
    // The symbol's list comes from the server's memory: it predates the selection.
    await dashboard.untilText('[data-part="anomaly-count"]', '2');
    await dashboard.untilText('[data-part="past"]', /−6\.00 %\s+×2/);
    expect(await dashboard.text('[data-part="rule"]')).toBe('beyond ±2 % within 1000 ms');
  });

  test('the chart draws, and reads out what is under the cursor', async () => {
    const { port } = await serverForTest();
    await post(port, [['X', 100]]);
    const dashboard = await DashboardPage.open(browser, port);
    await dashboard.untilText('[data-part="title"]', 'X');
    for (const price of [100.5, 101, 104]) {
      await post(port, [['X', price]]);
      await dashboard.untilText('[data-part="price"]', formatPrice(price));
    }
    const box = await dashboard.page.locator('.plot .u-over').boundingBox();
    if (box === null) throw new Error('the chart is not there');
    await dashboard.page.mouse.move(box.x + box.width - 2, box.y + box.height / 2);
    await dashboard.untilText(
      '.readout',
      /Price 104\.000\s+Average 101\.375\s+Threshold \S+ … \S+/,
    );
    await dashboard.page.locator('input[value="5"]').check({ force: true });
    await dashboard.page.locator('input[value="price"]').check({ force: true });
    await dashboard.untilText('[data-part="change"]', '+4.00 % since selected');
  });

  test("the chart starts with the journal's past, as far back as its range", async () => {
    const { port } = await serverForTest({ store: { directory: folderForTest() } });
    const now = Date.now();
    const past = [50, 40, 30, 20, 10].map((minutes) => ({
      symbol: 'X',
      price: 100 + minutes,
      timestamp: new Date(now - minutes * 60_000).toISOString(),
    }));
    const response = await postPrices(port, past);
    expect(await response.json()).toEqual({ accepted: past.length, rejected: [] });
    const dashboard = await DashboardPage.open(browser, port);
    await dashboard.untilText('[data-part="title"]', 'X');
    await dashboard.untilText('[data-part="price"]', formatPrice(110));
    const box = await dashboard.page.locator('.plot .u-over').boundingBox();
    if (box === null) throw new Error('the chart is not there');
    const readAt = async (share: number, text: RegExp) => {
      await dashboard.page.mouse.move(box.x + box.width * share, box.y + box.height / 2);
      await dashboard.untilText('.readout', text);
    };
    await dashboard.page.locator('input[value="60"]').check({ force: true });
    await readAt(0, /Price 150\.000$/);
    await readAt(0.4, /Price 130\.000$/);
    await dashboard.page.locator('input[value="Infinity"]').check({ force: true });
    await readAt(0.01, /Price 150\.000$/);
  });

  test('survives a restart of the server: nothing of the old one stays', async () => {
    const server = await serverProcessForTest();
    const { port } = server;
    await post(port, [
      ['KEPT', 10],
      ['GONE', 10],
      ['GONE', 11],
    ]);
    const dashboard = await DashboardPage.open(browser, port, { isServerStopped: true });
    await dashboard.untilSymbols(['GONE', 'KEPT']);
    await dashboard.untilText('.feed-list li:first-child', /GONE/);
    await dashboard.untilLive();
    const epoch = await dashboard.text('[data-fact="Epoch"]');
    await server.end();
    await dashboard.untilText('[data-part="state"]', /^Reconnecting/);
    await dashboard.untilText('[data-part="stale"]', /^No statistics since \d\d:\d\d:\d\d/);
    expect(await dashboard.page.getAttribute('#market', 'data-stale')).not.toBeNull();
    expect(await dashboard.page.getAttribute('#server', 'data-stale')).not.toBeNull();

    await serverForTest({ server: { port } });
    await post(port, [['KEPT', 20]]);
    await dashboard.untilLive();
    const [row] = await dashboard.untilSymbols(['KEPT']);
    expect(row).toMatchObject({ price: '20.0000', min: '20.0000', count: '1' });
    await dashboard.untilText('.feed-list', '');
    await dashboard.untilHidden('[data-part="stale"]');
    expect(await dashboard.page.getAttribute('#market', 'data-stale')).toBeNull();
    expect(await dashboard.text('[data-fact="Epoch"]')).not.toBe(epoch);
    await post(port, [['KEPT', 20.1]]);
    await dashboard.untilRows(([first]) => first?.price === '20.1000' && first.count === '2');
    await dashboard.untilText('[data-part="sync"]', /^In sync, 1 symbols/);
  });

  test('says when data comes late', async () => {
    const { port } = await serverForTest();
    await post(port, [['X', 100]]);
    const link = { bytesPerSecond: 100_000_000, delayMs: 0, bufferBytes: 65_536 };
    const proxy = await TcpProxy.start(port, link);
    onTestFinished(() => proxy.close());
    const dashboard = await DashboardPage.open(browser, proxy.port);
    await dashboard.untilText('[data-part="state-text"]', 'Live');
    link.delayMs = 2000;
    await dashboard.untilText('[data-part="state-text"]', /^Late by \d+\.\d s$/);
    link.delayMs = 0;
    await dashboard.untilText('[data-part="state-text"]', 'Live');
  });

  test('symbols are text, whatever they contain', async () => {
    const { port } = await serverForTest();
    const hostile = [
      '"><script>alert(1)</script>',
      '../../etc',
      '..',
      '<img src=x onerror=alert(1)>',
      'a/b?c#d%2e&amp;',
      'javascript:alert(1)',
      '{{7+7}}',
      '\u202Egnp.exe',
      '🚀🚀',
    ].sort();
    await post(
      port,
      hostile.flatMap((symbol) => [[symbol, 100] as const, [symbol, 103] as const]),
    );
    const dashboard = await DashboardPage.open(browser, port);
    await dashboard.untilSymbols(hostile);
    for (const [index, symbol] of hostile.entries()) {
      await dashboard.page.locator(`#symbols tr[aria-rowindex="${index + 2}"]`).click();
      await eventually(
        () => dashboard.page.locator('[data-part="title"]').textContent(),
        (title) => title === symbol,
      );
      await post(port, [[symbol, 104]]);
      await dashboard.untilText('[data-part="price"]', '104.000');
    }
    const feed = await dashboard.page.locator('.anomaly-symbol').allTextContents();
    expect(new Set(feed)).toEqual(new Set(hostile));
    const isolated = 'main img, main script, main a, [onerror]';
    expect(await dashboard.page.locator(isolated).count()).toBe(0);
  });

  test('fits a phone: nothing is wider than the screen', async () => {
    const { port } = await serverForTest();
    await post(port, [
      ['WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW', 1.7e308],
      ['BTC-USD', 64250.5],
      ['BTC-USD', 74250.5],
    ]);
    const viewport = { width: 360, height: 740 };
    const dashboard = await DashboardPage.open(browser, port, { viewport, hasTouch: true });
    await dashboard.untilRows((rows) => rows.length === 2);
    await dashboard.untilText('.feed-list li:first-child', /BTC-USD/);
    const widths = await dashboard.page.evaluate(() => {
      const grid = document.querySelector('#symbols') as HTMLElement;
      return [document.documentElement.scrollWidth, grid.scrollWidth - grid.clientWidth];
    });
    expect(widths).toEqual([360, 0]);
    const columns = dashboard.page.locator('th[data-column]:visible');
    expect(await columns.count()).toBe(4);
    expect(await dashboard.page.locator('#chart canvas').isVisible()).toBe(true);
  });

  test.each([1366, 1400, 1920])('at %d px anomalies show their symbols whole', async (width) => {
    const { port } = await serverForTest();
    await post(port, [
      ['BINANCE:ETH-USDT', 64_250],
      ['BINANCE:ETH-USDT', 74_250],
    ]);
    const dashboard = await DashboardPage.open(browser, port, { viewport: { width, height: 900 } });
    await dashboard.untilText('.feed-list li:first-child', /BINANCE:ETH-USDT/);
    const cut = await dashboard.page.evaluate(() => {
      const parts = document.querySelectorAll('.anomaly > span, .partition-scroll, #symbols');
      return [...parts]
        .filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth)
        .map(
          ({ className, scrollWidth, clientWidth }) => `${className} ${scrollWidth} ${clientWidth}`,
        );
    });
    expect(cut).toEqual([]);
  });

  test('light, dark, and as the system has it; the choice is remembered', async () => {
    const { port } = await serverForTest();
    const dashboard = await DashboardPage.open(browser, port, { colorScheme: 'dark' });
    const background = () =>
      dashboard.page.evaluate(
        () => getComputedStyle(document.querySelector('#header') as Element).backgroundColor,
      );
    const theme = dashboard.page.locator('[data-part="theme"]');
    const DARK = 'rgb(18, 22, 29)';
    const LIGHT = 'rgb(255, 255, 255)';
    expect(await background()).toBe(DARK);
    await theme.selectOption('light');
    expect(await background()).toBe(LIGHT);
    await dashboard.page.reload();
    expect(await background()).toBe(LIGHT);
    await theme.selectOption('system');
    expect(await background()).toBe(DARK);
    await dashboard.page.emulateMedia({ colorScheme: 'light' });
    expect(await background()).toBe(LIGHT);
    await theme.selectOption('dark');
    expect(await background()).toBe(DARK);
  });

  test('losses are marked when they grow', async () => {
    const { port } = await serverForTest();
    const dashboard = await DashboardPage.open(browser, port);
    await dashboard.untilText('[data-part="rejected"]', '0');
    const fact = dashboard.page.locator('[data-part="rejected-fact"]');
    expect(await fact.getAttribute('data-alert')).toBeNull();
    await postPrices(port, [{ symbol: 'A', price: -1 }]);
    await dashboard.untilText('[data-part="rejected"]', '1');
    expect(await fact.getAttribute('data-alert')).not.toBeNull();
  });
});
