import { findPart } from '../page/dom.ts';
import type { Palette } from '../page/theme.ts';
import type { SymbolRow } from './market.ts';
import { RowView } from './row-view.ts';
import type { Sort } from './symbol-order.ts';
import { COLUMNS, TableHead } from './table-head.ts';
import { moveCursor, scrollToShow, windowAt } from './virtual-window.ts';

/** Rows kept above and below the visible ones. */
const OVERSCAN = 4;

export interface TableEvents {
  /** The sort order changed. */
  readonly sorted: () => void;
  readonly selected: (symbol: string) => void;
  /** Other rows are visible. */
  readonly shown: (rows: readonly SymbolRow[]) => void;
  /** Something must be drawn. */
  readonly changed: () => void;
}

/** The table of symbols. Only visible rows have elements, which are reused as the table scrolls. */
export class SymbolTable {
  readonly #grid: HTMLTableElement;
  readonly #body: HTMLTableSectionElement;
  readonly #head: TableHead;
  readonly #events: TableEvents;
  #views: RowView[] = [];
  #rows: readonly SymbolRow[] = [];
  #cursor: SymbolRow | undefined;
  #cursorIndex = -1;
  #selected: string | undefined;
  #rowHeight = 1;
  #headHeight = 0;
  #viewHeight = 0;
  #scrollTop = 0;
  #isMoved = true;

  constructor(root: HTMLElement, events: TableEvents) {
    this.#grid = findPart(root, 'grid', HTMLTableElement);
    this.#body = findPart(root, 'body', HTMLTableSectionElement);
    this.#events = events;
    this.#grid.role = 'grid';
    this.#grid.tabIndex = 0;
    this.#grid.ariaColCount = String(COLUMNS.length);
    this.#body.role = 'rowgroup';
    const head = findPart(root, 'columns', HTMLTableSectionElement);
    this.#head = new TableHead(head, events.sorted);
    this.#grid.addEventListener('scroll', () => this.#scrolled(), { passive: true });
    this.#grid.addEventListener('keydown', (event) => this.#pressed(event));
    this.#body.addEventListener('click', (event) => this.#clicked(event));
    new ResizeObserver(() => this.#measure(head)).observe(this.#grid);
  }

  get sort(): Sort {
    return this.#head.sort;
  }

  /** Sets the rows and their order. The cursor stays with its symbol. */
  setRows(rows: readonly SymbolRow[]): void {
    this.#rows = rows;
    this.#cursorIndex = this.#cursor === undefined ? -1 : rows.indexOf(this.#cursor);
    this.#grid.ariaRowCount = String(rows.length + 1);
    this.#body.style.height = `${rows.length * this.#rowHeight}px`;
    this.#scrolled();
  }

  /** Marks the symbol that the chart shows. */
  select(symbol: string | undefined): void {
    this.#selected = symbol;
    this.#events.changed();
  }

  /** Draws what changed. `serverTime` is the server's `Date.now()`. */
  draw(nowMs: number, serverTime: number, palette: Palette): void {
    if (this.#isMoved) this.#place();
    const selected = this.#selected;
    const context = { nowMs, serverTime, palette, selected, cursor: this.#cursorIndex };
    for (const view of this.#views) view.draw(context);
  }

  #measure(head: HTMLElement): void {
    const height = getComputedStyle(this.#grid).getPropertyValue('--row-height');
    this.#rowHeight = Number.parseFloat(height) || 1;
    this.#headHeight = head.offsetHeight;
    this.#viewHeight = Math.max(0, this.#grid.clientHeight - this.#headHeight);
    this.setRows(this.#rows);
  }

  #scrolled(): void {
    this.#scrollTop = this.#grid.scrollTop;
    this.#isMoved = true;
    this.#events.changed();
  }

  /** Assigns the visible rows to views: a row that stays visible keeps its view. */
  #place(): void {
    this.#isMoved = false;
    const { start, end } = windowAt(
      this.#scrollTop,
      this.#viewHeight,
      this.#rowHeight,
      this.#rows.length,
      OVERSCAN,
    );
    const shown = this.#rows.slice(start, end);
    this.#fit(shown.length);
    const free = new Set(this.#views);
    const placed = new Map<SymbolRow, RowView>();
    for (const view of this.#views) if (view.row !== undefined) placed.set(view.row, view);
    for (const row of shown) {
      const view = placed.get(row);
      if (view !== undefined) free.delete(view);
    }
    const spare = [...free];
    let active = '';
    shown.forEach((row, i) => {
      const kept = placed.get(row);
      const view = kept !== undefined && !free.has(kept) ? kept : (spare.pop() as RowView);
      view.place(row, start + i, this.#rowHeight);
      if (start + i === this.#cursorIndex) active = view.element.id;
    });
    if (active === '') this.#grid.removeAttribute('aria-activedescendant');
    else this.#grid.setAttribute('aria-activedescendant', active);
    this.#events.shown(shown);
  }

  #fit(count: number): void {
    while (this.#views.length < count) {
      const view = new RowView(`symbol-row-${this.#views.length}`);
      this.#views.push(view);
      this.#body.append(view.element);
    }
    for (const view of this.#views.splice(count)) view.element.remove();
  }

  #clicked({ target }: Event): void {
    const element = target instanceof Element ? target.closest('tr') : null;
    const view = this.#views.find((candidate) => candidate.element === element);
    if (view?.row !== undefined) this.#choose(view.row);
  }

  #pressed(event: KeyboardEvent): void {
    if (event.target !== this.#grid || event.ctrlKey || event.altKey || event.metaKey) return;
    if ((event.key === 'Enter' || event.key === ' ') && this.#cursor !== undefined) {
      event.preventDefault();
      this.#choose(this.#cursor);
      return;
    }
    const pageRows = Math.floor(this.#viewHeight / this.#rowHeight) - 1;
    const target = moveCursor(event.key, this.#cursorIndex, this.#rows.length, pageRows);
    if (target === undefined) return;
    event.preventDefault();
    this.#moveTo(target);
  }

  #choose(row: SymbolRow): void {
    this.#moveTo(this.#rows.indexOf(row));
    this.#events.selected(row.symbol);
  }

  #moveTo(index: number): void {
    this.#cursor = this.#rows[index];
    this.#cursorIndex = index;
    const { scrollTop } = this.#grid;
    const wanted = scrollToShow(index, scrollTop, this.#viewHeight, this.#rowHeight);
    if (wanted !== scrollTop) this.#grid.scrollTop = wanted;
    this.#scrolled();
  }
}
