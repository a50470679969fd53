import uPlot from 'uplot';
import { drawAnomalyMarks } from './anomaly-marks.ts';
import type { AnomalyMove } from './anomaly-moves.ts';
import { priceRange, timeRange } from './chart-range.ts';
import { ChartReadout } from './chart-readout.ts';
import { formatPrice, priceDecimals } from './number-format.ts';
import type { Palette } from './palette.ts';
import type { HistoryColumns, PriceHistory } from './price-history.ts';
import { formatClock } from './time-format.ts';

/** How near the cursor an anomaly is read, CSS pixels. */
const NEAR_PX = 10;
const FONT = '11px "Liberation Sans", "Segoe UI", Roboto, Arial, sans-serif';

/** A value of each column. */
type Values<Columns> = { [Index in keyof Columns]: number };

/** What the chart shows. */
export interface ChartSource {
  readonly history: PriceHistory;
  readonly moves: readonly AnomalyMove[];
}

/** The chart of one symbol: its price in steps, its average, its threshold and its anomalies. */
export class PriceChart {
  readonly #box: HTMLElement;
  readonly #plot: uPlot;
  readonly #readout = new ChartReadout();
  #palette: Palette;
  #source: ChartSource | undefined;
  #columns: HistoryColumns | undefined;
  #times: [from: number, to: number] = [0, 1];
  #prices: [low: number, high: number] = [0, 1];
  rangeSeconds = 60;
  isWithBand = true;

  constructor(box: HTMLElement, palette: Palette) {
    this.#box = box;
    this.#palette = palette;
    this.#plot = new uPlot(this.#options(), [[], [], [], [], []], box);
    this.#plot.over.append(this.#readout.element);
    new ResizeObserver(() => this.#fit()).observe(box);
  }

  show(source: ChartSource | undefined): void {
    this.#source = source;
    this.#readout.hide();
  }

  setPalette(palette: Palette): void {
    this.#palette = palette;
    this.#plot.redraw(false, true);
  }

  /** Draws everything as it is at a time of the server's clock. */
  draw(serverTime: number): void {
    if (this.#source === undefined) return;
    const { history, moves } = this.#source;
    const now = serverTime / 1000;
    this.#times = timeRange(history.start, now, this.rangeSeconds);
    const columns = history.columnsFrom(this.#times[0], now);
    const marked = moves.filter(({ extreme }) => extreme.time / 1000 >= this.#times[0]);
    const markedPrices = marked.map(({ extreme }) => extreme.to);
    this.#columns = columns;
    this.#prices = priceRange(columns, markedPrices, this.isWithBand);
    this.#plot.setData(columns);
    this.#read();
  }

  #fit(): void {
    const { clientWidth: width, clientHeight: height } = this.#box;
    if (width > 0 && height > 0) this.#plot.setSize({ width, height: height - 8 });
  }

  #read(): void {
    const { left = -1, idx } = this.#plot.cursor;
    const columns = this.#columns;
    if (left < 0 || typeof idx !== 'number' || columns === undefined) {
      this.#readout.hide();
      return;
    }
    const [time, upper, lower, average, price] = columns.map(
      (column) => column[idx] ?? NaN,
    ) as Values<HistoryColumns>;
    const move = this.#moveAt(left);
    const side = left * 2 < this.#plot.over.clientWidth ? 'right' : 'left';
    this.#readout.show({ time, price, average, upper, lower, move }, side);
  }

  #moveAt(left: number): AnomalyMove | undefined {
    let nearest: AnomalyMove | undefined;
    let nearestPx = NEAR_PX;
    for (const move of this.#source?.moves ?? []) {
      const x = this.#plot.valToPos(move.extreme.time / 1000, 'x');
      const distance = Math.abs(x - left);
      if (distance > nearestPx) continue;
      nearestPx = distance;
      nearest = move;
    }
    return nearest;
  }

  #options(): uPlot.Options {
    const colour = (name: keyof Palette) => () => this.#palette[name];
    const steps = uPlot.paths.stepped?.({ align: 1 });
    const stepped = steps === undefined ? {} : { paths: steps };
    const quiet = { points: { show: false }, ...stepped };
    const bound = { ...quiet, stroke: colour('muted'), width: 0.5 };
    const axis = { stroke: colour('muted'), font: FONT, ticks: { show: false } };
    const grid = { stroke: colour('grid'), width: 1 };
    return {
      width: 400,
      height: 300,
      legend: { show: false },
      cursor: { drag: { x: false, y: false }, points: { show: false } },
      scales: {
        x: { time: true, range: () => this.#times },
        y: { range: () => this.#prices },
      },
      axes: [
        { ...axis, grid, size: 26, space: 90, values: (_, times) => times.map(clockOf) },
        { ...axis, grid, size: 70, space: 36, values: (_, prices) => labelPrices(prices) },
      ],
      series: [
        {},
        bound,
        bound,
        { ...quiet, stroke: colour('warn'), width: 1.25, dash: [5, 3] },
        { ...quiet, stroke: colour('accent'), width: 1.5 },
      ],
      bands: [{ series: [1, 2], fill: colour('raised') }],
      hooks: {
        setCursor: [() => this.#read()],
        draw: [(plot) => drawAnomalyMarks(plot, this.#source?.moves ?? [], this.#palette)],
      },
    };
  }
}

function clockOf(seconds: number): string {
  return formatClock(seconds * 1000);
}

/** As many digits as tell neighbouring labels apart. */
function labelPrices(prices: readonly number[]): string[] {
  const step = Math.abs((prices[1] ?? 0) - (prices[0] ?? 0));
  const needed = step > 0 ? Math.ceil(-Math.log10(step) + 1e-9) : 0;
  const most = priceDecimals(prices.at(-1) ?? 1);
  const decimals = Math.min(Math.max(0, needed), Math.max(most, 8));
  return prices.map((price) => formatPrice(price, decimals));
}
