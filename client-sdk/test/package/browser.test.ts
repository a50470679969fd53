import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { encodeFrame, type Frame, Op } from '../../../src/protocol/index.ts';
import { HttpClient } from '../../../test/support/http-client.ts';
import { startTestServer, type TestServer } from '../../../test/support/running-server.ts';
import { openBrowser } from '../../../testkit/chromium.ts';
import { TempFolder } from '../../../testkit/temp-folder.ts';
import { delay, eventually } from '../../../testkit/until.ts';
import type * as Tickwire from '../../src/index.ts';

/** Short, so that a hidden page soon misses some. */
const HEARTBEAT_MS = 400;

let browser: Browser;
let server: TestServer;
let http: HttpClient;
/** Complaints of any page, including policy violations. */
const complaints: string[] = [];

beforeAll(async () => {
  const config = { server: { heartbeatMs: HEARTBEAT_MS } };
  [server, browser] = await Promise.all([startTestServer(config), openBrowser()]);
  http = await HttpClient.connect(server.port);
});

afterAll(async () => {
  await browser.close();
  await server.stop();
  expect(complaints).toEqual([]);
});

describe('the script-tag build in Chromium, under the policy of the dashboard', () => {
  test('shows the numbers of the HTTP API, and verifies that it is in sync', async () => {
    const symbols = Array.from({ length: 300 }, (_, i) => `N-${i}`);
    const ticks = symbols.flatMap((symbol, i) =>
      [1, 3, 2].map((step) => ({ symbol, price: ((i + 1) * step) / 7, timestamp: 1e12 + step })),
    );
    await http.post(ticks);
    await http.settled();
    const page = await open();
    await subscribe(page, 'N-*');
    await eventually(
      () => page.evaluate(() => [...(globalThis as unknown as InPage).subscriber.symbols()].length),
      (count) => count === symbols.length,
    );
    await http.post(ticks.map(({ symbol, price }) => ({ symbol, price: price * 1.001 })));
    await http.settled();
    const verification = await page.evaluate(() =>
      (globalThis as unknown as InPage).subscriber.verify(),
    );
    expect(verification).toMatchObject({ equal: true, symbolCount: 300, ownSymbolCount: 300 });
    const shown = await mirrorOf(page);
    for (const symbol of symbols) expect(shown[symbol]).toEqual(await statisticsOf(symbol));
  });

  test('gets each anomaly once and in order, also from a publisher in the page', async () => {
    const page = await open();
    await subscribe(page, ['A', 'B']);
    await page.evaluate(async () => {
      const { tickwire, anomalies, subscriber } = globalThis as unknown as InPage;
      subscriber.on('anomaly', (anomaly) => anomalies.push(anomaly));
      const publisher = tickwire.connectPublisher(location.origin);
      for (let i = 0; i < 20; i++) {
        publisher.publish('A', 100 + 5 * i, 1e12 + i);
        publisher.publish('B', 100 + i / 100, 1e12 + i);
      }
      await publisher.close();
    });
    const anomalies = await eventually(
      () => page.evaluate(() => (globalThis as unknown as InPage).anomalies),
      ({ length }) => length >= 19,
    );
    const { json } = await http.get<{ items: object[] }>('/api/prices/A/anomalies');
    const expected = json.items.map((item) => {
      const { direction, timestamp, ...rest } = item as { direction: string; timestamp: string };
      return { ...rest, direction: direction === 'Up' ? 1 : -1, timestamp: Date.parse(timestamp) };
    });
    expect(anomalies).toEqual(expected);
    expect(anomalies.map(({ sequence }) => sequence)).toEqual(
      Array.from({ length: 19 }, (_, i) => i + 1),
    );
  });

  test('reads past ticks, from a page of another origin too', async () => {
    using folder = new TempFolder();
    const past = await startTestServer({
      server: { allowedOrigins: '*' },
      store: { directory: folder.path },
    });
    try {
      const client = await HttpClient.connect(past.port);
      await client.post([5, 6, 7].map((price) => ({ symbol: 'P', price, timestamp: price })));
      const elsewhere = await browser.newPage({ bypassCSP: true });
      onTestFinished(() => elsewhere.close());
      await elsewhere.goto(`http://127.0.0.1:${server.port}`);
      await elsewhere.addScriptTag({ url: '/sdk/tickwire.js' });
      for (const page of [await open(past.port), elsewhere]) {
        const read = (url: string) =>
          page.evaluate(async (address) => {
            const { tickwire } = globalThis as unknown as InPage;
            const subscriber = tickwire.connect(address);
            const ticks = await subscriber.ticks('P', { from: 6, limit: 1 }).toArray();
            subscriber.close();
            return ticks;
          }, url);
        // What is not on disk yet cannot be read.
        const ticks = await eventually(
          () => read(`http://127.0.0.1:${past.port}`),
          ({ length }) => length === 2,
        );
        expect(ticks).toEqual([6, 7].map((n) => ({ symbol: 'P', price: n, timestamp: n })));
      }
    } finally {
      await past.stop();
    }
  });

  test('reconnects to a new server on the old port, and shows nothing old as live', async () => {
    const first = await startTestServer();
    const client = await HttpClient.connect(first.port);
    await client.post([
      { symbol: 'GONE', price: 1 },
      { symbol: 'BACK', price: 2 },
    ]);
    const page = await open(first.port);
    await subscribe(page, '*');
    await eventually(
      () => mirrorOf(page),
      (mirror) => Object.keys(mirror).length === 2,
    );
    await page.evaluate(() => {
      const { subscriber, seen } = globalThis as unknown as InPage;
      const old = [...subscriber.symbols()];
      const look = () => {
        // What was live before is not live again.
        for (const { symbol, isLive } of old) if (isLive) seen.push(`${symbol} is live`);
      };
      subscriber.on('state', ({ state }) => {
        seen.push(state);
        look();
      });
      subscriber.on('reset', () => {
        seen.push(`reset: ${[...subscriber.symbols()].length} symbols`);
        look();
      });
      subscriber.on('update', look);
    });
    const epoch = await epochOf(page);
    await first.stop();
    await eventually(
      () => mirrorOf(page),
      (mirror) => Object.values(mirror).every(({ isLive }) => !isLive),
    );
    const second = await startTestServer({ server: { port: first.port } });
    onTestFinished(() => second.stop());
    await client.post({ symbol: 'BACK', price: 3 });
    const mirror = await eventually(
      () => mirrorOf(page),
      ({ BACK }) => BACK?.currentPrice === 3,
    );
    expect(Object.keys(mirror)).toEqual(['BACK']);
    expect(mirror.BACK).toMatchObject({ updateCount: 1, isLive: true });
    expect(await epochOf(page)).not.toBe(epoch);
    const seen = await page.evaluate(() => (globalThis as unknown as InPage).seen);
    expect(seen.filter((entry) => entry !== 'reconnecting')).toEqual(['reset: 0 symbols', 'live']);
    expect(
      await page.evaluate(() => (globalThis as unknown as InPage).subscriber.verify()),
    ).toMatchObject({ equal: true, symbolCount: 1 });
  });

  test('keeps its connection while the page is hidden and its timers are throttled', async () => {
    await http.post({ symbol: 'HIDDEN', price: 1 });
    // Headless Chromium hides no page. This imitates timers of a hidden one: they fire at whole
    // seconds only.
    const page = await open(server.port, () => {
      const set = globalThis.setTimeout;
      let isHidden = false;
      Object.assign(globalThis, {
        setTimeout: (task: () => void, ms = 0) => {
          const dueAt = performance.now() + ms;
          return set(task, isHidden ? Math.ceil(dueAt / 1000) * 1000 - performance.now() : ms);
        },
        hide: (value: boolean) => {
          isHidden = value;
          document.dispatchEvent(new Event('visibilitychange'));
        },
      });
      Object.defineProperty(document, 'visibilityState', {
        get: () => (isHidden ? 'hidden' : 'visible'),
      });
    });
    await subscribe(page, 'HIDDEN');
    const session = await sessionOf(page);
    await page.evaluate(() => (globalThis as unknown as InPage).hide(true));
    await delay(8 * HEARTBEAT_MS);
    expect(await sessionOf(page)).toBe(session);
    await page.evaluate(() => (globalThis as unknown as InPage).hide(false));
    await http.post({ symbol: 'HIDDEN', price: 2 });
    await eventually(
      () => mirrorOf(page),
      ({ HIDDEN }) => HIDDEN?.currentPrice === 2,
    );
    expect(await sessionOf(page)).toBe(session);
    expect(await countersOf(page)).toMatchObject({ reconnects: 0 });
  });

  test('keeps its connection while the page is frozen', async () => {
    await http.post({ symbol: 'STOPPED', price: 1 });
    const page = await open();
    await subscribe(page, 'STOPPED');
    const session = await sessionOf(page);
    const control = await page.context().newCDPSession(page);
    await control.send('Debugger.enable');
    const paused = new Promise((resolve) => {
      control.once('Debugger.paused', resolve);
    });
    await control.send('Debugger.pause');
    await paused;
    for (let i = 0; i < 6; i++) {
      await http.post({ symbol: 'STOPPED', price: 2 + i });
      await delay(HEARTBEAT_MS);
    }
    await control.send('Debugger.resume');
    await eventually(
      () => mirrorOf(page),
      ({ STOPPED }) => STOPPED?.currentPrice === 7,
    );
    expect(await sessionOf(page)).toBe(session);
    expect(await countersOf(page)).toMatchObject({ reconnects: 0 });
  });

  test('offline: stale at once; online: live again, without waiting for a heartbeat', async () => {
    const quiet = await startTestServer({ server: { heartbeatMs: 60_000 } });
    onTestFinished(() => quiet.stop());
    const client = await HttpClient.connect(quiet.port);
    await client.post({ symbol: 'AWAY', price: 1 });
    const page = await open(quiet.port);
    await subscribe(page, 'AWAY');
    await eventually(
      () => mirrorOf(page),
      ({ AWAY }) => AWAY?.isLive === true,
    );
    await page.evaluate(() => {
      const { subscriber, seen } = globalThis as unknown as InPage;
      subscriber.on('state', ({ state, previous, closure }) => {
        if (state === previous) return;
        seen.push(`${state} ${closure?.reason ?? ''} ${subscriber.get('AWAY')?.isLive}`.trim());
      });
    });
    await page.context().setOffline(true);
    await eventually(
      () => page.evaluate(() => (globalThis as unknown as InPage).seen),
      ({ length }) => length > 0,
    );
    const stale = await page.evaluate(() => (globalThis as unknown as InPage).seen[0]);
    expect(stale).toBe('reconnecting the page is offline false');
    await client.post({ symbol: 'AWAY', price: 1.01 });
    await page.context().setOffline(false);
    await eventually(
      () => mirrorOf(page),
      ({ AWAY }) => AWAY?.currentPrice === 1.01 && AWAY.isLive,
    );
    expect((await countersOf(page)).reconnects).toBe(1);
  });

  test('applies an entry in well under two microseconds', async ({ annotate }) => {
    const page = await open();
    const frames = syntheticFrames().map((frame) => [
      ...(encodeFrame(frame, 'binary') as Uint8Array),
    ]);
    const result = await page.evaluate(applyFrames, frames);
    const { entries, updates, microseconds } = result;
    expect(entries).toBe(1_001_000);
    expect(updates).toBe(entries);
    const perEntry = microseconds / entries;
    const bytes = frames.slice(FIRST_DELTA).reduce((sum, { length }) => sum + length, 0);
    const entryBytes = bytes / (DELTA_FRAMES * ENTRIES);
    await annotate(
      `${perEntry.toFixed(3)} µs an entry of ${entryBytes.toFixed(1)} bytes, ${entries} entries`,
    );
    expect(perEntry).toBeLessThan(2);
  });
});

