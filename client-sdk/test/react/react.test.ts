import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { ConfigFolder } from '../../../test/support/folders.ts';
import { HttpClient } from '../../../test/support/http-client.ts';
import { startTestServer, type TestServer } from '../../../test/support/running-server.ts';
import { openBrowser } from '../../../testkit/chromium.ts';
import { eventually } from '../../../testkit/until.ts';
import type { SymbolSnapshot } from '../../src/react.ts';
import type { ReactPage, Scene } from './react-page.ts';

/** These pages are not of the server's origin. */
const ANY_PAGE = { allowedOrigins: '*' };

/** One rule, for symbols that no other test has. */
const RULES = {
  rules: [
    {
      name: 'jump',
      kind: 'gap',
      symbols: ['AL-*'],
      warning: '5%',
      episode: { holdMs: 600_000 },
    },
  ],
};

let browser: Browser;
let pages: Server;
let server: TestServer;
let http: HttpClient;
const folder = new ConfigFolder();
/** Complaints of any page. */
const complaints: string[] = [];

beforeAll(async () => {
  folder.write('rules.json', RULES);
  const [started, opened, script] = await Promise.all([
    startTestServer({ server: ANY_PAGE, rules: { file: join(folder.path, 'rules.json') } }),
    openBrowser(),
    bundle(),
  ]);
  server = started;
  browser = opened;
  http = await HttpClient.connect(server.port);
  pages = createServer(({ url }, response) => {
    const isScript = url === '/page.js';
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html; charset=utf-8');
    response.end(
      isScript ? script : '<!doctype html><div id="root"></div><script src="page.js"></script>',
    );
  });
  await new Promise<void>((resolve) => {
    pages.listen(0, '127.0.0.1', resolve);
  });
});

afterAll(async () => {
  await browser.close();
  pages.close();
  await server.stop();
  folder[Symbol.dispose]();
  expect(complaints).toEqual([]);
});

