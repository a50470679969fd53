import type { Subscriber, Subscription } from '../../../client-sdk/src/index.ts';
import type { HttpApi, SymbolSnapshot } from '../http-api.ts';
import { findPart, setFlag, setText } from '../page/dom.ts';
import { formatCount } from '../page/format.ts';
import { Poller } from '../page/scheduling.ts';
import type { Palette } from '../page/theme.ts';
import type { Market, SymbolRow } from './market.ts';
import { orderRows } from './symbol-order.ts';
import { SymbolTable } from './symbol-table.ts';

export interface SymbolsPanelEvents {
  readonly selected: (symbol: string) => void;
  /** Other symbols are visible. */
  readonly shown: (symbols: readonly string[]) => void;
  /** The list of symbols was read. */
  readonly listed: () => void;
  /** Something must be drawn. */
  readonly changed: () => void;
}

/** The list of symbols, its filter and its table. */
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

  /** Reads the list now, and at intervals from then on. */
  refresh(): void {
    this.#directory.now();
  }

  /** The server has this many symbols: reads the list if there are more than known, or fewer. */
  expect(symbols: number): void {
    if (Math.min(symbols, LISTED_MAX) !== this.#market.size) this.refresh();
    else if (symbols === 0) this.#order();
  }

  /** A new epoch started: drops all rows. */
  reset(): void {
    this.#epoch++;
    this.#isListed = false;
    this.#market.clear();
    this.#order();
    this.refresh();
  }

  /** Drops symbols that are gone. */
  remove(symbols: readonly string[]): void {
    for (const symbol of symbols) this.#market.remove(symbol);
    this.#order();
  }

  select(symbol: string | undefined): void {
    this.#table.select(symbol);
  }

  /** Marks what is shown as possibly out of date. */
  setStale(isStale: boolean): void {
    setFlag(this.#root, 'data-stale', isStale);
  }

  draw(nowMs: number, serverTime: number, palette: Palette): void {
    this.#table.draw(nowMs, serverTime, palette);
  }

  async #list(): Promise<void> {
    if (document.hidden && this.#isListed) return;
    const epoch = this.#epoch;
    this.#market.beginList();
    this.#restMs = await listSymbols(this.#api, (page) => {
      if (epoch !== this.#epoch) return false;
      this.#market.takePage(page);
      // During the first reading, rows appear as they arrive.
      if (!this.#isListed) this.#order();
      return true;
    });
    if (epoch !== this.#epoch) return;
    this.#isListed = true;
    if (this.#market.size < LISTED_MAX) this.#market.endList();
    this.#order();
    this.#events.listed();
  }

  /** Filters and sorts. Rows change places only here. */
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

/** Most symbols listed. */
const LISTED_MAX = 100_000;
/** Pause between readings, ms: for each page, and its bounds. */
const REST_MS_PER_PAGE = 2000;
const REST_MS_MIN = 3000;
const REST_MS_MAX = 30_000;

/**
 * Reads the list of symbols, page by page.
 *
 * @param take gets each page; returns false to stop
 * @returns pause before the next reading, ms: longer with more pages
 * @throws Error if a request fails
 */
async function listSymbols(
  api: HttpApi,
  take: (page: readonly SymbolSnapshot[]) => boolean,
): Promise<number> {
  let after: string | null = '';
  let pages = 0;
  let listed = 0;
  while (after !== null && listed < LISTED_MAX) {
    const page: Awaited<ReturnType<HttpApi['symbols']>> = await api.symbols(after);
    pages++;
    listed += page.items.length;
    if (!take(page.items)) return 0;
    after = page.next;
  }
  return Math.min(REST_MS_MAX, Math.max(REST_MS_MIN, pages * REST_MS_PER_PAGE));
}

/**
 * How long the visible rows must stay the same before they are subscribed, ms: not while scrolling.
 */
const SETTLE_MS = 100;

/** Subscribes to the statistics of the visible symbols only. */
export class RowSubscription {
  readonly #subscriber: Subscriber;
  #subscription: Subscription | undefined;
  #symbols: readonly string[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(subscriber: Subscriber) {
    this.#subscriber = subscriber;
  }

  /** Sets the visible symbols. */
  show(symbols: readonly string[]): void {
    clearTimeout(this.#timer);
    if (isSameSet(symbols, this.#symbols)) return;
    this.#timer = setTimeout(() => this.#replace(symbols), SETTLE_MS);
  }

  /** New subscription first: symbols in both keep their updates. */
  #replace(symbols: readonly string[]): void {
    if (this.#subscriber.state === 'closed') return;
    const previous = this.#subscription;
    this.#symbols = symbols;
    this.#subscription =
      symbols.length === 0 ? undefined : this.#subscriber.subscribe(symbols, { anomalies: false });
    previous?.unsubscribe();
  }
}

function isSameSet(left: readonly string[], right: readonly string[]): boolean {
  if (left.length !== right.length) return false;
  const known = new Set(left);
  return right.every((symbol) => known.has(symbol));
}