/** The globals of the page. */
interface InPage {
  readonly tickwire: typeof Tickwire;
  readonly subscriber: Tickwire.Subscriber;
  readonly anomalies: Tickwire.Anomaly[];
  /** Log of events. */
  readonly seen: string[];
  hide(isHidden: boolean): void;
}

declare const location: { readonly origin: string };
declare const document: EventTarget;

/** Opens the server's page with its policy, and the SDK instead of the dashboard. */
async function open(port = server.port, prepare: () => void = () => undefined): Promise<Page> {
  const address = `http://127.0.0.1:${port}`;
  const page = await browser.newPage();
  onTestFinished(() => page.close());
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    // One test expects sockets that find no server.
    if (!/WebSocket connection to .* failed/.test(message.text())) complaints.push(message.text());
  });
  await page.addInitScript(prepare);
  await page.route(`${address}/dashboard.js`, (route) =>
    route.fulfill({ contentType: 'text/javascript', body: '' }),
  );
  const response = await page.goto(address);
  expect(response?.headers()['content-security-policy']).toContain("default-src 'none'");
  await page.addScriptTag({ url: '/sdk/tickwire.js' });
  return page;
}

async function subscribe(page: Page, patterns: string | string[]): Promise<void> {
  const refused = await page.evaluate((wanted) => {
    const { tickwire } = globalThis as unknown as InPage;
    const subscriber = tickwire.connect(location.origin);
    Object.assign(globalThis, { subscriber, anomalies: [], seen: [] });
    return subscriber.subscribe(wanted).ready;
  }, patterns);
  expect(refused).toEqual([]);
}