describe('a page of components', () => {
  test('shows the numbers of the HTTP API', async () => {
    await http.post([
      { symbol: 'NUM-A', price: 100, timestamp: 1_700_000_000_000.5 },
      { symbol: 'NUM-A', price: 101.25, timestamp: 1_700_000_000_100.5 },
      { symbol: 'NUM-B', price: 7 },
    ]);
    await http.settled();
    const page = await open({ quotes: ['NUM-A', 'NUM-B', 'NUM-A'] });
    expect(await quote(page, 'NUM-A', 2)).toMatchObject(await expected('NUM-A'));
    expect(await quote(page, 'NUM-B', 1)).toMatchObject(await expected('NUM-B'));
    await http.post({ symbol: 'NUM-A', price: 99.5 });
    const snapshot = await quote(page, 'NUM-A', 3);
    expect(snapshot).toMatchObject({ ...(await expected('NUM-A')), previousPrice: 101.25 });
    const texts = await page.locator('.quote.NUM-A').allTextContents();
    expect(texts).toEqual([JSON.stringify(snapshot), JSON.stringify(snapshot)]);
    expect(await page.locator('#state').textContent()).toBe('live live');
  });

  test('renders only what changed, once a change', async () => {
    const quotes = ['ONE', 'TWO'];
    await http.post([
      { symbol: 'ONE', price: 50 },
      { symbol: 'TWO', price: 50 },
    ]);
    const page = await open({ quotes, prices: quotes });
    for (const symbol of quotes) await quote(page, symbol, 1);
    const before = await counts(page);
    const prices = [50.5, 50.5, 50.4, 50.4, 50.6];
    for (const [i, price] of prices.entries()) {
      await http.post({ symbol: 'ONE', price });
      await quote(page, 'ONE', i + 2);
    }
    expect(since(before, await counts(page))).toEqual({
      'quote ONE': 5,
      // A new object is never equal by `Object.is`.
      'range ONE': 5,
      'price ONE': 3,
      'max ONE': 2,
    });
    expect(await page.locator('.range.ONE').textContent()).toBe('50 50.6');
  });

  test('touches only the components of a changed symbol', async () => {
    const symbols = Array.from({ length: 200 }, (_, i) => `MANY-${i}`);
    await http.post(symbols.map((symbol) => ({ symbol, price: 10 })));
    const page = await open({ prices: symbols }, { hasOwnSubscriber: true });
    await eventually(
      () => page.locator('.price').allTextContents(),
      (texts) => texts.length === 200 && texts.every((text) => text === '10'),
    );
    const { listeners } = await counts(page);
    expect(listeners).toMatchObject({ update: 1 });
    const before = await counts(page);
    await http.post({ symbol: 'MANY-7', price: 10.1 });
    await shown(page, '.price.MANY-7', '10.1');
    const after = await counts(page);
    expect(since(before, after)).toEqual({
      'price MANY-7': 1,
      'max MANY-7': 1,
      'range MANY-7': 1,
    });
    // Once for the change, and once because the render makes a new function.
    expect(since(before, after, 'selections')).toEqual({ 'MANY-7': 2 });
    // The other 199 symbols, with 597 components, were not touched.
    expect(Object.keys(since(before, after, 'reads'))).toEqual(['MANY-7']);
  });

  test('is subscribed to what it shows', async () => {
    const page = await open({ quotes: ['S-1', 'S-1', 'S-2'], prices: ['S-1'] });
    await subscriptions(2);
    await change(page, { quotes: ['S-1'] });
    await subscriptions(1);
    await change(page, { quotes: ['S-3'], anomalies: ['S-3', 'T-*'] });
    await subscriptions(2);
    await change(page, {});
    await subscriptions(0);
    await page.evaluate(() => (globalThis as unknown as InPage).page.unmount());
    await sessions(0);
    expect(await sockets(page)).toEqual({ opened: 1, open: 0 });
  });

  test('connects once under StrictMode', async () => {
    await http.post({ symbol: 'STRICT', price: 3, timestamp: 1000 });
    const page = await open({ quotes: ['STRICT'], anomalies: '*', isStrict: true });
    expect(await quote(page, 'STRICT', 1)).toMatchObject({ currentPrice: 3, isLive: true });
    await subscriptions(2);
    await http.post({ symbol: 'STRICT', price: 4, timestamp: 1001 });
    await quote(page, 'STRICT', 2);
    await shown(page, '#feed', 'STRICT 1 1');
    expect(await sockets(page)).toEqual({ opened: 1, open: 1 });
    await page.evaluate(() => (globalThis as unknown as InPage).page.unmount());
    await sessions(0);
    expect(await sockets(page)).toEqual({ opened: 1, open: 0 });
  });

  test('does not close a subscriber that it does not own', async () => {
    await http.post({ symbol: 'OWN', price: 5 });
    const page = await open({ quotes: ['OWN'] }, { hasOwnSubscriber: true });
    await quote(page, 'OWN', 1);
    await page.evaluate(() => (globalThis as unknown as InPage).page.unmount());
    await subscriptions(0);
    expect(await page.evaluate(() => (globalThis as unknown as InPage).page.ownState())).toBe(
      'live',
    );
    // Statistics that the subscriber has are there on the first render.
    await http.post({ symbol: 'KEPT', price: 6 });
    await page.evaluate(() => (globalThis as unknown as InPage).page.keep('KEPT'));
    await show(page, { quotes: ['KEPT'] });
    expect(await quote(page, 'KEPT', 1)).toMatchObject({ currentPrice: 6 });
    const { renders } = await counts(page);
    expect(renders).toMatchObject({ 'quote KEPT': 1 });
  });

  test('shows anomalies, newest first, up to the limit', async () => {
    const page = await open({ anomalies: ['AN-*', 'AX'], limit: 3 });
    await subscriptions(2);
    await http.post([
      { symbol: 'AN-1', price: 100, timestamp: 1000 },
      { symbol: 'AN-1', price: 110, timestamp: 1001 },
      { symbol: 'AX', price: 100, timestamp: 1002 },
      { symbol: 'AX', price: 90, timestamp: 1003 },
      { symbol: 'OTHER', price: 100, timestamp: 1004 },
      { symbol: 'OTHER', price: 200, timestamp: 1005 },
    ]);
    await shown(page, '#feed', 'AX 1 -1, AN-1 1 1');
    const before = await counts(page);
    await http.post([
      { symbol: 'AN-1', price: 120, timestamp: 1006 },
      { symbol: 'AN-1', price: 130, timestamp: 1007 },
    ]);
    await shown(page, '#feed', 'AN-1 3 1, AN-1 2 1, AX 1 -1');
    expect(since(before, await counts(page)).feed).toBeLessThanOrEqual(2);
    // A render for another reason gets the same array.
    const same = await page.evaluate(() => (globalThis as unknown as InPage).page.sameAnomalies);
    await change(page, { anomalies: ['AN-*', 'AX'], limit: 3, quotes: ['AX'] });
    await quote(page, 'AX', 2);
    const later = await page.evaluate(() => (globalThis as unknown as InPage).page.sameAnomalies);
    expect(later).toBe(same + 1);
  });

  test('shows alerts, newest first, up to the limit', async () => {
    // Recent, so that the clock ends no episode.
    const time = Date.now();
    const page = await open({ alerts: ['AL-1', 'AL-2'], limit: 3 });
    await subscriptions(2);
    await http.post([
      { symbol: 'AL-1', price: 100, timestamp: time },
      { symbol: 'AL-1', price: 110, timestamp: time + 1 },
      { symbol: 'AL-1', price: 100, timestamp: time + 2 },
      { symbol: 'AL-3', price: 100, timestamp: time + 3 },
      { symbol: 'AL-3', price: 110, timestamp: time + 4 },
      { symbol: 'AL-2', price: 100, timestamp: time + 5 },
      { symbol: 'AL-2', price: 110, timestamp: time + 6 },
    ]);
    await shown(page, '#alerts', 'AL-2 jump start, AL-1 jump end, AL-1 jump start');
    await http.post([{ symbol: 'AL-2', price: 100, timestamp: time + 7 }]);
    await shown(page, '#alerts', 'AL-2 jump end, AL-2 jump start, AL-1 jump end');
  });

  test('lists symbols sorted, and renders only the rows that changed', async () => {
    const list = ['LI-*', 'LONE'];
    await http.post([
      { symbol: 'LI-A', price: 3 },
      { symbol: 'LI-B', price: 1 },
      { symbol: 'LONE', price: 2 },
      { symbol: 'NOT', price: 9 },
    ]);
    const page = await open({ list, sort: '-currentPrice', limit: 2 });
    await listed(page, ['LI-A 3', 'LONE 2']);
    await subscriptions(2);
    const before = await counts(page);
    await http.post({ symbol: 'LI-B', price: 4 });
    await listed(page, ['LI-B 4', 'LI-A 3']);
    expect(since(before, await counts(page))).toEqual({ list: 1, 'row LI-B': 1 });
    // Beyond the limit, and not of the patterns: nothing to render.
    const between = await counts(page);
    await http.post([
      { symbol: 'LONE', price: 2.01 },
      { symbol: 'NOT', price: 10 },
    ]);
    await http.settled();
    await http.post({ symbol: 'LI-A', price: 3.01 });
    await listed(page, ['LI-B 4', 'LI-A 3.01']);
    expect(since(between, await counts(page))).toEqual({ list: 1, 'row LI-A': 1 });
    await change(page, { list, sort: 'symbol' });
    await listed(page, ['LI-A 3.01', 'LI-B 4', 'LONE 2.01']);
    await change(page, {});
    await subscriptions(0);
  });

  test('survives a server restart, and shows nothing old as live', async () => {
    const first = await startTestServer({ server: ANY_PAGE });
    const config = { server: { ...ANY_PAGE, port: first.port } };
    const client = await HttpClient.connect(first.port);
    await client.post([
      { symbol: 'OLD', price: 1 },
      { symbol: 'BOTH', price: 2 },
    ]);
    await client.settled();
    const page = await open({ quotes: ['OLD', 'BOTH'] }, { port: first.port });
    await quote(page, 'OLD', 1);
    await quote(page, 'BOTH', 1);
    await first.stop();
    await shown(page, '#state', 'reconnecting reconnecting');
    expect((await quote(page, 'OLD', 1)).isLive).toBe(false);
    const second = await startTestServer(config);
    onTestFinished(() => second.stop());
    await client.post({ symbol: 'BOTH', price: 3 });
    expect(
      await eventually(
        () => quote(page, 'BOTH', 1),
        ({ isLive }) => isLive,
      ),
    ).toMatchObject({ currentPrice: 3 });
    await shown(page, '.quote.OLD', 'nothing');
    await shown(page, '#state', 'live live');
  });

  test('connects to another server when the URL changes', async () => {
    const other = await startTestServer({ server: ANY_PAGE });
    onTestFinished(() => other.stop());
    const client = await HttpClient.connect(other.port);
    await client.post({ symbol: 'MOVE', price: 2 });
    await http.post({ symbol: 'MOVE', price: 1 });
    const page = await open({ quotes: ['MOVE'] });
    expect(await quote(page, 'MOVE', 1)).toMatchObject({ currentPrice: 1 });
    await change(page, { quotes: ['MOVE'], url: addressOf(other.port) });
    expect(
      await eventually(
        () => quote(page, 'MOVE', 1),
        ({ currentPrice }) => currentPrice === 2,
      ),
    ).toMatchObject({ isLive: true });
    await sessions(0);
    expect(await sockets(page)).toEqual({ opened: 2, open: 1 });
  });
});

