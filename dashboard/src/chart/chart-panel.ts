import { AlertEpisodes } from '../alerts/alert-episodes.ts';
import { type AlertEvent, toAlertEvent } from '../alerts/alert-event.ts';
import { type AnomalyEvent, AnomalyMoves, fromRecord } from '../anomalies/anomaly-moves.ts';
import type { HttpApi, Rules } from '../http-api.ts';
import { findPart, setFlag, setText } from '../page/dom.ts';
import type { Palette } from '../page/theme.ts';
import { hasEpisodes } from '../rules/episode-rules.ts';
import type { RuleRecord } from '../rules/rule-record.ts';
import { TickRate } from '../server/rates.ts';
import type { SymbolRow } from '../symbols/market.ts';
import { PastLoader } from './past-prices.ts';
import { PriceChart } from './price-chart.ts';
import { PriceHistory } from './price-history.ts';
import { SymbolFigures } from './symbol-figures.ts';

/** Most moves kept. */
const MOVES_MAX = 200;
const EPISODES_MAX = 500;
/** Least time between drawings of the chart, ms for each minute shown, and its upper bound. */
const DRAW_MS_PER_MINUTE = 80;
const DRAW_MS_MAX = 500;
const FIGURES_MS = 200;

/** The selected symbol: chart, statistics, anomalies. */
export class ChartPanel {
  readonly #root: HTMLElement;
  readonly #api: HttpApi;
  readonly #title: HTMLElement;
  readonly #empty: HTMLElement;
  readonly #chart: PriceChart;
  readonly #figures: SymbolFigures;
  #past: PastLoader;
  #symbol: string | undefined;
  #history: PriceHistory | undefined;
  #moves = new AnomalyMoves(MOVES_MAX);
  #movesDrawn = -1;
  readonly #episodes: AlertEpisodes;
  #episodesDrawn = -1;
  #alertRules: readonly RuleRecord[] = [];
  #isPastWanted = false;
  #serverTime = Number.NaN;
  /** Live anomalies that arrived while the past ones are being fetched. */
  #waiting: AnomalyEvent[] | undefined;
  #rate = new TickRate();
  #priceAtStart = Number.NaN;
  #chartDrawnAtMs = 0;
  #figuresDrawnAtMs = 0;

  constructor(root: HTMLElement, api: HttpApi, palette: Palette, changed: () => void) {
    this.#root = root;
    this.#api = api;
    this.#title = findPart(root, 'title', HTMLElement);
    this.#empty = findPart(root, 'chart-empty', HTMLElement);
    this.#chart = new PriceChart(findPart(root, 'plot', HTMLElement), palette);
    this.#figures = new SymbolFigures(root);
    this.#past = new PastLoader(api);
    this.#episodes = new AlertEpisodes(EPISODES_MAX, (rule, symbol) =>
      hasEpisodes(this.#alertRules, rule, symbol),
    );
    showLegend(findPart(root, 'legend', HTMLElement));
    root.addEventListener('change', ({ target }) => {
      if (!(target instanceof HTMLInputElement)) return;
      if (target.name === 'range') this.#showRange(Number(target.value) * 60);
      else this.#chart.isWithBand = target.value === 'band';
      this.#chartDrawnAtMs = 0;
      changed();
    });
  }

  get symbol(): string | undefined {
    return this.#symbol;
  }

  setPalette(palette: Palette): void {
    this.#chart.setPalette(palette);
  }

