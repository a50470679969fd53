import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { expect, onTestFinished } from 'vitest';
import { eventually } from '../../testkit/until.ts';

/** Browser console output while a server is down. */
const NETWORK_NOISE = /net::ERR_CONNECTION_(REFUSED|RESET)|net::ERR_EMPTY_RESPONSE/;

/** Browser console output when the server demands a token, or another one. */
const TOKEN_NOISE =
  /the server responded with a status of 40[13]|WebSocket connection to .* failed/;

/** Deliberate server faults that browsers log, and what is to be opened. */
interface Disturbances {
  readonly isServerStopped?: boolean;
  readonly isTokenAsked?: boolean;
  /** Where the page is; `/` unless given. */
  readonly path?: string;
  /** Runs before the page loads. */
  readonly prepare?: (page: Page) => Promise<void>;
}

/** A displayed table row. */
export type ShownRow = Readonly<Record<string, string>>;

/** The dashboard in a browser, for one test. Any console output fails the test. */
export class DashboardPage {
  readonly page: Page;
  readonly #faults: string[] = [];

  private constructor(page: Page, noises: readonly RegExp[]) {
    this.page = page;
    page.on('pageerror', (error) => this.#faults.push(String(error.stack)));
    page.on('dialog', (dialog) => {
      this.#faults.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on('console', (message) => {
      if (!noises.some((noise) => noise.test(message.text()))) {
        this.#faults.push(`${message.type()}: ${message.text()}`);
      }
    });
  }

  static async open(
    browser: Browser,
    port: number,
    {
      isServerStopped = false,
      isTokenAsked = false,
      path = '/',
      prepare,
      ...options
    }: BrowserContextOptions & Disturbances = {},
  ): Promise<DashboardPage> {
    const context = await browser.newContext({
      viewport: { width: 1440, height: 900 },
      ...options,
    });
    const dashboard = new DashboardPage(await context.newPage(), [
      ...(isServerStopped ? [NETWORK_NOISE] : []),
      ...(isTokenAsked ? [TOKEN_NOISE] : []),
    ]);
    onTestFinished(async () => {
      await context.close();
      expect(dashboard.#faults).toEqual([]);
    });
    await prepare?.(dashboard.page);
    await dashboard.page.goto(`http://127.0.0.1:${port}${path}`);
    return dashboard;
  }

  text(selector: string): Promise<string> {
    return this.page.evaluate(
      (wanted) => document.querySelector<HTMLElement>(wanted)?.innerText.trim() ?? '(none)',
      selector,
    );
  }

  untilText(selector: string, wanted: string | RegExp): Promise<string> {
    return eventually(
      () => this.text(selector),
      (text) => (typeof wanted === 'string' ? text === wanted : wanted.test(text)),
    );
  }

  untilHidden(selector: string): Promise<boolean> {
    return eventually(
      () => this.page.isVisible(selector),
      (isVisible) => !isVisible,
    );
  }

  untilLive(): Promise<string> {
    return this.untilText('[data-part="state"]', 'Live');
  }

  /** Rendered rows from top to bottom; cell texts by column. */
  rows(): Promise<ShownRow[]> {
    return this.page.evaluate(() => {
      const rows = [...document.querySelectorAll('#symbols tbody tr')];
      const place = (row: Element) => Number(row.getAttribute('aria-rowindex'));
      return rows
        .sort((a, b) => place(a) - place(b))
        .map((row) =>
          Object.fromEntries(
            [...row.querySelectorAll<HTMLElement>('td')].map((cell) => [
              cell.dataset.column ?? '',
              cell.textContent.trim(),
            ]),
          ),
        );
    });
  }

  /** Waits until the rendered rows are as expected. */
  untilRows(areSo: (rows: readonly ShownRow[]) => boolean): Promise<ShownRow[]> {
    return eventually(() => this.rows(), areSo);
  }

  /** Waits until exactly these symbols are rendered in this order. */
  untilSymbols(symbols: readonly string[]): Promise<ShownRow[]> {
    return this.untilRows(
      (rows) => rows.map(({ symbol }) => symbol).join('\n') === symbols.join('\n'),
    );
  }

  /** The symbol at the cursor, as assistive technology sees it. */
  cursor(): Promise<string> {
    return this.page.evaluate(() => {
      const id = document.querySelector('#symbols')?.getAttribute('aria-activedescendant');
      const row = document.getElementById(id ?? '');
      return row?.querySelector('[data-column="symbol"]')?.textContent ?? '(none)';
    });
  }
}
