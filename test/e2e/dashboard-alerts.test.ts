import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { hasChromium, openBrowser } from '../../testkit/chromium.ts';
import { eventually } from '../../testkit/until.ts';
import { folderForTest } from '../support/folders.ts';
import { postPrices } from '../support/raw-http.ts';
import { serverForTest, startTestServer } from '../support/running-server.ts';
import { DashboardPage } from './dashboard-page.ts';

const MINUTE_MS = 60_000;
/** Nothing ends by time. */
const FLASH = {
  name: 'flash',
  kind: 'spike',
  symbols: ['*'],
  windowMs: 10 * MINUTE_MS,
  warning: '2%',
  critical: '5%',
  episode: { holdMs: 10 * MINUTE_MS },
  overrides: [{ symbols: ['WILD-*', 'PEG'], off: true }],
};
const PEG = {
  name: 'peg',
  kind: 'band',
  symbols: ['PEG'],
  around: 1,
  warning: '0.5%',
  episode: FLASH.episode,
};
const ONCE = { name: 'once', kind: 'gap', symbols: ['WILD-*'], warning: '1%', episode: null };
const QUIET = { name: 'quiet', kind: 'stale', symbols: ['SLEEPY'], afterMs: 300 };

const FIRST = '[data-part="episodes"] li:first-child';

async function post(port: number, symbol: string, ...prices: readonly number[]): Promise<void> {
  const response = await postPrices(
    port,
    prices.map((price) => ({ symbol, price })),
  );
  expect(await response.json()).toEqual({ accepted: prices.length, rejected: [] });
}

/** The path of a rule file, for one test. */
function ruleFile(rules: readonly object[]): string {
  const file = join(folderForTest(), 'rules.json');
  writeFileSync(file, JSON.stringify({ rules }));
  return file;
}

function serverWith(rules: readonly object[]) {
  return serverForTest({ rules: { file: ruleFile(rules) } });
}

/** The symbols of the listed episodes. */
function listed({ page }: DashboardPage): Promise<string[]> {
  return page.locator('[data-part="episodes"] .episode-symbol').allTextContents();
}

function untilListed(dashboard: DashboardPage, symbols: readonly string[]): Promise<string[]> {
  return eventually(
    () => listed(dashboard),
    (found) => found.join() === symbols.join(),
  );
}

