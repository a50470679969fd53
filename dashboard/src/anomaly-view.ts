import type { AnomalyMove } from './anomaly-moves.ts';
import { formatBriefPrice, formatChange, formatPrice, formatShortCount } from './number-format.ts';
import { setText } from './set-text.ts';
import { formatClock } from './time-format.ts';

/** A line of the anomaly feed, used again and again for other moves. */
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

function span(className: string): HTMLSpanElement {
  const element = document.createElement('span');
  element.className = className;
  return element;
}
