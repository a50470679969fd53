import type { ReasonName } from '../protocol/index.ts';
import type { Episode } from './episode-book.ts';
import { shareOf } from './labels.ts';

const DAY_MS = 86_400_000;

/** What a rule did in a run. */
export interface RuleSummary {
  readonly rule: string;
  readonly kind: string;
  /** Records, of all phases. */
  readonly alerts: number;
  readonly episodes: number;
  readonly critical: number;
  readonly escalations: number;
  readonly extensions: number;
  /** Starts that a cool-down suppressed. */
  readonly suppressed: number;
  /** Ends by reason, and episodes open at the end of the run. */
  readonly ended: Readonly<Record<ReasonName, number>>;
  readonly open: number;
  /** Of the episodes that ended, those that came back to their origin; undefined: none ended. */
  readonly shareReverted: number | undefined;
  /** Episodes for each symbol and day that had ticks. */
  readonly perSymbolDay: number;
  /** Median length of the episodes that ended, ms; undefined: none. */
  readonly medianMs: number | undefined;
}

/** Episodes of a symbol on a day, by rule. */
export interface SymbolDay {
  readonly symbol: string;
  /** UTC, such as 2026-03-01. */
  readonly day: string;
  readonly ticks: number;
  readonly episodes: Readonly<Record<string, number>>;
}

/** What was run. */
export interface RunFigures {
  readonly ticks: number;
  /** Older than their symbol's newest: took no part. */
  readonly late: number;
  readonly symbols: number;
  /** Least and greatest time of a tick, ms since the epoch; NaN without ticks. */
  readonly from: number;
  readonly to: number;
}

/** Counts ticks by symbol and day. */
export class DayTally {
  readonly #ticks = new Map<string, Map<number, number>>();

  add(symbol: string, time: number): void {
    let days = this.#ticks.get(symbol);
    if (days === undefined) {
      days = new Map();
      this.#ticks.set(symbol, days);
    }
    const day = Math.floor(time / DAY_MS);
    days.set(day, (days.get(day) ?? 0) + 1);
  }

  /** In the order of symbols, then days. */
  days(episodes: readonly Episode[]): SymbolDay[] {
    const counts = new Map<string, Record<string, number>>();
    for (const { symbol, rule, startTime } of episodes) {
      const key = `${symbol}\n${dayOf(startTime)}`;
      const own = counts.get(key) ?? {};
      own[rule] = (own[rule] ?? 0) + 1;
      counts.set(key, own);
    }
    const rows = [...this.#ticks].flatMap(([symbol, days]) =>
      [...days].map(([day, ticks]) => {
        const shown = dayOf(day * DAY_MS);
        return { symbol, day: shown, ticks, episodes: counts.get(`${symbol}\n${shown}`) ?? {} };
      }),
    );
    return rows.sort((a, b) => compare(a.symbol, b.symbol) || compare(a.day, b.day));
  }

  get count(): number {
    return [...this.#ticks.values()].reduce((sum, days) => sum + days.size, 0);
  }
}

function dayOf(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

/** What the run needs to tell of a rule beside its episodes. */
export interface RuleTally {
  readonly rule: string;
  readonly kind: string;
  readonly alerts: number;
  readonly suppressed: number;
}

export function summarize(
  { rule, kind, alerts, suppressed }: RuleTally,
  all: readonly Episode[],
  symbolDays: number,
): RuleSummary {
  const episodes = all.filter((episode) => episode.rule === rule);
  const ended = { reverted: 0, reversed: 0, settled: 0, closed: 0 };
  const lengths: number[] = [];
  for (const { reason, startTime, endTime } of episodes) {
    if (reason === undefined || endTime === undefined) continue;
    ended[reason] += 1;
    lengths.push(endTime - startTime);
  }
  lengths.sort((a, b) => a - b);
  const sum = (key: 'escalations' | 'extensions') =>
    episodes.reduce((total, episode) => total + episode[key], 0);
  return {
    rule,
    kind,
    alerts,
    episodes: episodes.length,
    critical: episodes.filter(({ level }) => level === 'critical').length,
    escalations: sum('escalations'),
    extensions: sum('extensions'),
    suppressed,
    ended,
    open: episodes.filter(({ endTime }) => endTime === undefined).length,
    shareReverted: shareOf(ended.reverted, lengths.length),
    perSymbolDay: symbolDays === 0 ? 0 : episodes.length / symbolDays,
    medianMs: lengths[lengths.length >> 1],
  };
}
