import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasChromium, openBrowser } from '../../testkit/chromium.ts';
import { eventually } from '../../testkit/until.ts';
import { behind, ProxyProcess } from '../support/proxy-process.ts';
import { postPrices } from '../support/raw-http.ts';
import { onTransports, serverProcessForTest } from '../support/running-server.ts';
import { SECRET, signed } from '../support/tokens.ts';
import { DashboardPage } from './dashboard-page.ts';

const PATH = '/tickwire/';
const OPERATOR = { tickwire: { read: ['*'], publish: ['*'], operator: true } };

behind('nginx', () => {
  describe.skipIf(!hasChromium && !process.env.CI)('the dashboard under a path', () => {
    let browser: Browser;
    beforeAll(async () => {
      browser = await openBrowser();
    });
    afterAll(() => browser.close());

    onTransports((transport) => {
      const flags = [`--server.transport=${transport}`];

      it('becomes Live, shows prices, and links to calls that answer', async () => {
        const server = await serverProcessForTest(flags);
        const { port } = await ProxyProcess.startForTest('nginx', [server.port]);
        // Without the slash at its end, nginx leads there.
        const dashboard = await DashboardPage.open(browser, port, { path: PATH.slice(0, -1) });
        await dashboard.untilLive();
        const command = await dashboard.text('[data-part="empty-command"]');
        expect(command).toContain(`curl -X POST http://127.0.0.1:${port}${PATH}api/prices`);
        await postPrices(server.port, [{ symbol: 'BTC/USD', price: 64250.5 }]);
        await dashboard.untilSymbols(['BTC/USD']);
        await dashboard.untilText('[data-part="title"]', 'BTC/USD');
        await dashboard.untilText('[data-part="sync"]', /^In sync, 1 symbols/);

        const { page } = dashboard;
        await page.goto(`http://127.0.0.1:${port}${PATH}api`);
        const links = await page.evaluate(() =>
          [...document.querySelectorAll('a')].map((link) => link.href),
        );
        expect(links.length).toBeGreaterThan(5);
        for (const link of links) {
          expect(new URL(link).pathname).toMatch(/^\/tickwire\//);
          expect([link, (await fetch(link)).status]).toEqual([link, 200]);
        }
      });

      it('asks for a token where the server demands one', async () => {
        const server = await serverProcessForTest([...flags, `--auth.jwtSecret=${SECRET}`]);
        const { port } = await ProxyProcess.startForTest('nginx', [server.port]);
        const dashboard = await DashboardPage.open(browser, port, {
          path: PATH,
          isTokenAsked: true,
        });
        await eventually(
          () => dashboard.page.isVisible('#token'),
          (isVisible) => isVisible,
        );
        await dashboard.page.locator('[data-part="token-value"]').fill(await signed(OPERATOR));
        await dashboard.page.keyboard.press('Enter');
        await dashboard.untilHidden('#token');
        await dashboard.untilLive();
      });
    });
  });
});
