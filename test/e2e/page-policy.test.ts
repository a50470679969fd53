import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { hasChromium, openBrowser } from '../../testkit/chromium.ts';
import { onTransports, serverForSuite } from '../support/running-server.ts';

/** "open", or the directive that blocked it, or the reason. */
type Outcome = string;

/** Opens a WebSocket inside a page. */
function openSocket(page: Page, url: string): Promise<Outcome> {
  return page.evaluate(
    (at) =>
      new Promise<string>((resolve) => {
        document.addEventListener('securitypolicyviolation', (event) =>
          resolve(event.effectiveDirective),
        );
        try {
          const socket = new WebSocket(at, 'tickwire.v1.json');
          socket.onopen = () => resolve('open');
          // After the violation event, if any.
          socket.onerror = () => setTimeout(resolve, 200, 'error');
        } catch (error) {
          resolve(String(error));
        }
      }),
    url,
  );
}

/** Runs an injected script, as in an HTML injection. */
function runInline(page: Page): Promise<Outcome> {
  return page.evaluate(
    () =>
      new Promise<string>((resolve) => {
        document.addEventListener('securitypolicyviolation', (event) =>
          resolve(event.effectiveDirective),
        );
        const script = document.createElement('script');
        script.textContent = 'document.title = "it ran"';
        document.head.append(script);
        setTimeout(() => resolve(document.title), 200);
      }),
  );
}

/** A foreign one-page site, for one test. */
async function foreignSite(html: string): Promise<string> {
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'text/html').end(html);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

describe.skipIf(!hasChromium && !process.env.CI)('in Chromium', () => {
  let browser: Browser;
  const openPage = async (url: string) => {
    const page = await browser.newPage();
    onTestFinished(() => page.close());
    await page.goto(url);
    return page;
  };

  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser.close());

  onTransports((transport) => {
    const server = serverForSuite({ server: { transport } });
    const other = serverForSuite({ server: { transport } });
    const own = () => openPage(`http://127.0.0.1:${server.port}/`);

    it('lets the page open a WebSocket to its own server, and to no other', async () => {
      const page = await own();
      const url = (port: number) => `ws://127.0.0.1:${port}/v1/stream`;
      expect(await openSocket(page, url(server.port))).toBe('open');
      expect(await openSocket(page, url(other.port))).toBe('connect-src');
    });

    it('runs no script that did not come as a file of the server', async () => {
      expect(await runInline(await own())).toBe('script-src-elem');
    });

    it('lets no other page show it in a frame', async () => {
      const at = `http://127.0.0.1:${server.port}/`;
      const page = await openPage(await foreignSite(`<iframe src="${at}"></iframe>`));
      const frame = page.frames().find((candidate) => candidate !== page.mainFrame());
      expect(frame?.url()).toBe('chrome-error://chromewebdata/');
    });

    it('lets any page load the SDK', async () => {
      const sdk = `http://127.0.0.1:${server.port}/sdk/tickwire.js`;
      const page = await openPage(
        await foreignSite(`<script crossorigin src="${sdk}"></script><title>a shop</title>`),
      );
      expect(await page.evaluate('typeof tickwire.connect')).toBe('function');
    });

    it('lets no other page load the script of the dashboard', async () => {
      const script = `http://127.0.0.1:${server.port}/dashboard.js`;
      const refused = 'onerror="document.title = 1"';
      const page = await openPage(
        await foreignSite(`<title>0</title><script ${refused} src="${script}"></script>`),
      );
      expect(await page.title()).toBe('1');
    });
  });
});
