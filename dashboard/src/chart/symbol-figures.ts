import type { AlertEpisode } from '../alerts/alert-episodes.ts';
import type { AnomalyMove } from '../anomalies/anomaly-moves.ts';
import { FactList, findPart, setText, span } from '../page/dom.ts';
import {
  formatAge,
  formatAlignedPrice,
  formatChange,
  formatClock,
  formatCount,
  formatPreciseClock,
  formatPrice,
  formatRate,
  formatShortCount,
  NONE,
  priceDecimals,
} from '../page/format.ts';
import type { SymbolRow } from '../symbols/market.ts';

const PAST_SHOWN = 12;
const EPISODES_SHOWN = 6;
const NAMES = ['Average', 'Min', 'Max', 'Ticks', 'Ticks/s', 'Last tick', 'Age'] as const;

/** The figures beside the chart: the symbol's statistics, latest alerts and anomalies. */
export class SymbolFigures {
  readonly #price: HTMLElement;
  readonly #change: HTMLElement;
  readonly #arrow = document.createElement('i');
  readonly #changeText = document.createElement('span');
  readonly #values: FactList<(typeof NAMES)[number]>;
  readonly #count: HTMLElement;
  readonly #past: HTMLElement;
  readonly #alerts: HTMLElement;
  readonly #openCount: HTMLElement;
  readonly #episodes: HTMLElement;

  constructor(root: HTMLElement) {
    this.#price = findPart(root, 'price', HTMLElement);
    this.#change = findPart(root, 'change', HTMLElement);
    this.#count = findPart(root, 'anomaly-count', HTMLElement);
    this.#past = findPart(root, 'past', HTMLElement);
    this.#alerts = findPart(root, 'symbol-alerts', HTMLElement);
    this.#openCount = findPart(root, 'symbol-open', HTMLElement);
    this.#episodes = findPart(root, 'symbol-episodes', HTMLElement);
    this.#arrow.className = 'arrow';
    this.#arrow.ariaHidden = 'true';
    this.#change.append(this.#arrow, this.#changeText);
    this.#values = new FactList(findPart(root, 'figures', HTMLElement), NAMES);
  }

  /**
   * @param since price when the symbol was selected
   * @param rate ticks a second, NaN at first
   */
  draw(row: SymbolRow, since: number, rate: number, serverTime: number): void {
    const decimals = priceDecimals(row.max);
    setText(this.#price, formatAlignedPrice(row.price, decimals));
    const percent = (row.price / since - 1) * 100;
    if (percent === 0 || Number.isNaN(percent)) this.#arrow.removeAttribute('data-direction');
    else this.#arrow.dataset.direction = percent > 0 ? 'up' : 'down';
    setText(this.#changeText, `${formatChange(percent)} since selected`);
    this.#values.set('Average', formatAlignedPrice(row.average, decimals));
    this.#values.set('Min', formatAlignedPrice(row.min, decimals));
    this.#values.set('Max', formatAlignedPrice(row.max, decimals));
    this.#values.set('Ticks', formatCount(row.count));
    this.#values.set('Ticks/s', formatRate(rate));
    this.#values.set('Last tick', formatPreciseClock(row.time));
    this.#values.set('Age', formatAge(serverTime - row.time));
  }

  /** Shows the newest moves and the number of all anomalies. */
  showAnomalies(moves: readonly AnomalyMove[]): void {
    // The symbol's newest anomaly belongs to one of its two newest moves.
    const total = Math.max(0, ...moves.slice(0, 2).map(({ lastSequence }) => lastSequence));
    setText(this.#count, total === 0 ? 'none' : formatCount(total));
    this.#past.replaceChildren(...moves.slice(0, PAST_SHOWN).map(pastLine));
  }

  /** Shows the newest episodes, where there are any. */
  showEpisodes(episodes: readonly AlertEpisode[]): void {
    this.#alerts.hidden = episodes.length === 0;
    const open = episodes.filter(({ endTime }) => endTime === undefined).length;
    setText(this.#openCount, open === 0 ? 'none open' : `${open} open`);
    this.#episodes.replaceChildren(...episodes.slice(0, EPISODES_SHOWN).map(episodeLine));
  }

  clear(): void {
    setText(this.#price, NONE);
    setText(this.#changeText, '');
    this.#arrow.removeAttribute('data-direction');
    this.#values.clear();
    this.showAnomalies([]);
    this.showEpisodes([]);
  }
}

function episodeLine(episode: AlertEpisode): HTMLElement {
  const { direction, level, rule, startTime, peakPercent, endTime } = episode;
  const element = document.createElement('li');
  const mark = span('level-mark');
  mark.dataset.level = level;
  mark.role = 'img';
  mark.ariaLabel = level;
  const change = document.createElement('span');
  change.textContent = direction === 'none' ? rule : formatChange(peakPercent);
  const state = document.createElement('span');
  state.textContent = endTime === undefined ? 'open' : '';
  const clock = document.createElement('span');
  clock.textContent = formatClock(startTime);
  element.title = `${rule}, ${level}`;
  element.append(mark, change, state, clock);
  return element;
}

function pastLine({ direction, extreme, time, count }: AnomalyMove): HTMLElement {
  const element = document.createElement('li');
  const arrow = document.createElement('i');
  const change = document.createElement('span');
  const times = document.createElement('span');
  const clock = document.createElement('span');
  arrow.className = 'arrow';
  arrow.dataset.direction = direction;
  arrow.role = 'img';
  arrow.ariaLabel = direction;
  change.textContent = formatChange(extreme.percent);
  times.textContent = count > 1 ? `×${formatShortCount(count)}` : '';
  clock.textContent = formatClock(time);
  element.title = `${formatPrice(extreme.from)} → ${formatPrice(extreme.to)}`;
  element.append(arrow, change, times, clock);
  return element;
}
