import { findPart } from './find-part.ts';
import type { HttpApi } from './http-api.ts';
import type { Market } from './market.ts';
import { formatCount } from './number-format.ts';
import type { Palette } from './palette.ts';
import { Poller } from './poller.ts';
import { setFlag, setText } from './set-text.ts';
import { LISTED_MAX, listSymbols } from './symbol-directory.ts';
import { orderRows } from './symbol-order.ts';
import type { SymbolRow } from './symbol-row.ts';
import { SymbolTable } from './symbol-table.ts';

export interface SymbolsPanelEvents {
  /** A symbol was chosen. */
  readonly selected: (symbol: string) => void;
  /** Other symbols are in sight. */
  readonly shown: (symbols: readonly string[]) => void;
  /** The list of all symbols was read. */
  readonly listed: () => void;
  /** What is drawn is out of date. */
  readonly changed: () => void;
}

/** The list of all symbols, its filter, and its table. */
export class SymbolsPanel {
  readonly #root: HTMLElement;
  readonly #api: HttpApi;
  readonly #market: Market;
  readonly #events: SymbolsPanelEvents;
  readonly #table: SymbolTable;
  readonly #filter: HTMLInputElement;
  readonly #count: HTMLElement;
  readonly #empty: HTMLElement;
  readonly #directory: Poller;
  #epoch = 0;
  #isListed = false;

  constructor(root: HTMLElement, api: HttpApi, market: Market, events: SymbolsPanelEvents) {
    this.#root = root;
    this.#api = api;
    this.#market = market;
    this.#events = events;
    this.#filter = findPart(root, 'filter', HTMLInputElement);
    this.#count = findPart(root, 'count', HTMLElement);
    this.#empty = findPart(root, 'empty', HTMLElement);
    setText(findPart(root, 'empty-command', HTMLElement), publishCommand(api.token !== undefined));
    this.#table = new SymbolTable(root, {
      sorted: () => this.#order(),
      selected: events.selected,
      changed: events.changed,
      shown: (rows) => events.shown(rows.map(({ symbol }) => symbol)),
    });
    this.#directory = new Poller(
      () => this.#list(),
      () => this.#restMs,
    );
    this.#listenToFilter();
  }

  #restMs = 0;

  /** Begins to read the list, or reads it now. */
  refresh(): void {
    this.#directory.now();
  }

  /** There are so many symbols: reads the list anew when that is more than are known. */
  expect(symbols: number): void {
    if (Math.min(symbols, LISTED_MAX) > this.#market.size) this.refresh();
    else if (symbols === 0) this.#order();
  }

  /** A new epoch began: every row goes. */
  reset(): void {
    this.#epoch++;
    this.#isListed = false;
    this.#market.clear();
    this.#order();
    this.refresh();
  }

  select(symbol: string | undefined): void {
    this.#table.select(symbol);
  }

  /** Connected or not: what is shown may be out of date. */
  setStale(isStale: boolean): void {
    setFlag(this.#root, 'data-stale', isStale);
  }

  draw(nowMs: number, serverTime: number, palette: Palette): void {
    this.#table.draw(nowMs, serverTime, palette);
  }

  async #list(): Promise<void> {
    if (document.hidden && this.#isListed) return;
    const epoch = this.#epoch;
    this.#restMs = await listSymbols(this.#api, (page) => {
      if (epoch !== this.#epoch) return false;
      this.#market.takePage(page);
      // Until the first time is over, rows appear as they come.
      if (!this.#isListed) this.#order();
      return true;
    });
    if (epoch !== this.#epoch) return;
    this.#isListed = true;
    this.#order();
    this.#events.listed();
  }

  /** Filters and sorts. Only here rows change places, so they stay where they are between. */
  #order(): void {
    const filter = this.#filter.value.trim();
    const rows = orderRows<SymbolRow>(this.#market.rows(), filter, this.#table.sort);
    this.#table.setRows(rows);
    const total = this.#market.size;
    const all = total >= LISTED_MAX ? `the first ${formatCount(total)}` : formatCount(total);
    setText(this.#count, filter === '' ? all : `${formatCount(rows.length)} of ${all}`);
    this.#showEmpty(rows.length === 0, filter, total);
  }

  #showEmpty(isEmpty: boolean, filter: string, total: number): void {
    this.#empty.hidden = !isEmpty;
    const isUnmatched = total > 0 && filter !== '';
    const title = isUnmatched ? `No symbol contains “${filter}”` : 'No symbols yet';
    setText(findPart(this.#empty, 'empty-title', HTMLElement), title);
    findPart(this.#empty, 'empty-help', HTMLElement).hidden = isUnmatched;
  }

  #listenToFilter(): void {
    this.#filter.addEventListener('input', () => this.#order());
    this.#filter.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape') return;
      this.#filter.value = '';
      this.#order();
      findPart(this.#root, 'grid', HTMLElement).focus();
    });
    document.addEventListener('keydown', (event) => {
      if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey) return;
      const { target } = event;
      if (target instanceof HTMLInputElement && target.type !== 'radio') return;
      event.preventDefault();
      this.#filter.focus();
    });
  }
}

function publishCommand(isTokenNeeded: boolean): string {
  const url = new URL('api/prices', document.baseURI);
  const token = isTokenNeeded ? '  -H "authorization: Bearer $TICKWIRE_TOKEN" \\\n' : '';
  return (
    `curl -X POST ${url.href} \\\n${token}  -H 'content-type: application/json' \\\n` +
    `  -d '{"symbol": "BTC-USD", "price": 64250.5}'`
  );
}
