import type { HttpApi, Rules } from '../http-api.ts';
import { findPart, setText, span } from '../page/dom.ts';
import {
  formatBriefPrice,
  formatChange,
  formatClock,
  formatPrice,
  formatShortCount,
} from '../page/format.ts';
import { type AnomalyEvent, type AnomalyMove, AnomalyMoves, fromRecord } from './anomaly-moves.ts';

const LINES_MAX = 200;
const PAST_MAX = 100;
/** Least time between announcements to screen readers, ms. */
const ANNOUNCE_MS = 10_000;
/** Least time between drawings, ms: bursts must stay readable. */
const DRAW_MS = 200;

/** The newest anomalies of all symbols. */
export class AnomalyFeed {
  readonly #moves = new AnomalyMoves(LINES_MAX);
  readonly #views: AnomalyView[] = [];
  readonly #list: HTMLOListElement;
  readonly #empty: HTMLElement;
  readonly #rule: HTMLElement;
  readonly #announcement: HTMLElement;
  readonly #api: HttpApi;
  readonly #selected: (symbol: string) => void;
  /** Live anomalies that arrived while the past ones are being fetched. */
  #waiting: AnomalyEvent[] | undefined;
  #drawnVersion = -1;
  #drawnAtMs = Number.NEGATIVE_INFINITY;
  #announcedAtMs = Number.NEGATIVE_INFINITY;
  #unannounced = 0;
  #newest: AnomalyEvent | undefined;

  constructor(root: HTMLElement, api: HttpApi, selected: (symbol: string) => void) {
    this.#list = findPart(root, 'list', HTMLOListElement);
    this.#empty = findPart(root, 'feed-empty', HTMLElement);
    this.#rule = findPart(root, 'rule', HTMLElement);
    this.#announcement = findPart(root, 'announcement', HTMLElement);
    this.#api = api;
    this.#selected = selected;
  }

  /** Starts over with the server's recent anomalies. @throws Error if the server does not answer */
  async load(): Promise<void> {
    const waiting: AnomalyEvent[] = [];
    this.#waiting = waiting;
    this.#moves.clear();
    try {
      const past = (await this.#api.recentAnomalies(PAST_MAX)).map(fromRecord).reverse();
      if (this.#waiting === waiting) for (const event of past) this.#moves.add(event);
    } finally {
      if (this.#waiting === waiting) {
        this.#waiting = undefined;
        for (const event of waiting) this.add(event);
      }
    }
  }

  /** Takes a live anomaly. */
  add(event: AnomalyEvent): void {
    if (this.#waiting !== undefined) this.#waiting.push(event);
    else if (this.#moves.add(event) !== undefined) this.#noteUnannounced(event);
  }

  setRules(rules: Rules): void {
    this.#moves.windowMs = rules.slidingWindowMilliseconds;
    const { anomalyThresholdPercent: threshold, slidingWindowMilliseconds: window } = rules;
    setText(this.#rule, `beyond ±${threshold} % within ${window} ms`);
  }

  /** Draws what changed; returns whether something must be drawn later. */
  draw(nowMs: number): boolean {
    if (this.#moves.version === this.#drawnVersion) return false;
    if (nowMs - this.#drawnAtMs < DRAW_MS) return true;
    this.#drawnAtMs = nowMs;
    this.#drawnVersion = this.#moves.version;
    const { list } = this.#moves;
    while (this.#views.length < list.length) {
      const view = new AnomalyView(this.#selected);
      this.#views.push(view);
      this.#list.append(view.element);
    }
    for (const view of this.#views.splice(list.length)) view.element.remove();
    list.forEach((move, i) => {
      this.#views[i]?.show(move);
    });
    this.#empty.hidden = list.length > 0;
    this.#announce(nowMs);
    return false;
  }

  #noteUnannounced(event: AnomalyEvent): void {
    this.#unannounced++;
    this.#newest = event;
  }

  #announce(nowMs: number): void {
    if (nowMs - this.#announcedAtMs < ANNOUNCE_MS) return;
    const newest = this.#newest;
    if (newest === undefined || this.#unannounced === 0) return;
    this.#announcedAtMs = nowMs;
    const others = this.#unannounced > 1 ? ` and ${this.#unannounced - 1} others` : '';
    this.#unannounced = 0;
    setText(this.#announcement, `${newest.symbol} ${formatChange(newest.percent)}${others}`);
  }
}

/** A line of the anomaly feed, reused for other moves. */
export class AnomalyView {
  readonly element = document.createElement('li');
  readonly #button = document.createElement('button');
  readonly #time = span('anomaly-time');
  readonly #symbol = span('anomaly-symbol');
  readonly #change = span('anomaly-change');
  readonly #percent = document.createElement('span');
  readonly #arrow = document.createElement('i');
  readonly #times = span('anomaly-times');
  readonly #prices = span('anomaly-prices');
  #move: AnomalyMove | undefined;
  #count = 0;

  constructor(selected: (symbol: string) => void) {
    this.#button.type = 'button';
    this.#button.className = 'anomaly';
    this.#arrow.className = 'arrow';
    this.#change.append(this.#arrow, this.#percent);
    this.#button.append(this.#time, this.#symbol, this.#change, this.#times, this.#prices);
    this.#button.addEventListener('click', () => {
      if (this.#move !== undefined) selected(this.#move.symbol);
    });
    this.element.append(this.#button);
  }

  show(move: AnomalyMove): void {
    if (move === this.#move && move.count === this.#count) return;
    this.#move = move;
    this.#count = move.count;
    const { symbol, direction, extreme } = move;
    setText(this.#time, formatClock(move.time));
    setText(this.#symbol, symbol);
    this.#symbol.title = symbol;
    this.#change.dataset.direction = direction;
    this.#arrow.dataset.direction = direction;
    this.#arrow.role = 'img';
    this.#arrow.ariaLabel = direction;
    setText(this.#percent, formatChange(extreme.percent));
    setText(this.#times, move.count > 1 ? `×${formatShortCount(move.count)}` : '');
    this.#times.title = move.count > 1 ? `${move.count} ticks beyond the threshold` : '';
    const { from, to } = extreme;
    setText(this.#prices, `${formatBriefPrice(from)} → ${formatBriefPrice(to)}`);
    this.#prices.title = `${formatPrice(from)} → ${formatPrice(to)}`;
  }
}