type Shown = Pick<
  Tickwire.SymbolStatistics,
  'currentPrice' | 'movingAverage' | 'updateCount' | 'minPrice' | 'maxPrice' | 'isLive'
> & { readonly lastUpdateTime: string };

function mirrorOf(page: Page): Promise<Record<string, Shown>> {
  return page.evaluate(() => {
    const { subscriber } = globalThis as unknown as InPage;
    const shown = [...subscriber.symbols()].map((statistics) => {
      const { symbol, currentPrice, movingAverage, updateCount, isLive } = statistics;
      const { minPrice, maxPrice } = statistics;
      const lastUpdateTime = new Date(statistics.lastUpdateTime).toISOString();
      const rest = { minPrice, maxPrice, isLive, lastUpdateTime };
      return [symbol, { currentPrice, movingAverage, updateCount, ...rest }];
    });
    return Object.fromEntries(shown) as Record<string, Shown>;
  });
}

/** A symbol of the HTTP API, as the page should show it. */
async function statisticsOf(symbol: string): Promise<Shown> {
  const { json } = await http.get<Shown>(`/api/prices/${symbol}`);
  const { currentPrice, movingAverage, updateCount, lastUpdateTime, minPrice, maxPrice } = json;
  const rest = { minPrice, maxPrice, lastUpdateTime, isLive: true };
  return { currentPrice, movingAverage, updateCount, ...rest };
}