/** The globals of the page. */
interface InPage {
  readonly page: ReactPage;
}

type Counts = Pick<ReactPage, 'renders' | 'selections' | 'reads' | 'listeners'>;

async function bundle(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('./react-page.ts', import.meta.url))],
    bundle: true,
    format: 'iife',
    define: { 'process.env.NODE_ENV': '"development"' },
    write: false,
  });
  return outputFiles[0]?.text ?? '';
}

/** Opens a page with a scene; closed after the test. */
async function open(
  scene: Scene,
  { port = server.port, hasOwnSubscriber = false } = {},
): Promise<Page> {
  const page = await browser.newPage();
  onTestFinished(() => page.close());
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    // Some tests expect sockets that find no server.
    const isExpected = /WebSocket connection to .* failed|Download the React DevTools/;
    if (!isExpected.test(message.text())) complaints.push(message.text());
  });
  const { port: pagePort } = pages.address() as AddressInfo;
  await page.goto(`http://127.0.0.1:${pagePort}/`);
  if (hasOwnSubscriber) {
    await page.evaluate((url) => {
      (globalThis as unknown as InPage).page.ownSubscriber(url);
    }, addressOf(port));
    await show(page, scene);
  } else {
    await show(page, { url: addressOf(port), ...scene });
  }
  return page;
}

