import type { AlertEvent, AlertLevel } from './alert-event.ts';

/** An alert within its episode. */
export type AlertStep = Pick<AlertEvent, 'sequence' | 'phase' | 'level' | 'price' | 'time'>;

/** An episode, as its newest alert tells it: each alert repeats what came before. */
export interface AlertEpisode {
  /** Differs from those of all other episodes. */
  readonly key: string;
  readonly symbol: string;
  readonly rule: string;
  readonly direction: AlertEvent['direction'];
  readonly startTime: number;
  /** ms since the epoch; undefined while it is open. */
  readonly endTime: number | undefined;
  readonly level: AlertLevel;
  /** Where it began: later alerts may compare with other prices. */
  readonly origin: number;
  readonly peak: number;
  /** From the origin to the peak, percent; NaN without a direction. */
  readonly peakPercent: number;
  /** Ticks beyond the threshold. */
  readonly count: number;
  readonly reason: string | undefined;
  readonly lastSequence: number;
  /** In order. */
  readonly steps: readonly AlertStep[];
}

/** Which episodes are shown; undefined: all. */
export interface EpisodeFilter {
  readonly rule: string | undefined;
  readonly level: AlertLevel | undefined;
}

/** Steps kept of an episode: one that goes on and on has any number. */
const STEPS_MAX = 100;

/**
 * Episodes of all symbols, the newest start first. Alerts may come in any order and more than once:
 * the past is fetched while live ones arrive.
 */
export class AlertEpisodes {
  readonly #max: number;
  readonly #hasEnds: (rule: string, symbol: string) => boolean;
  readonly #byKey = new Map<string, AlertEpisode>();
  #sorted: readonly AlertEpisode[] | undefined;
  /** Incremented by each change. */
  version = 0;

  /**
   * @param max episodes kept: those that started first are forgotten
   * @param hasEnds whether episodes of a rule end; others are over as they start
   */
  constructor(max: number, hasEnds: (rule: string, symbol: string) => boolean = () => true) {
    this.#max = max;
    this.#hasEnds = hasEnds;
  }

  /** Takes an alert. Returns the episode where that is news: it was not known, or is worse now. */
  add(event: AlertEvent): AlertEpisode | undefined {
    // Numbers begin again where a rule does. Whole ms: times over HTTP have no others.
    const start = Math.trunc(event.startTime);
    const key = `${event.episode} ${start} ${event.rule} ${event.symbol}`;
    const known = this.#byKey.get(key);
    if (known?.steps.some(({ sequence }) => sequence === event.sequence) === true) return undefined;
    const episode = this.#join(key, known, event);
    this.#byKey.set(key, episode);
    this.#sorted = undefined;
    this.version++;
    if (this.#byKey.size > this.#max) this.#forgetOldest();
    return known === undefined || known.level !== episode.level ? episode : undefined;
  }

  clear(): void {
    this.#byKey.clear();
    this.#sorted = undefined;
    this.version++;
  }

  list({ rule, level }: EpisodeFilter = { rule: undefined, level: undefined }): AlertEpisode[] {
    return this.#all().filter(
      (episode) =>
        (rule === undefined || episode.rule === rule) &&
        (level === undefined || episode.level === level),
    );
  }

  /** Rules of known episodes. */
  rules(): ReadonlySet<string> {
    return new Set(this.#all().map(({ rule }) => rule));
  }

  /** Open episodes of each level. */
  openCounts(): Readonly<Record<AlertLevel, number>> {
    const counts = { warning: 0, critical: 0 };
    for (const { endTime, level } of this.#byKey.values()) {
      if (endTime === undefined) counts[level]++;
    }
    return counts;
  }

  #all(): readonly AlertEpisode[] {
    this.#sorted ??= [...this.#byKey.values()].sort(
      (a, b) => b.startTime - a.startTime || b.lastSequence - a.lastSequence,
    );
    return this.#sorted;
  }

  #join(key: string, known: AlertEpisode | undefined, event: AlertEvent): AlertEpisode {
    const steps = [...(known?.steps ?? []), stepOf(event)]
      .sort((a, b) => a.sequence - b.sequence)
      .slice(-STEPS_MAX);
    const isNewest = known === undefined || event.sequence > known.lastSequence;
    const newest = isNewest ? this.#tell(key, event) : known;
    // Starts and ends name it, and so does any alert of a rule without episodes.
    const isOrigin = event.phase === 'start' || event.phase === 'end';
    const origin = isOrigin ? event.reference : (known?.origin ?? event.reference);
    const { direction, peak } = newest;
    const peakPercent = direction === 'none' ? Number.NaN : ((peak - origin) / origin) * 100;
    return { ...newest, origin, peakPercent, steps };
  }

  #tell(key: string, event: AlertEvent): Omit<AlertEpisode, 'origin' | 'peakPercent' | 'steps'> {
    const { symbol, rule, direction, startTime, level, peak, count, reason } = event;
    const isOver = event.phase === 'end' || !this.#hasEnds(rule, symbol);
    const endTime = isOver ? event.time : undefined;
    const lastSequence = event.sequence;
    return {
      key,
      symbol,
      rule,
      direction,
      startTime,
      endTime,
      level,
      peak,
      count,
      reason,
      lastSequence,
    };
  }

  #forgetOldest(): void {
    let oldest: AlertEpisode | undefined;
    for (const episode of this.#byKey.values()) {
      if (oldest === undefined || episode.startTime < oldest.startTime) oldest = episode;
    }
    if (oldest !== undefined) this.#byKey.delete(oldest.key);
  }
}

/** How long an episode lasted, or has lasted, ms. */
export function durationMs({ startTime, endTime }: AlertEpisode, now: number): number {
  return Math.max(0, (endTime ?? now) - startTime);
}

function stepOf({ sequence, phase, level, price, time }: AlertEvent): AlertStep {
  return { sequence, phase, level, price, time };
}