describe.skipIf(!hasChromium && !process.env.CI)('alerts in the dashboard', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser.close());

  test('an episode is one line that starts, gets worse and ends as one watches', async () => {
    const { port } = await serverWith([FLASH]);
    await post(port, 'BTC-USD', 100);
    const dashboard = await DashboardPage.open(browser, port);
    const { page } = dashboard;
    await dashboard.untilText('[data-part="no-alerts"]', 'None so far.');
    await dashboard.untilText('[data-part="open"]', 'None open');
    await dashboard.untilLive();

    await post(port, 'BTC-USD', 103);
    const open = /^warning\s+BTC-USD\s+\+3\.00 %\s+\d+ s\s+\S+\s+flash\s+100\.00 → 103\.00\s+open$/;
    await dashboard.untilText(FIRST, open);
    await dashboard.untilText('[data-part="open"]', '1 open');
    await dashboard.untilText(
      '[data-part="alert-announcement"]',
      'warning: BTC-USD +3.00 %, flash',
    );
    const line = await page.locator(FIRST).elementHandle();

    await post(port, 'BTC-USD', 106);
    const worse = /^critical\s+BTC-USD\s+\+6\.00 %\s+\d+ s\s+\S+\s+flash\s+100\.00 → 106\.00 ×2\s/;
    await dashboard.untilText(FIRST, worse);
    await dashboard.untilText('[data-part="open"]', '1 critical open');
    // An open episode goes on.
    const shown = await dashboard.text(`${FIRST} .episode-duration`);
    await eventually(
      () => dashboard.text(`${FIRST} .episode-duration`),
      (text) => text !== shown,
    );

    await post(port, 'BTC-USD', 100.1);
    await dashboard.untilText(`${FIRST} .episode-outcome`, 'reverted');
    await dashboard.untilText('[data-part="open"]', 'None open');
    expect(await dashboard.text(`${FIRST} .episode-duration`)).toMatch(/^(\d+ ms|\d\.\d s|\d+ s)$/);
    expect(await listed(dashboard)).toEqual(['BTC-USD']);
    // The same line all the time: what has the focus stays what it was.
    expect(await line?.evaluate((element) => element.isConnected)).toBe(true);
    expect(await page.locator(`${FIRST} button[data-open]`).count()).toBe(0);
  });

  test('lists the past, filters by rule and level, and selects symbols', async () => {
    const { port } = await serverWith([FLASH, PEG, ONCE, QUIET]);
    await post(port, 'OTHER', 5);
    await post(port, 'FALL', 100, 97, 94);
    await post(port, 'PEG', 1, 1.01);
    await post(port, 'WILD-A', 100, 104);
    await post(port, 'SLEEPY', 7);
    const dashboard = await DashboardPage.open(browser, port);
    const { page } = dashboard;
    await untilListed(dashboard, ['SLEEPY', 'WILD-A', 'PEG', 'FALL']);
    await dashboard.untilText('[data-part="open"]', '3 open, 1 critical');
    const line = (symbol: string) =>
      page.locator('[data-part="episodes"] li', { hasText: symbol }).innerText();
    expect(await line('FALL')).toMatch(/critical\s+FALL\s+−6\.00 %/);
    expect(await line('PEG')).toMatch(/warning\s+PEG\s+\+1\.00 %\s[\s\S]*\speg\s[\s\S]*open\s*$/);
    // No episode: over as it began.
    expect(await line('WILD-A')).toMatch(
      /\+4\.00 %\s+\d\d:\d\d:\d\d\s+once\s+100\.00 → 104\.00\s*$/,
    );
    expect(await line('SLEEPY')).toMatch(
      /warning\s+SLEEPY\s+–\s+\d+ s\s[\s\S]*quiet\s+7\.\d+\s+open/,
    );

    const rule = page.getByRole('combobox', { name: 'Rule' });
    const level = page.getByRole('combobox', { name: 'Level' });
    expect(await rule.locator('option').allTextContents()).toEqual([
      'All rules',
      'flash',
      'peg',
      'once',
      'quiet',
    ]);
    await rule.selectOption('flash');
    await untilListed(dashboard, ['FALL']);
    await level.selectOption('warning');
    await dashboard.untilText('[data-part="no-alerts"]', 'None of this rule and level.');
    await rule.selectOption('All rules');
    await untilListed(dashboard, ['SLEEPY', 'WILD-A', 'PEG']);
    await level.selectOption('critical');
    await untilListed(dashboard, ['FALL']);

    await page.locator(`${FIRST} button`).press('Enter');
    await dashboard.untilText('[data-part="title"]', 'FALL');
    await dashboard.untilText('[data-part="symbol-open"]', '1 open');
    await dashboard.untilText(
      '[data-part="symbol-episodes"]',
      /^−6\.00 %\s+open\s+\d\d:\d\d:\d\d$/,
    );
    // The other list is one key away.
    await page.getByRole('radio', { name: 'Alerts' }).press('ArrowRight');
    await dashboard.untilText('.feed-list li:first-child', /WILD-A\s+\+4\.00 %/);
    expect(await page.isVisible('[data-part="episodes"]')).toBe(false);
  });

  test('the chart shades episodes by level, and reads them out', async () => {
    const { port } = await serverWith([FLASH]);
    await post(port, 'X', 100);
    const dashboard = await DashboardPage.open(browser, port, { colorScheme: 'light' });
    const { page } = dashboard;
    await dashboard.untilText('[data-part="title"]', 'X');
    expect(await page.isVisible('.of-alert')).toBe(true);
    /** How many pixels of the first row of bars have a colour. */
    const pixels = (red: number, green: number, blue: number) =>
      page.evaluate(
        (colour) => {
          const canvas = document.querySelector<HTMLCanvasElement>('.plot canvas');
          const over = document.querySelector<HTMLElement>('.plot .u-over');
          if (canvas === null || over === null) return 0;
          // A copy: Chromium warns of pages that read what they show.
          const copy = document.createElement('canvas');
          copy.width = canvas.width;
          const context = copy.getContext('2d', { willReadFrequently: true });
          context?.drawImage(canvas, 0, -over.offsetTop - 2);
          const data = context?.getImageData(0, 0, canvas.width, 1).data ?? [];
          let count = 0;
          for (let i = 0; i < data.length; i += 4) {
            if (colour.every((value, part) => data[i + part] === value)) count++;
          }
          return count;
        },
        [red, green, blue],
      );
    const warn = () => pixels(0x8a, 0x53, 0x00);
    const critical = () => pixels(0xb8, 0x23, 0x2f);
    expect([await warn(), await critical()]).toEqual([0, 0]);
    await post(port, 'X', 103);
    await eventually(warn, (count) => count > 2);
    expect(await critical()).toBe(0);
    await post(port, 'X', 106);
    await eventually(critical, (count) => count > 2);
    await eventually(warn, (count) => count > 0);
    const box = await page.locator('.plot .u-over').boundingBox();
    if (box === null) throw new Error('the chart is not there');
    await page.mouse.move(box.x + box.width - 1, box.y + box.height / 2);
    await dashboard.untilText('.readout', /\nflash \+6\.00 % critical, open$/);
  });

  test('the rules page shows what is in force, live, and what is refused', async () => {
    const file = ruleFile([FLASH, PEG, ONCE]);
    const server = await startTestServer({ rules: { file } });
    onTestFinished(() => expect(server.stop()).rejects.toThrow('the rule file is refused'));
    const { port } = server;
    const reload = (...rules: readonly object[]) => {
      writeFileSync(file, JSON.stringify({ rules }));
      server.reload();
    };
    await post(port, 'BTC-USD', 100, 103);
    const dashboard = await DashboardPage.open(browser, port);
    const { page } = dashboard;
    await untilListed(dashboard, ['BTC-USD']);
    await page.getByRole('link', { name: 'Rules' }).press('Enter');
    await dashboard.untilText(
      '[data-part="rules-note"]',
      /^3 rules, since .*, version [0-9a-f]{12}$/,
    );
    // What the page says is there before it is shown.
    await expect.poll(() => page.isVisible('#market')).toBe(false);
    expect(await page.title()).toBe('Rules – Tickwire');
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('rules-title');
    const card = (name: string) => `.rule-card[data-rule="${name}"]`;
    const flash = await dashboard.text(card('flash'));
    expect(flash).toMatch(/^flash\s+spike\s+warning 2 %\s+critical 5 %\s+for \*\s/);
    expect(flash).toContain('from the lowest or highest of 10 min');
    expect(flash).toContain('for WILD-*, PEG: off');
    expect(await dashboard.text(card('once'))).toContain(
      'no episodes: every such tick is an alert',
    );
    const count = (name: string, key: string) => `${card(name)} [data-count="${key}"]`;
    await dashboard.untilText(count('flash', 'open'), '1');
    await dashboard.untilText(count('flash', 'started'), '1');
    await post(port, 'BTC-USD', 100);
    await dashboard.untilText(count('flash', 'open'), '0');
    await post(port, 'PEG', 1, 2);
    await dashboard.untilText(count('peg', 'open'), '1');

    const version = await dashboard.text('[data-part="rules-note"]');
    reload(FLASH, { ...PEG, around: -1 });
    await dashboard.untilText(
      '[data-part="rules-refused"]',
      /^The file is refused as it is now: rules\[1\] "peg"\.around: expected /,
    );
    expect(await dashboard.text('[data-part="rules-note"]')).toBe(version);
    reload(FLASH);
    await dashboard.untilText('[data-part="rules-note"]', /^1 rule, since /);
    await dashboard.untilHidden('[data-part="rules-refused"]');
    expect(await page.locator('.rule-card').count()).toBe(1);

    await page.getByRole('button', { name: 'Show alerts of flash' }).click();
    await dashboard.untilHidden('#rules');
    await untilListed(dashboard, ['BTC-USD']);
    expect(await page.getByRole('combobox', { name: 'Rule' }).inputValue()).toBe('flash');
    // Rules that are gone may still be chosen: their alerts are there.
    await page.getByRole('combobox', { name: 'Rule' }).selectOption('peg');
    await untilListed(dashboard, ['PEG']);
    await dashboard.untilText(`${FIRST} .episode-outcome`, 'closed');
    await page.goBack();
    await dashboard.untilText('#rules-title', 'Rules in force');
  });

  test('without rules anomalies are listed, and both places say how to get some', async () => {
    const { port } = await serverForTest();
    await post(port, 'OLD', 50, 60);
    const dashboard = await DashboardPage.open(browser, port);
    const { page } = dashboard;
    await dashboard.untilText('.feed-list li:first-child', /OLD\s+\+20\.00 %/);
    expect(await page.isVisible('[data-part="alert-filters"]')).toBe(false);
    expect(await page.isVisible('.of-alert')).toBe(false);
    expect(await page.isVisible('[data-part="symbol-alerts"]')).toBe(false);
    await page.getByRole('radio', { name: 'Alerts' }).check({ force: true });
    await dashboard.untilText('[data-part="no-rules"] h3', 'No rules, no alerts');
    expect(await page.isVisible('[data-part="no-alerts"]')).toBe(false);
    await page.getByRole('link', { name: 'Rules' }).click();
    await dashboard.untilText('[data-part="rules-empty"] h3', 'This server has no rules');
    expect(await dashboard.text('[data-part="rules-empty"]')).toContain('--rules.file=rules.json');
    // The example is one that a server takes.
    const example: unknown = JSON.parse(await dashboard.text('[data-part="rules-example"]'));
    const other = await serverWith((example as { rules: object[] }).rules);
    const response = await fetch(`http://127.0.0.1:${other.port}/api/rules`);
    expect(await response.json()).toMatchObject({ refused: null, items: [{ name: 'flash' }] });
  });

  test('fits a phone: alerts and rules', async () => {
    const { port } = await serverWith([FLASH, PEG, ONCE]);
    await post(port, 'BINANCE:1000SHIB-USDT-PERPETUAL.', 64_250, 74_250);
    const viewport = { width: 360, height: 740 };
    const dashboard = await DashboardPage.open(browser, port, { viewport, hasTouch: true });
    const { page } = dashboard;
    await dashboard.untilText(FIRST, /critical\s+BINANCE:1000SHIB/);
    const width = () => page.evaluate(() => document.documentElement.scrollWidth);
    expect(await width()).toBe(360);
    const line = await page.locator(`${FIRST} button`).boundingBox();
    expect(line?.height).toBeGreaterThanOrEqual(40);
    await page.getByRole('link', { name: 'Rules' }).tap();
    await dashboard.untilText('[data-part="rules-note"]', /^3 rules/);
    expect(await width()).toBe(360);
    expect(await page.locator('.rule-card').count()).toBe(3);
  });

  test.each([1366, 1920])('at %d px alerts show their symbols whole', async (width) => {
    const { port } = await serverWith([FLASH]);
    await post(port, 'BINANCE:ETH-USDT', 64_250, 74_250);
    const dashboard = await DashboardPage.open(browser, port, { viewport: { width, height: 900 } });
    await dashboard.untilText(FIRST, /BINANCE:ETH-USDT/);
    const cut = await dashboard.page.evaluate(() =>
      [...document.querySelectorAll('.episode > span, .feed .panel-head')]
        .filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth)
        .map(({ className, scrollWidth }) => `${className} ${scrollWidth}`),
    );
    expect(cut).toEqual([]);
  });
});