function sessionOf(page: Page): Promise<string | undefined> {
  return page.evaluate(() => (globalThis as unknown as InPage).subscriber.session?.session);
}

function epochOf(page: Page): Promise<string | undefined> {
  return page.evaluate(() => (globalThis as unknown as InPage).subscriber.session?.epoch);
}

function countersOf(page: Page): Promise<Tickwire.SubscriberCounters> {
  return page.evaluate(() => (globalThis as unknown as InPage).subscriber.counters);
}

const ENTRIES = 1000;
const DELTA_FRAMES = 20;
/** Before it come WELCOME, SUBSCRIBED, SYMBOLS and the full entries. */
const FIRST_DELTA = 4;

/** The frames of a session: 1000 symbols in full, then deltas as in a busy market. */
function syntheticFrames(): Frame[] {
  const ids = Array.from({ length: ENTRIES }, (_, id) => id);
  const limits = { frameBytesMax: 2 ** 20, ticksPerFrameMax: 65_536, symbolsMax: 65_536 };
  const info = { version: 1, epoch: 'e', session: 's', serverTime: 0, heartbeatMs: 5000, limits };
  const full = ids.flatMap((id) => [id, 127, 100 + id / 8, 100 + id / 9, 1, 1e12, 100, 101.5]);
  const deltas = Array.from({ length: DELTA_FRAMES }, (_, frame): Frame => {
    const entries = ids.flatMap((id) => {
      const price = 100 + id / 8 + frame / 64;
      // Every tenth is also a new maximum.
      return id % 10 === 0
        ? [id, 47, price, price / 3, 2, 17, price]
        : [id, 15, price, price / 3, 2, 17];
    });
    return [Op.STATS, 1e12 + frame, entries];
  });
  return [
    [Op.WELCOME, info],
    [Op.SUBSCRIBED, 1, [0], { conflateMs: 0, fields: 63 }],
    [Op.SYMBOLS, ids.flatMap((id) => [id, `SYMBOL-${id}`])],
    [Op.STATS, 1e12, full],
    ...deltas,
  ];
}

/** Runs in the page: feeds frames through a fake socket, a thousand times all deltas of a round. */
async function applyFrames(frames: number[][]) {
  const { tickwire } = globalThis as unknown as InPage;
  let receive: (data: ArrayBuffer) => void = () => undefined;
  class FedSocket implements Tickwire.SocketLike {
    binaryType = 'arraybuffer';
    bufferedAmount = 0;
    onmessage: Tickwire.SocketLike['onmessage'] = null;
    onerror = null;
    onclose = null;
    constructor() {
      receive = (data) => this.onmessage?.({ data });
    }
    send(): void {}
    close(): void {}
  }
  const subscriber = tickwire.connect('ws://nowhere', { WebSocket: FedSocket });
  subscriber.subscribe('*');
  await new Promise((resolve) => setTimeout(resolve, 0));
  let updates = 0;
  let sum = 0;
  subscriber.on('update', ({ changes }) => {
    updates += changes.length;
    for (const { currentPrice } of changes) sum += currentPrice;
  });
  const messages = frames.map((bytes) => new Uint8Array(bytes).buffer);
  const [welcome, subscribed, symbols, full, ...deltas] = messages as [
    ArrayBuffer,
    ArrayBuffer,
    ArrayBuffer,
    ArrayBuffer,
  ];
  for (const message of [welcome, subscribed, symbols, full]) receive(message);
  const startedAt = performance.now();
  for (let round = 0; round < 50; round++) for (const message of deltas) receive(message);
  const microseconds = (performance.now() - startedAt) * 1000;
  const { entries } = subscriber.counters;
  subscriber.close();
  return { entries, updates, microseconds, sum };
}
