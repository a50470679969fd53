import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { expect, onTestFinished } from 'vitest';
import { eventually } from '../../testkit/until.ts';

/** What a browser itself writes to the console while a server is down. */
const NETWORK_NOISE = /net::ERR_CONNECTION_(REFUSED|RESET)|net::ERR_EMPTY_RESPONSE/;

/** What a browser itself writes to the console when the server wants a token, or another one. */
const TOKEN_NOISE =
  /the server responded with a status of 40[13]|WebSocket connection to .* failed/;

/** What a test has the server do, about which browsers write to the console. */
interface Disturbances {
  readonly isServerStopped?: boolean;
  readonly isTokenAsked?: boolean;
  /** Called before the page is loaded. */
  readonly prepare?: (page: Page) => Promise<void>;
}

/** A row of the table of symbols, as it is shown. */
export type ShownRow = Readonly<Record<string, string>>;

/** The dashboard in a browser, for one test. Anything in the console fails the test. */
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
    await dashboard.page.goto(`http://127.0.0.1:${port}/`);
    return dashboard;
  }

  /** The text of an element. */
  text(selector: string): Promise<string> {
    return this.page.evaluate(
      (wanted) => document.querySelector<HTMLElement>(wanted)?.innerText.trim() ?? '(none)',
      selector,
    );
  }

  /** Waits until an element's text is as it should be. */
  untilText(selector: string, wanted: string | RegExp): Promise<string> {
    return eventually(
      () => this.text(selector),
      (text) => (typeof wanted === 'string' ? text === wanted : wanted.test(text)),
    );
  }

  /** Waits until an element is hidden. */
  untilHidden(selector: string): Promise<boolean> {
    return eventually(
      () => this.page.isVisible(selector),
      (isVisible) => !isVisible,
    );
  }

  untilLive(): Promise<string> {
    return this.untilText('[data-part="state"]', 'Live');
  }

  /** The rows that are in the page, from top to bottom; the text of each cell by its column. */
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

  /** Waits until the rows in the page are as they should be. */
  untilRows(areSo: (rows: readonly ShownRow[]) => boolean): Promise<ShownRow[]> {
    return eventually(() => this.rows(), areSo);
  }

  /** Waits until these symbols and no others are in the page, in this order. */
  untilSymbols(symbols: readonly string[]): Promise<ShownRow[]> {
    return this.untilRows(
      (rows) => rows.map(({ symbol }) => symbol).join('\n') === symbols.join('\n'),
    );
  }

  /** The symbol at the cursor of the table, as assistive technology finds it. */
  cursor(): Promise<string> {
    return this.page.evaluate(() => {
      const id = document.querySelector('#symbols')?.getAttribute('aria-activedescendant');
      const row = document.getElementById(id ?? '');
      return row?.querySelector('[data-column="symbol"]')?.textContent ?? '(none)';
    });
  }
}