function addressOf(port: number): string {
  return `ws://127.0.0.1:${port}`;
}

/** Shows another scene of the same server. */
function change(page: Page, scene: Scene): Promise<void> {
  return show(page, { url: addressOf(server.port), ...scene });
}

function show(page: Page, scene: Scene): Promise<void> {
  return page.evaluate((shown) => (globalThis as unknown as InPage).page.show(shown), scene);
}

/** What the page shows of a symbol, once it has this many updates. */
async function quote(page: Page, symbol: string, updateCount: number): Promise<SymbolSnapshot> {
  const text = await eventually(
    async () => (await page.locator(`.quote.${symbol}`).first().textContent()) ?? '',
    (content) => content.includes(`"updateCount":${updateCount},`),
  );
  return JSON.parse(text) as SymbolSnapshot;
}

async function listed(page: Page, rows: readonly string[]): Promise<void> {
  await eventually(
    () => page.locator('#list li').allTextContents(),
    (texts) => JSON.stringify(texts) === JSON.stringify(rows),
  );
}

async function shown(page: Page, selector: string, text: string): Promise<void> {
  const locator = page.locator(selector).first();
  await eventually(
    () => locator.textContent(),
    (content) => content === text,
  );
}

/** What the page should show of a symbol known since its newest entry. */
async function expected(symbol: string): Promise<object> {
  const { json } = await http.get<Record<string, number | string>>(`/api/prices/${symbol}`);
  const { currentPrice, movingAverage, updateCount, minPrice, maxPrice } = json;
  const lastUpdateTime = Date.parse(String(json.lastUpdateTime));
  return {
    symbol,
    currentPrice,
    previousPrice: null,
    movingAverage,
    updateCount,
    lastUpdateTime: expect.closeTo(lastUpdateTime, -1) as number,
    minPrice,
    maxPrice,
    isLive: true,
  };
}

function counts(page: Page): Promise<Counts> {
  return page.evaluate(() => {
    const { renders, selections, reads, listeners } = (globalThis as unknown as InPage).page;
    return { renders, selections, reads, listeners };
  });
}

/** The counts in between. */
function since(before: Counts, after: Counts, kind: keyof Counts = 'renders') {
  const more = Object.entries(after[kind]).map(([name, count]) => [
    name,
    count - (before[kind][name] ?? 0),
  ]);
  return Object.fromEntries(more.filter(([, count]) => count !== 0)) as Record<string, number>;
}

function sockets(page: Page): Promise<{ opened: number; open: number }> {
  return page.evaluate(() => (globalThis as unknown as InPage).page.sockets());
}

function subscriptions(count: number): Promise<unknown> {
  return gauge('tickwire_subscriptions', count);
}

function sessions(count: number): Promise<unknown> {
  return gauge('tickwire_sessions{kind="stream"}', count);
}

/** Waits until a metric of the server has a value. */
function gauge(name: string, value: number): Promise<unknown> {
  return eventually(
    async () => (await http.metrics()).get(name),
    (current) => current === value,
  );
}
