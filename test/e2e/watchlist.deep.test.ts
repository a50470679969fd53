import { execFile } from 'node:child_process';
import { cp, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { serveFolder } from '../../client-sdk/test/support/folder-server.ts';
import { openBrowser } from '../../testkit/chromium.ts';
import type { LinkConditions } from '../../testkit/slow-link.ts';
import { TcpProxy } from '../../testkit/tcp-proxy.ts';
import { eventually, until } from '../../testkit/until.ts';
import { folderForSuite } from '../support/folders.ts';
import { postPrices } from '../support/raw-http.ts';
import { BusySymbols, quantile } from '../support/row-ages.ts';
import { serverProcessForTest } from '../support/running-server.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const ANY_PAGE = '--server.allowedOrigins=*';
const SYMBOLS = 200;
const TICKS_PER_SECOND = 5000;
/** A fourth of what these symbols change. */
const SLOW = 30_000;
const LOOK_EVERY_MS = 50;
const WARM_UP_MS = 2000;
const WATCH_MS = 8000;
/** Fewer looks, of 160 that the time has room for: the machine is too busy. */
const LOOKS_MIN = 65;
const CALM_ATTEMPTS = 5;

const root = folderForSuite();
const folder = join(root, 'examples/watchlist');
let browser: Browser;

/** What the page shows at one moment. */
interface Shown {
  readonly badge: string;
  readonly rows: readonly (readonly [symbol: string, ticks: number, isLive: boolean])[];
}

describe('the watchlist of examples/', () => {
  beforeAll(async () => {
    // As the README says, but in a copy.
    await cp(join(ROOT, 'examples/watchlist'), folder, { recursive: true });
    await symlink(join(ROOT, 'client-sdk'), join(root, 'client-sdk'));
    // As from a shell: NODE_ENV would make it a build for development.
    const { PATH = '', HOME = '' } = process.env;
    for (const command of [
      ['install', '--prefer-offline'],
      ['run', 'build'],
    ]) {
      await promisify(execFile)('npm', command, { cwd: folder, env: { PATH, HOME } });
    }
    browser = await openBrowser();
  }, 600_000);

  afterAll(() => browser?.close());

  test('sorts by each column, both ways, and dims rows while the server is away', async () => {
    const server = await serverProcessForTest([ANY_PAGE]);
    await postPrices(server.port, [
      { symbol: 'B', price: 3 },
      { symbol: 'A', price: 20 },
      { symbol: 'C', price: 100 },
      { symbol: 'C', price: 100 },
    ]);
    const page = await open(`ws://127.0.0.1:${server.port}`);
    const order = () => page.locator('tbody td:first-child').allTextContents();
    const becomes = (expected: string) =>
      eventually(order, (symbols) => symbols.join('') === expected);
    await becomes('ABC');
    await page.click('text=Price');
    await becomes('BAC');
    await page.click('text=Price');
    await becomes('CAB');
    expect(await page.locator('[aria-sort]').textContent()).toBe('Price');
    await page.click('text=Ticks');
    await becomes('ABC');
    await postPrices(server.port, { symbol: 'A', price: 21 });
    await postPrices(server.port, { symbol: 'A', price: 21 });
    await becomes('BCA');
    await eventually(
      () => look(page),
      ({ badge, rows }) => badge === 'live' && rows.every(([, , isLive]) => isLive),
    );
    server.kill('SIGKILL');
    await eventually(
      () => look(page),
      ({ badge, rows }) => badge === 'reconnecting' && rows.every(([, , isLive]) => !isLive),
    );
  });

  test('over a slow line, what is live is young, and the badge tells the truth', async () => {
    const link = { bytesPerSecond: SLOW, delayMs: 0, bufferBytes: 65_536 };
    const { page, busy } = await openSlow(link);
    for (let left = CALM_ATTEMPTS; left > 0; left--) {
      const { ages, live } = await watch(page, busy);
      expect(quantile(ages, 0.95)).toBeLessThan(1000);
      // A page without a processor draws late, and says so: nothing to see of the line.
      if (ages.length < LOOKS_MIN) continue;
      // Nearly always live, so that the ages say something.
      expect(live / ages.length).toBeGreaterThan(0.8);
      expect(quantile(ages, 0.5)).toBeLessThan(700);
      break;
    }

    // A line that stands still: soon nothing is called live any more; later everything is.
    link.bytesPerSecond = 0;
    await eventually(
      () => look(page),
      ({ badge }) => badge === 'late',
    );
    expect((await look(page)).rows.filter(([, , isLive]) => isLive)).toEqual([]);
    link.bytesPerSecond = 10 * SLOW;
    // A page that is short of a processor catches up only once the market is still.
    await busy.stop();
    await eventually(
      () => look(page),
      (shown) => shown.badge === 'live' && oldestLive(shown, busy) < 1000,
    );
  });
});

async function open(url: string): Promise<Page> {
  const page = await browser.newPage();
  onTestFinished(() => page.close());
  const complaints: string[] = [];
  page.on('pageerror', ({ message }) => complaints.push(message));
  onTestFinished(() => expect(complaints).toEqual([]));
  await page.goto(`${await serveFolder(join(folder, 'dist'))}/?url=${url}`);
  return page;
}

async function openSlow(link: LinkConditions): Promise<{ page: Page; busy: BusySymbols }> {
  const server = await serverProcessForTest([ANY_PAGE]);
  const busy = new BusySymbols(`ws://127.0.0.1:${server.port}`, SYMBOLS, TICKS_PER_SECOND);
  onTestFinished(() => busy.stop());
  const proxy = await TcpProxy.start(server.port, link);
  onTestFinished(() => proxy.close());
  const page = await open(proxy.url);
  await until(async () => (await look(page)).rows.length === SYMBOLS, 'all rows');
  await page.waitForTimeout(WARM_UP_MS);
  return { page, busy };
}

/** Looks for some seconds: how often the badge is live, and the age of the oldest live row, ms. */
async function watch(page: Page, busy: BusySymbols): Promise<{ ages: number[]; live: number }> {
  const ages: number[] = [];
  let live = 0;
  for (const end = performance.now() + WATCH_MS; performance.now() < end; ) {
    await page.waitForTimeout(LOOK_EVERY_MS);
    const shown = await look(page);
    if (shown.badge === 'live') live++;
    ages.push(oldestLive(shown, busy));
  }
  return { ages, live };
}

async function look(page: Page): Promise<Shown> {
  return page.evaluate(() => ({
    badge: document.querySelector('.badge')?.textContent ?? '',
    rows: [...document.querySelectorAll('tbody tr')].map((row) => {
      const cells = [...row.children].map(({ textContent }) => textContent ?? '');
      const ticks = Number(cells.at(-1)?.replaceAll(',', ''));
      return [cells[0] ?? '', ticks, row.className === 'live'] as const;
    }),
  }));
}

/** For how long the oldest row that is shown as live has been outdated, ms. */
function oldestLive({ badge, rows }: Shown, busy: BusySymbols): number {
  if (badge !== 'live') return 0;
  const ages = rows.map(([symbol, ticks, isLive]) =>
    isLive ? busy.outdatedFor(symbol, ticks) : 0,
  );
  return Math.max(0, ...ages);
}
