import {
  type Alert,
  AlertPhase,
  DIRECTION_NAMES,
  type DirectionName,
  LEVEL_NAMES,
  type LevelName,
  REASON_NAMES,
  type ReasonName,
} from '../protocol/index.ts';

/** An episode as a backtest saw it. Times are ms since the epoch. */
export interface Episode {
  readonly rule: string;
  readonly symbol: string;
  /** Among those of its rule and symbol: 1, 2, 3 … */
  readonly episode: number;
  readonly direction: DirectionName;
  /** The highest it reached. */
  level: LevelName;
  readonly startTime: number;
  /** Undefined while it is open. */
  endTime: number | undefined;
  reason: ReasonName | undefined;
  /** The price that it began from, the price of its start, and the furthest one. */
  readonly origin: number;
  readonly price: number;
  peak: number;
  /** Ticks beyond the threshold. */
  count: number;
  escalations: number;
  extensions: number;
}

/** Puts the alerts of a run together to episodes, in the order of their starts. */
export class EpisodeBook {
  readonly episodes: Episode[] = [];
  readonly #open = new Map<string, Episode>();
  readonly #isLasting: (rule: string) => boolean;

  /** @param isLasting whether a rule's episodes last; else each alert stands alone */
  constructor(isLasting: (rule: string) => boolean) {
    this.#isLasting = isLasting;
  }

  add(alert: Alert): void {
    const key = `${alert.rule}\n${alert.symbol}`;
    if (alert.phase === AlertPhase.START) {
      const episode = episodeOf(alert);
      this.episodes.push(episode);
      if (this.#isLasting(alert.rule)) this.#open.set(key, episode);
      else episode.endTime = alert.time;
      return;
    }
    const episode = this.#open.get(key);
    if (episode === undefined) throw new Error(`an alert without a start: ${key}`);
    episode.level = LEVEL_NAMES[alert.level];
    episode.peak = alert.peak;
    episode.count = alert.count;
    if (alert.phase === AlertPhase.ESCALATE) episode.escalations += 1;
    else if (alert.phase === AlertPhase.EXTEND) episode.extensions += 1;
    else {
      episode.endTime = alert.time;
      episode.reason = REASON_NAMES[alert.reason];
      this.#open.delete(key);
    }
  }
}

function episodeOf(alert: Alert): Episode {
  return {
    rule: alert.rule,
    symbol: alert.symbol,
    episode: alert.episode,
    direction: DIRECTION_NAMES[alert.direction],
    level: LEVEL_NAMES[alert.level],
    startTime: alert.startTime,
    endTime: undefined,
    reason: undefined,
    origin: alert.reference,
    price: alert.price,
    peak: alert.peak,
    count: alert.count,
    escalations: 0,
    extensions: 0,
  };
}

/** From where the episode began to its peak, percent. */
export function peakPercent({ origin, peak }: Episode): number {
  return ((peak - origin) / origin) * 100;
}

/** Whether an episode and a span of time meet; one that is open has no end. */
export function overlaps({ startTime, endTime }: Episode, from: number, to: number): boolean {
  return startTime <= to && (endTime ?? Number.POSITIVE_INFINITY) >= from;
}
