import uPlot from 'uplot';
import type { AlertEpisode, AlertEpisodes } from '../alerts/alert-episodes.ts';
import type { AnomalyMove } from '../anomalies/anomaly-moves.ts';
import { formatClock, formatDay, formatPrice, priceDecimals } from '../page/format.ts';
import type { Palette } from '../page/theme.ts';
import { ChartReadout } from './chart-readout.ts';
import {
  alertPrices,
  drawEpisodeMarks,
  drawEpisodeSpans,
  episodesAt,
  episodesIn,
} from './episode-spans.ts';
import type { HistoryColumns, PriceHistory } from './price-history.ts';

/** Distance from the cursor within which a mark is read, CSS pixels. */
const NEAR_PX = 10;
/** Longer spans have dates at their axis. */
const DAY_SECONDS = 86_400;
const FONT = '11px "Liberation Sans", "Segoe UI", Roboto, Arial, sans-serif';

/** A value of each column. */
type Values<Columns> = { [Index in keyof Columns]: number };

/** The chart's data. */
export interface ChartSource {
  readonly history: PriceHistory;
  readonly moves: readonly AnomalyMove[];
  readonly episodes: AlertEpisodes;
}

/** The chart of one symbol: price in steps, average, threshold band, anomalies, alerts. */
export class PriceChart {
  readonly #box: HTMLElement;
  readonly #plot: uPlot;
  readonly #readout = new ChartReadout();
  #palette: Palette;
  #source: ChartSource | undefined;
  #columns: HistoryColumns | undefined;
  #times: [from: number, to: number] = [0, 1];
  #prices: [low: number, high: number] = [0, 1];
  /** Those in sight. */
  #episodes: readonly AlertEpisode[] = [];
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

  /** Draws the state at a time of the server's clock. */
  draw(serverTime: number): void {
    if (this.#source === undefined) return;
    const { history, moves, episodes } = this.#source;
    const now = serverTime / 1000;
    this.#times = timeRange(history.start, now, this.rangeSeconds);
    const columns = history.columnsFrom(this.#times[0], now);
    const marked = moves.filter(({ extreme }) => extreme.time / 1000 >= this.#times[0]);
    this.#episodes = episodesIn(episodes.list(), this.#times);
    const markedPrices = [
      ...marked.map(({ extreme }) => extreme.to),
      ...alertPrices(this.#episodes, this.#times[0]),
    ];
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
    const alerts = episodesAt(this.#plot, this.#episodes, left);
    const side = left * 2 < this.#plot.over.clientWidth ? 'right' : 'left';
    this.#readout.show({ time, price, average, upper, lower, move, alerts }, side);
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

  readonly #timeLabel = (seconds: number): string => {
    const [from, to] = this.#times;
    return to - from > DAY_SECONDS ? formatDay(seconds * 1000) : formatClock(seconds * 1000);
  };

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
        { ...axis, grid, size: 26, space: 90, values: (_, times) => times.map(this.#timeLabel) },
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
        // Under the lines.
        drawAxes: [(plot) => drawEpisodeSpans(plot, this.#episodes, this.#palette)],
        draw: [
          (plot) => drawAnomalyMarks(plot, this.#source?.moves ?? [], this.#palette),
          (plot) => drawEpisodeMarks(plot, this.#episodes, this.#palette),
        ],
      },
    };
  }
}

/** Labels with just enough digits to differ from their neighbours. */
function labelPrices(prices: readonly number[]): string[] {
  const step = Math.abs((prices[1] ?? 0) - (prices[0] ?? 0));
  const needed = step > 0 ? Math.ceil(-Math.log10(step) + 1e-9) : 0;
  const most = priceDecimals(prices.at(-1) ?? 1);
  const decimals = Math.min(Math.max(0, needed), Math.max(most, 12));
  return prices.map((price) => formatPrice(price, decimals));
}

/** Shortest span of the chart, seconds. */
const SPAN_MIN = 15;
/** Margin above and below, as a share of the height. */
const MARGIN = 0.08;
/** Least height of the axis, as a share of the price, for prices that do not move. */
const HEIGHT_MIN = 2e-4;

/** The time span shown, seconds: everything seen, up to the selected range. */
function timeRange(
  startSeconds: number,
  nowSeconds: number,
  rangeSeconds: number,
): [from: number, to: number] {
  const seen = Number.isNaN(startSeconds) ? 0 : nowSeconds - startSeconds;
  return [nowSeconds - Math.min(rangeSeconds, Math.max(SPAN_MIN, seen)), nowSeconds];
}

/** The price span shown, including the threshold band if it is shown and known. */
function priceRange(
  [, upper, lower, averages, prices]: HistoryColumns,
  marked: Iterable<number>,
  isWithBand: boolean,
): [low: number, high: number] {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  const take = (value: number) => {
    low = Math.min(low, value);
    high = Math.max(high, value);
  };
  for (let i = 0; i < prices.length; i++) {
    take(prices[i] as number);
    // Unknown for the past.
    if (!Number.isNaN(averages[i])) take(averages[i] as number);
    if (!isWithBand || Number.isNaN(upper[i])) continue;
    take(upper[i] as number);
    take(lower[i] as number);
  }
  for (const price of marked) take(price);
  if (!(high >= low)) return [0, 1];
  const missing = Math.max(0, HEIGHT_MIN * high - (high - low)) / 2;
  const margin = MARGIN * (high - low) + missing;
  return [low - margin, high + margin];
}

/** Half width of a mark and its distance from the price, CSS pixels. */
const HALF = 5;
const GAP = 4;

/** Draws a triangle at each move: above the price pointing up, or below it pointing down. */
function drawAnomalyMarks(plot: uPlot, moves: Iterable<AnomalyMove>, palette: Palette): void {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.lineWidth = ratio;
  ctx.strokeStyle = palette.surface;
  for (const { extreme, direction } of moves) {
    const x = plot.valToPos(extreme.time / 1000, 'x', true);
    if (x < bbox.left - HALF * ratio) continue;
    const sign = direction === 'up' ? -1 : 1;
    const base = plot.valToPos(extreme.to, 'y', true) + sign * GAP * ratio;
    ctx.beginPath();
    ctx.moveTo(x - HALF * ratio, base);
    ctx.lineTo(x + HALF * ratio, base);
    ctx.lineTo(x, base + sign * 1.7 * HALF * ratio);
    ctx.closePath();
    ctx.fillStyle = palette[direction];
    ctx.fill();
    ctx.stroke();
  }
  ctx.restore();
}
