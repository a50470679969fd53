import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasChromium, openBrowser } from '../../testkit/chromium.ts';
import { eventually } from '../../testkit/until.ts';
import { serverForTest, serverProcessForTest } from '../support/running-server.ts';
import { SECRET, signed } from '../support/tokens.ts';
import { DashboardPage } from './dashboard-page.ts';

const OPERATOR = { sub: 'olga', tickwire: { read: ['*'], publish: ['*'], operator: true } };
const READER = { sub: 'rita', tickwire: { read: ['BTC-*'] } };
const FORM = '#token';
const FAULT = '[data-part="token-fault"]';

/** A token valid for so many seconds, without tolerance. */
function signedFor(seconds: number, claims: object): Promise<string> {
  return signed({ ...claims, exp: Math.ceil(Date.now() / 1000) + seconds });
}

async function post(port: number, prices: readonly (readonly [symbol: string, price: number])[]) {
  const response = await fetch(`http://127.0.0.1:${port}/api/prices`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${await signed(OPERATOR)}`,
    },
    body: JSON.stringify(prices.map(([symbol, price]) => ({ symbol, price }))),
  });
  expect(await response.json()).toEqual({ accepted: prices.length, rejected: [] });
}

/** Submits a token in the form. */
async function enter({ page }: DashboardPage, token: string): Promise<void> {
  await page.locator('[data-part="token-value"]').fill(token);
  await page.keyboard.press('Enter');
}

/** Submits a replacement token; the page reloads. */
async function enterAnother(dashboard: DashboardPage, token: string): Promise<void> {
  const loaded = dashboard.page.waitForEvent('load');
  await enter(dashboard, token);
  await loaded;
}

function untilAsked({ page }: DashboardPage): Promise<boolean> {
  return eventually(
    () => page.isVisible(FORM),
    (isVisible) => isVisible,
  );
}

const stored = ({ page }: DashboardPage) =>
  page.evaluate(() => [JSON.stringify(sessionStorage), JSON.stringify(localStorage)]);

describe.skipIf(!hasChromium && !process.env.CI)(
  'the dashboard of a server that demands tokens',
  () => {
    let browser: Browser;
    beforeAll(async () => {
      browser = await openBrowser();
    });
    afterAll(() => browser.close());

    const open = (port: number, options = {}) =>
      DashboardPage.open(browser, port, { isTokenAsked: true, ...options });

    test('asks for a token, says why one is refused, and then shows everything', async () => {
      const { port } = await serverForTest({ auth: { jwtSecret: SECRET } });
      await post(port, [['BTC-USD', 64250.5]]);
      const dashboard = await open(port);
      await untilAsked(dashboard);
      const { page } = dashboard;
      const field = page.getByLabel('Token', { exact: true });
      expect(await field.evaluate((element) => element === document.activeElement)).toBe(true);
      expect(await page.getByRole('dialog').getAttribute('aria-labelledby')).toBe('token-title');
      expect(await dashboard.text(FAULT)).toBe('');
      // Escape does nothing, however often.
      for (let i = 0; i < 3; i++) await page.keyboard.press('Escape');
      await untilAsked(dashboard);
      await enter(dashboard, 'two words');
      await dashboard.untilText(FAULT, /^.?.?A token is one word/);
      expect(await field.getAttribute('aria-invalid')).toBe('true');
      await enter(dashboard, await signed(OPERATOR, 'another secret that is long enough too'));
      await dashboard.untilText(FAULT, /not accepted: the signature matches no known key/);
      expect(await stored(dashboard)).toEqual(['{}', '{}']);

      const token = await signed(OPERATOR);
      await enter(dashboard, token);
      await dashboard.untilHidden(FORM);
      await dashboard.untilLive();
      await dashboard.untilSymbols(['BTC-USD']);
      await dashboard.untilText('[data-part="processed"]', '1');
      await dashboard.untilText('[data-part="title"]', 'BTC-USD');
      expect(await field.inputValue()).toBe('');
      expect(await stored(dashboard)).toEqual([JSON.stringify({ 'tickwire.token': token }), '{}']);
      // A reload does not ask again; another tab has its own session.
      await page.reload();
      await dashboard.untilLive();
      expect(await page.isVisible(FORM)).toBe(false);
    });

    test('the key of the form: what is typed can be shown', async () => {
      const { port } = await serverForTest({ auth: { jwtSecret: SECRET } });
      const dashboard = await open(port);
      await untilAsked(dashboard);
      const { page } = dashboard;
      const kind = () => page.getAttribute('[data-part="token-value"]', 'type');
      expect(await kind()).toBe('password');
      await page.keyboard.press('Tab');
      await page.keyboard.press(' ');
      expect(await kind()).toBe('text');
      await page.keyboard.press('Tab');
      const focused = () => page.evaluate(() => document.activeElement?.textContent);
      expect(await focused()).toBe('Use this token');
      await page.keyboard.press('Enter');
      await dashboard.untilText(FAULT, /A token is one word/);
    });

    test('who is no operator sees all but the totals of the server', async () => {
      const { port } = await serverForTest({ auth: { jwtSecret: SECRET } });
      await post(port, [
        ['BTC-USD', 100],
        ['BTC-USD', 103],
        ['ETH-USD', 3000],
      ]);
      const dashboard = await open(port);
      await untilAsked(dashboard);
      await enter(dashboard, await signed(READER));
      await dashboard.untilLive();
      await dashboard.untilSymbols(['BTC-USD']);
      await dashboard.untilText('[data-part="restricted"]', /for operators/);
      expect(await dashboard.page.isVisible('#server .tile')).toBe(false);
      expect(await dashboard.page.isVisible('[data-part="stale"]')).toBe(false);
      await dashboard.untilText('.feed-list li:first-child', /BTC-USD\s+\+3\.00 %/);
      await dashboard.untilText('[data-part="title"]', 'BTC-USD');
      await dashboard.untilText('[data-part="anomaly-count"]', '1');
      await post(port, [['BTC-USD', 104]]);
      await dashboard.untilText('[data-part="price"]', '104.000');
      await dashboard.untilText('[data-part="sync"]', /^In sync, 1 symbols/);
      expect(await dashboard.page.isVisible('.of-band')).toBe(false);
      // The price axis works without a known threshold: it reads out what it draws.
      const box = await dashboard.page.locator('.plot .u-over').boundingBox();
      if (box === null) throw new Error('the chart is not there');
      await dashboard.page.mouse.move(box.x + box.width - 2, box.y + box.height / 2);
      const readout = await dashboard.untilText('.readout', /Price 104\.000\s+Average 102\.333/);
      expect(readout).not.toContain('Threshold');
    });

    test('a token that expires is asked for again, and nothing of it stays', async () => {
      const auth = { jwtSecret: SECRET, clockToleranceMs: 0 };
      const { port } = await serverForTest({ auth });
      await post(port, [['BTC-USD', 64250.5]]);
      const dashboard = await open(port);
      await untilAsked(dashboard);
      await enter(dashboard, await signedFor(5, OPERATOR));
      await dashboard.untilLive();
      await dashboard.untilSymbols(['BTC-USD']);
      await untilAsked(dashboard);
      await dashboard.untilText(FAULT, /not accepted: /);
      expect(await stored(dashboard)).toEqual(['{}', '{}']);
      // Waiting for another token, it requests nothing.
      const requests: string[] = [];
      dashboard.page.on('request', (request) => requests.push(request.url()));
      await dashboard.untilText('[data-part="state"]', 'Closed');
      await dashboard.page.waitForTimeout(2500);
      expect(requests).toEqual([]);
      await enterAnother(dashboard, await signed(READER));
      await dashboard.untilLive();
      await dashboard.untilText('[data-part="restricted"]', /for operators/);
    });

    test('a token of before that is not accepted any more is asked for anew', async () => {
      const jwtSecret = (secret: string) => `--auth.jwtSecret=${secret}`;
      const first = await serverProcessForTest([jwtSecret(SECRET)]);
      const dashboard = await open(first.port, { isServerStopped: true });
      await untilAsked(dashboard);
      await enter(dashboard, await signed(OPERATOR));
      await dashboard.untilLive();
      await first.end();
      const other = 'the secret of tests after a change of it';
      const second = await serverProcessForTest([`--server.port=${first.port}`, jwtSecret(other)]);
      expect(second.port).toBe(first.port);
      await untilAsked(dashboard);
      await dashboard.untilText(FAULT, /the signature matches no known key/);
      await enterAnother(dashboard, await signed(OPERATOR, other));
      await dashboard.untilLive();
    });

    test('a token can be forgotten', async () => {
      const { port } = await serverForTest({ auth: { jwtSecret: SECRET } });
      await post(port, [['BTC-USD', 64250.5]]);
      const dashboard = await open(port);
      await untilAsked(dashboard);
      await enter(dashboard, await signed(OPERATOR));
      await dashboard.untilSymbols(['BTC-USD']);
      const loaded = dashboard.page.waitForEvent('load');
      await dashboard.page.getByRole('button', { name: 'Forget token' }).press('Enter');
      await loaded;
      await untilAsked(dashboard);
      expect(await stored(dashboard)).toEqual(['{}', '{}']);
      await dashboard.untilSymbols([]);
      expect(await dashboard.text(FAULT)).toBe('');
    });

    test('fits a phone, light and dark', async () => {
      const { port } = await serverForTest({ auth: { jwtSecret: SECRET } });
      const viewport = { width: 320, height: 640 };
      const dashboard = await open(port, { viewport, hasTouch: true, colorScheme: 'dark' });
      await untilAsked(dashboard);
      await enter(dashboard, await signed(OPERATOR, 'another secret that is long enough too'));
      await dashboard.untilText(FAULT, /not accepted/);
      const box = await dashboard.page.locator(FORM).boundingBox();
      if (box === null) throw new Error('the form is not there');
      expect(box.x).toBeGreaterThanOrEqual(0);
      expect(box.x + box.width).toBeLessThanOrEqual(viewport.width);
      expect(box.y + box.height).toBeLessThanOrEqual(viewport.height);
      const background = () =>
        dashboard.page.evaluate(
          () => getComputedStyle(document.querySelector('#token') as Element).backgroundColor,
        );
      expect(await background()).toBe('rgb(18, 22, 29)');
      // A chosen theme applies here too.
      await dashboard.page.evaluate(() => localStorage.setItem('tickwire.theme', 'light'));
      await dashboard.page.reload();
      await untilAsked(dashboard);
      expect(await background()).toBe('rgb(255, 255, 255)');
    });

    test('a server without tokens never asks', async () => {
      const { port } = await serverForTest();
      const dashboard = await DashboardPage.open(browser, port);
      await dashboard.untilLive();
      expect(await dashboard.page.isVisible(FORM)).toBe(false);
      expect(await dashboard.page.isVisible('[data-part="forget"]')).toBe(false);
      expect(await dashboard.text('[data-part="empty-command"]')).not.toContain('authorization');
    });
  },
);
