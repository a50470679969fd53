import { setFlag, setText, span } from '../page/dom.ts';
import {
  formatBriefPrice,
  formatChange,
  formatClock,
  formatDuration,
  formatMoment,
  formatPrice,
  formatShortCount,
  formatSpan,
  NONE,
} from '../page/format.ts';
import { type AlertEpisode, durationMs } from './alert-episodes.ts';

/** Why an episode is over. */
const REASONS: Readonly<Record<string, string>> = {
  reverted: 'The price came back to where the move began',
  reversed: 'The price went past where the move began',
  settled: 'Nothing beyond the threshold for a while: this is the price now',
  closed: "The rule's hours ended, or the rule was changed",
};

/** A line of the feed of alerts: one episode, for as long as it is listed. */
export class EpisodeView {
  readonly element = document.createElement('li');
  readonly #button = document.createElement('button');
  readonly #level = span('level');
  readonly #symbol = span('episode-symbol');
  readonly #change = span('episode-change');
  readonly #arrow = document.createElement('i');
  readonly #percent = document.createElement('span');
  readonly #duration = span('episode-duration');
  readonly #time = span('episode-time');
  readonly #rule = span('episode-rule');
  readonly #prices = span('episode-prices');
  readonly #outcome = span('episode-outcome');
  #episode: AlertEpisode | undefined;

  constructor(selected: (symbol: string) => void) {
    this.#button.type = 'button';
    this.#button.className = 'episode';
    this.#arrow.className = 'arrow';
    this.#change.append(this.#arrow, this.#percent);
    this.#button.append(
      this.#level,
      this.#symbol,
      this.#change,
      this.#duration,
      this.#time,
      this.#rule,
      this.#prices,
      this.#outcome,
    );
    this.#button.addEventListener('click', () => {
      if (this.#episode !== undefined) selected(this.#episode.symbol);
    });
    this.element.append(this.#button);
  }

  /** @param serverTime ms since the epoch: how long an open episode has lasted */
  show(episode: AlertEpisode, serverTime: number): void {
    if (episode !== this.#episode) this.#showAlerts(episode);
    this.#episode = episode;
    const isOpen = episode.endTime === undefined;
    const ms = durationMs(episode, serverTime);
    if (isOpen) setText(this.#duration, formatDuration(ms / 1000));
    else setText(this.#duration, ms === 0 && episode.reason === undefined ? '' : formatSpan(ms));
  }

  #showAlerts({ symbol, rule, level, direction, reason, endTime, ...episode }: AlertEpisode): void {
    const isOpen = endTime === undefined;
    setFlag(this.#button, 'data-open', isOpen);
    this.#button.dataset.level = level;
    this.#level.dataset.level = level;
    setText(this.#level, level);
    setText(this.#symbol, symbol);
    this.#symbol.title = symbol;
    setText(this.#rule, rule);
    this.#rule.title = `Rule ${rule}`;
    setText(this.#time, formatClock(episode.startTime));
    this.#time.title = `Began ${formatMoment(episode.startTime)}`;
    setText(this.#outcome, isOpen ? 'open' : (reason ?? ''));
    this.#outcome.title = isOpen ? 'It goes on' : (REASONS[reason ?? ''] ?? '');
    this.#showMove(direction, episode);
  }

  #showMove(
    direction: AlertEpisode['direction'],
    {
      origin,
      peak,
      peakPercent,
      count,
    }: Pick<AlertEpisode, 'origin' | 'peak' | 'peakPercent' | 'count'>,
  ): void {
    const isMove = direction !== 'none';
    for (const element of [this.#change, this.#arrow]) element.dataset.direction = direction;
    this.#arrow.role = isMove ? 'img' : 'presentation';
    this.#arrow.ariaLabel = isMove ? direction : null;
    setText(this.#percent, isMove ? formatChange(peakPercent) : NONE);
    const times = count > 1 ? ` ×${formatShortCount(count)}` : '';
    const from = isMove ? `${formatBriefPrice(origin)} → ` : '';
    setText(this.#prices, `${from}${formatBriefPrice(peak)}${times}`);
    const ticks = count > 1 ? `, ${count} ticks beyond the threshold` : '';
    const exactly = isMove ? `${formatPrice(origin)} → ${formatPrice(peak)}` : formatPrice(peak);
    this.#prices.title = `${exactly}${ticks}`;
  }
}
