/** An alert from either source: the HTTP API or a subscription. */
export interface AlertEvent {
  readonly symbol: string;
  /** Number among the alerts of the symbol. */
  readonly sequence: number;
  readonly rule: string;
  /** Number among the episodes of symbol and rule. */
  readonly episode: number;
  readonly phase: 'start' | 'escalate' | 'extend' | 'end';
  readonly level: AlertLevel;
  readonly direction: 'up' | 'down' | 'none';
  readonly reference: number;
  readonly price: number;
  readonly changePercent: number;
  /** ms since the epoch. */
  readonly time: number;
  readonly startTime: number;
  readonly peak: number;
  readonly count: number;
  /** At the end. */
  readonly reason: string | undefined;
}

export type AlertLevel = 'warning' | 'critical';

/** An episode, as its newest alert tells it: each alert repeats what came before. */
export interface AlertEpisode {
  readonly symbol: string;
  readonly rule: string;
  readonly episode: number;
  readonly direction: AlertEvent['direction'];
  readonly startTime: number;
  /** ms since the epoch; undefined while it is open. */
  readonly endTime: number | undefined;
  readonly level: AlertLevel;
  readonly reference: number;
  readonly peak: number;
  /** From the reference to the peak, percent. */
  readonly peakPercent: number;
  readonly count: number;
  readonly reason: string | undefined;
  readonly lastSequence: number;
}

/** Which episodes are shown; undefined: all. */
export interface EpisodeFilter {
  readonly rule: string | undefined;
  readonly level: AlertLevel | undefined;
}

/**
 * Episodes of all symbols, the newest start first. Alerts may come in any order and more than once:
 * the past is fetched while live ones arrive.
 */
export class AlertEpisodes {
  readonly #max: number;
  readonly #hasEnds: (rule: string) => boolean;
  readonly #byKey = new Map<string, AlertEpisode>();
  #sorted: readonly AlertEpisode[] | undefined;
  /** Incremented by each change. */
  version = 0;

  /**
   * @param max episodes kept: those that started first are forgotten
   * @param hasEnds whether episodes of a rule end; others are over as they start
   */
  constructor(max: number, hasEnds: (rule: string) => boolean = () => true) {
    this.#max = max;
    this.#hasEnds = hasEnds;
  }

  /** Takes an alert. Returns the episode if it was not known. */
  add(event: AlertEvent): AlertEpisode | undefined {
    const key = `${event.episode} ${event.rule} ${event.symbol}`;
    const known = this.#byKey.get(key);
    if (known !== undefined && event.sequence <= known.lastSequence) return undefined;
    const episode = episodeOf(event, this.#hasEnds(event.rule));
    this.#byKey.set(key, episode);
    this.#sorted = undefined;
    this.version++;
    if (this.#byKey.size > this.#max) this.#forgetOldest();
    return known === undefined ? episode : undefined;
  }

  clear(): void {
    this.#byKey.clear();
    this.#sorted = undefined;
    this.version++;
  }

  list({ rule, level }: EpisodeFilter = { rule: undefined, level: undefined }): AlertEpisode[] {
    this.#sorted ??= [...this.#byKey.values()].sort(
      (a, b) => b.startTime - a.startTime || b.lastSequence - a.lastSequence,
    );
    return this.#sorted.filter(
      (episode) =>
        (rule === undefined || episode.rule === rule) &&
        (level === undefined || episode.level === level),
    );
  }

  /** Episodes of one symbol, the newest start first. */
  of(symbol: string): AlertEpisode[] {
    return this.list().filter((episode) => episode.symbol === symbol);
  }

  /** Open episodes of each level. */
  openCounts(): Readonly<Record<AlertLevel, number>> {
    const counts = { warning: 0, critical: 0 };
    for (const { endTime, level } of this.#byKey.values()) {
      if (endTime === undefined) counts[level]++;
    }
    return counts;
  }

  #forgetOldest(): void {
    let oldest: readonly [string, AlertEpisode] | undefined;
    for (const entry of this.#byKey) {
      if (oldest === undefined || entry[1].startTime < oldest[1].startTime) oldest = entry;
    }
    if (oldest !== undefined) this.#byKey.delete(oldest[0]);
  }
}

/** How long an episode lasted, or has lasted, ms. */
export function durationMs({ startTime, endTime }: AlertEpisode, now: number): number {
  return Math.max(0, (endTime ?? now) - startTime);
}

function episodeOf(event: AlertEvent, hasEnd: boolean): AlertEpisode {
  const { symbol, rule, episode, direction, startTime, level, reference, peak, count } = event;
  const isOver = event.phase === 'end' || !hasEnd;
  return {
    symbol,
    rule,
    episode,
    direction,
    startTime,
    endTime: isOver ? event.time : undefined,
    level,
    reference,
    peak,
    peakPercent: direction === 'none' ? 0 : ((peak - reference) / reference) * 100,
    count,
    reason: event.reason,
    lastSequence: event.sequence,
  };
}