  /** Marks what is shown as possibly out of date. */
  setStale(isStale: boolean): void {
    setFlag(this.#root, 'data-stale', isStale);
  }

  /** Switches to a symbol. The chart starts with the trail of its row. */
  select(symbol: string, row: SymbolRow | undefined, rules: Rules): void {
    this.#symbol = symbol;
    this.#rate = new TickRate();
    this.#past = new PastLoader(this.#api);
    this.#moves = new AnomalyMoves(MOVES_MAX);
    this.#moves.windowMs = rules.slidingWindowMilliseconds;
    this.#priceAtStart = row?.price ?? Number.NaN;
    const history = new PriceHistory(rules);
    setFlag(this.#root, 'data-restricted', Number.isNaN(rules.anomalyThresholdPercent));
    if (row?.trail !== undefined) history.addTrail(row.trail);
    this.#history = history;
    this.#episodes.clear();
    this.#chart.show({ history, moves: this.#moves.list, episodes: this.#episodes });
    this.#figures.clear();
    this.#empty.hidden = true;
    setText(this.#title, symbol);
    this.#title.title = symbol;
    this.#redraw();
    this.#isPastWanted = true;
    if (row !== undefined) this.#wantPast();
  }

  /** Takes a new state of the selected symbol. */
  takeLive(row: SymbolRow): void {
    if (Number.isNaN(this.#priceAtStart)) this.#priceAtStart = row.price;
    if (this.#isPastWanted) this.#wantPast();
    this.#history?.add(row.time, row.price, row.average);
  }

  /** Takes an anomaly of any symbol. */
  takeAnomaly(event: AnomalyEvent): void {
    if (event.symbol !== this.#symbol) return;
    if (this.#waiting === undefined) this.#moves.add(event);
    else this.#waiting.push(event);
  }

  /** Takes an alert of any symbol. */
  takeAlert(event: AlertEvent): void {
    if (event.symbol === this.#symbol) this.#episodes.add(event);
  }

  /** Other rules are in force. */
  setAlertRules(rules: readonly RuleRecord[]): void {
    this.#alertRules = rules;
    setFlag(this.#root, 'data-rules', rules.length > 0);
    // Otherwise they are loaded once the server knows the symbol.
    if (this.#symbol === undefined || this.#isPastWanted) return;
    this.#episodes.clear();
    void this.#loadAlerts(this.#symbol);
  }

  draw(nowMs: number, serverTime: number, row: SymbolRow | undefined): void {
    this.#serverTime = serverTime;
    if (this.#symbol === undefined || row === undefined) return;
    if (this.#past.isAged(nowMs, this.#chart.rangeSeconds)) this.#loadPrices();
    const minutes = this.#chart.rangeSeconds / 60;
    if (nowMs - this.#chartDrawnAtMs >= Math.min(DRAW_MS_MAX, minutes * DRAW_MS_PER_MINUTE)) {
      this.#chartDrawnAtMs = nowMs;
      this.#chart.draw(serverTime);
    }
    if (nowMs - this.#figuresDrawnAtMs < FIGURES_MS) return;
    this.#figuresDrawnAtMs = nowMs;
    this.#figures.draw(row, this.#priceAtStart, this.#rate.add(nowMs, row.count), serverTime);
    if (this.#moves.version !== this.#movesDrawn) {
      this.#movesDrawn = this.#moves.version;
      this.#figures.showAnomalies(this.#moves.list);
    }
    if (this.#episodes.version === this.#episodesDrawn) return;
    this.#episodesDrawn = this.#episodes.version;
    this.#figures.showEpisodes(this.#episodes.list());
  }

  #redraw(): void {
    this.#chartDrawnAtMs = 0;
    this.#figuresDrawnAtMs = 0;
    this.#movesDrawn = -1;
    this.#episodesDrawn = -1;
  }

  /** The server knows the symbol, so its anomalies can be requested. */
  #wantPast(): void {
    this.#isPastWanted = false;
    if (this.#symbol === undefined) return;
    void this.#loadAnomalies(this.#symbol);
    void this.#loadAlerts(this.#symbol);
    this.#loadPrices();
  }

  #showRange(seconds: number): void {
    this.#chart.rangeSeconds = seconds;
    this.#loadPrices();
  }

  /** Loads prices from before the page was open, as far back as the chart reaches. */
  #loadPrices(): void {
    const [symbol, history] = [this.#symbol, this.#history];
    if (symbol === undefined || history === undefined) return;
    const serverTime = Number.isNaN(this.#serverTime) ? Date.now() : this.#serverTime;
    const loaded = this.#past.load(symbol, history, this.#chart.rangeSeconds, serverTime);
    void loaded.then(() => {
      this.#chartDrawnAtMs = 0;
    });
  }

  async #loadAnomalies(symbol: string): Promise<void> {
    const [moves, waiting] = [this.#moves, [] as AnomalyEvent[]];
    this.#waiting = waiting;
    try {
      for (const record of await this.#api.anomaliesOf(symbol)) moves.add(fromRecord(record));
    } catch {
      // Unknown symbol or no server: show live anomalies only.
    }
    for (const event of waiting) moves.add(event);
    if (this.#waiting === waiting) this.#waiting = undefined;
  }

  async #loadAlerts(symbol: string): Promise<void> {
    try {
      const records = await this.#api.alertsOf(symbol);
      if (symbol !== this.#symbol) return;
      for (const record of records) this.#episodes.add(toAlertEvent(record));
    } catch {
      // As above.
    }
  }
}

function showLegend(legend: HTMLElement): void {
  for (const [name, text] of [
    ['of-price', 'Price'],
    ['of-average', 'Average'],
    ['of-band', 'Threshold'],
    ['of-alert', 'Alert'],
  ] as const) {
    const item = document.createElement('span');
    item.className = name;
    item.textContent = text;
    legend.append(item);
  }
}
