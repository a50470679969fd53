import type { AlertEpisode } from '../alerts/alert-episodes.ts';
import type { AnomalyMove } from '../anomalies/anomaly-moves.ts';
import { formatChange, formatCount, formatMoment, formatPrice } from '../page/format.ts';

/** The point of the chart under the cursor. */
export interface ReadPoint {
  /** Seconds since the epoch. */
  readonly time: number;
  readonly price: number;
  readonly average: number;
  readonly upper: number;
  readonly lower: number;
  /** The move marked there. */
  readonly move: AnomalyMove | undefined;
  /** Episodes that it is in. */
  readonly alerts: readonly AlertEpisode[];
}

/** Episodes told at one point. */
const ALERTS_MAX = 4;

/** The values under the cursor, in a corner of the chart away from it. */
export class ChartReadout {
  readonly element = document.createElement('div');

  constructor() {
    this.element.className = 'readout';
    this.element.hidden = true;
  }

  hide(): void {
    this.element.hidden = true;
  }

  show(point: ReadPoint, side: 'left' | 'right'): void {
    this.element.hidden = false;
    this.element.dataset.side = side;
    const lines = [line(formatMoment(point.time * 1000)), line('Price ', formatPrice(point.price))];
    // Not known for the past: then the band is not, either.
    const isObserved = !Number.isNaN(point.average);
    if (isObserved) lines.push(line('Average ', formatPrice(point.average)));
    if (isObserved && !Number.isNaN(point.upper)) {
      lines.push(line('Threshold ', `${formatPrice(point.lower)} … ${formatPrice(point.upper)}`));
    }
    if (point.move !== undefined) lines.push(moveLine(point.move));
    lines.push(...point.alerts.slice(0, ALERTS_MAX).map(alertLine));
    this.element.replaceChildren(...lines);
  }
}

function line(name: string, value?: string): HTMLElement {
  const element = document.createElement('div');
  element.append(name);
  if (value !== undefined) {
    const bold = document.createElement('b');
    bold.textContent = value;
    element.append(bold);
  }
  return element;
}

function moveLine({ direction, extreme, count }: AnomalyMove): HTMLElement {
  const element = line('', `${formatChange(extreme.percent)} `);
  element.className = direction;
  const times = count > 1 ? `, ${formatCount(count)} ticks` : '';
  element.append(`${formatPrice(extreme.from)} → ${formatPrice(extreme.to)}${times}`);
  return element;
}

function alertLine({ rule, level, direction, peakPercent, reason, endTime }: AlertEpisode) {
  const change = direction === 'none' ? '' : `${formatChange(peakPercent)} `;
  const element = line(`${rule} `, change);
  element.className = level;
  element.append(`${level}, ${endTime === undefined ? 'open' : (reason ?? 'alert')}`);
  return element;
}
