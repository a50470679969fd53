import { setFlag, setText } from '../page/dom.ts';
import {
  formatAge,
  formatAlignedPrice,
  formatNarrowPrice,
  formatShortCount,
  NONE,
  priceDecimals,
} from '../page/format.ts';
import { drawSparkline, FittedCanvas } from '../page/sparkline.ts';
import type { Palette } from '../page/theme.ts';
import type { SymbolRow } from './market.ts';
import type { SortKey } from './symbol-order.ts';
import { COLUMNS } from './table-head.ts';

const FLASH_MS = 350;
/**
 * Least time between flashes of a row, ms, so that busy prices do not blink. Differs by row, so
 * that rows do not flash in step.
 */
const FLASH_EVERY_MS = 1000;
const FLASH_SPREAD_MS = 1000;
const GOLDEN_RATIO = 0.618;
const TREND_SIZE = { width: 70, height: 20 };

/** What all rows are drawn with. */
export interface RowContext {
  readonly nowMs: number;
  /** `Date.now()` of the server. */
  readonly serverTime: number;
  readonly palette: Palette;
  readonly selected: string | undefined;
  readonly cursor: number;
}

/** A row element, reused for other symbols as the table scrolls. */
export class RowView {
  readonly element = document.createElement('tr');
  readonly #cells = new Map<SortKey, HTMLTableCellElement>();
  readonly #price = document.createElement('span');
  readonly #arrow = document.createElement('i');
  readonly #trend: FittedCanvas;
  #row: SymbolRow | undefined;
  #index = -1;
  #version = -1;
  #shownPrice = Number.NaN;
  #trailVersion = -1;
  #palette: Palette | undefined;
  #flashUntilMs = Number.NEGATIVE_INFINITY;

  constructor(id: string) {
    this.element.id = id;
    this.element.className = 'row';
    this.element.role = 'row';
    for (const { key } of COLUMNS) {
      const cell = document.createElement('td');
      cell.className = 'cell';
      cell.role = 'gridcell';
      cell.dataset.column = key;
      this.#cells.set(key, cell);
      this.element.append(cell);
    }
    const canvas = document.createElement('canvas');
    this.#cell('trend').append(canvas);
    this.#trend = new FittedCanvas(canvas);
    this.#arrow.className = 'arrow';
    this.#arrow.ariaHidden = 'true';
    this.#cell('price').append(this.#arrow, this.#price);
  }

  /** The row shown. */
  get row(): SymbolRow | undefined {
    return this.#row;
  }

  /** Assigns a place and a symbol. */
  place(row: SymbolRow, index: number, rowHeight: number): void {
    if (index !== this.#index) {
      this.#index = index;
      this.element.ariaRowIndex = String(index + 2);
    }
    this.element.style.transform = `translateY(${index * rowHeight}px)`;
    if (row === this.#row) return;
    this.#row = row;
    this.#version = -1;
    this.#trailVersion = -1;
    this.#flashUntilMs = Number.NEGATIVE_INFINITY;
    setText(this.#cell('symbol'), row.symbol);
    this.#cell('symbol').title = row.symbol;
    setText(this.#price, NONE);
    this.#arrow.removeAttribute('data-direction');
    this.#cell('price').removeAttribute('data-flash');
  }

  /** Draws what changed. */
  draw(context: RowContext): void {
    const row = this.#row;
    if (row === undefined) return;
    if (row.version !== this.#version) this.#drawValues(row, context.nowMs);
    if (context.nowMs > this.#flashUntilMs) setFlag(this.#cell('price'), 'data-flash', false);
    if (row.trailVersion !== this.#trailVersion || context.palette !== this.#palette) {
      this.#drawTrend(row, context.palette);
    }
    setText(this.#cell('age'), formatAge(context.serverTime - row.time));
    setFlag(this.element, 'data-stale', row.isStale);
    setFlag(this.element, 'data-cursor', context.cursor === this.#index);
    const selected = String(row.symbol === context.selected);
    if (this.element.ariaSelected !== selected) this.element.ariaSelected = selected;
  }

  #drawValues(row: SymbolRow, nowMs: number): void {
    const isFirst = this.#version === -1;
    this.#version = row.version;
    const decimals = priceDecimals(row.max);
    const price = formatAlignedPrice(row.price, decimals);
    if (price !== this.#price.textContent) {
      this.#price.textContent = price;
      if (!isFirst) this.#flash(row, nowMs);
    }
    setText(this.#cell('average'), formatNarrowPrice(row.average, decimals));
    setText(this.#cell('min'), formatNarrowPrice(row.min, decimals));
    setText(this.#cell('max'), formatNarrowPrice(row.max, decimals));
    setText(this.#cell('count'), formatShortCount(row.count));
    this.#shownPrice = row.price;
  }

  #flash(row: SymbolRow, nowMs: number): void {
    const direction = row.price > this.#shownPrice ? 'up' : 'down';
    this.#arrow.dataset.direction = direction;
    const restMs = FLASH_EVERY_MS + ((this.#index * GOLDEN_RATIO) % 1) * FLASH_SPREAD_MS;
    const isDue = nowMs >= this.#flashUntilMs + restMs;
    if (isDue || nowMs <= this.#flashUntilMs) this.#cell('price').dataset.flash = direction;
    if (!isDue) return;
    this.#flashUntilMs = nowMs + FLASH_MS;
  }

  #drawTrend(row: SymbolRow, palette: Palette): void {
    this.#trailVersion = row.trailVersion;
    this.#palette = palette;
    const { trail } = row;
    const style = { line: palette.muted, dot: palette.accent };
    const prices = trail?.prices ?? [];
    drawSparkline(this.#trend, prices, trail?.length ?? 0, style, TREND_SIZE);
  }

  #cell(key: SortKey): HTMLTableCellElement {
    return this.#cells.get(key) as HTMLTableCellElement;
  }
}
