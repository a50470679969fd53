import { type LocalSettings, shownName } from '../engine/index.ts';
import type { BacktestResult } from './backtest-result.ts';
import { compareEpisodes } from './comparison.ts';
import type { Label } from './labels.ts';
import { PriceCurves } from './price-curves.ts';
import { RuleRun } from './rule-run.ts';
import { DayTally } from './summary.ts';
import type { TickTaker } from './tick-sources.ts';

export interface BacktestOptions {
  /** Where the ticks are from, for people. */
  readonly source: string;
  readonly rules: string;
  /** Another rule file. */
  readonly against: string | undefined;
  readonly labels: readonly Label[] | undefined;
  readonly settings: LocalSettings;
  /** Symbols at most. */
  readonly symbols: number;
  /** Hands all ticks over. */
  readonly read: (taker: TickTaker) => void | Promise<void>;
  /** Called with what some rules cannot do for some symbols. */
  readonly warn: (fault: string) => void;
}

/**
 * Judges recorded ticks by one or two rule files.
 *
 * @throws BacktestError if a file cannot be used
 */
export async function backtest(options: BacktestOptions): Promise<BacktestResult> {
  const { source, settings, symbols, labels, read, warn } = options;
  const run = await RuleRun.open(options.rules, settings, symbols);
  const other =
    options.against === undefined
      ? undefined
      : await RuleRun.open(options.against, settings, symbols);
  const days = new DayTally();
  const curves = new PriceCurves();
  const names = new Set<string>();
  let ticks = 0;
  let from = Number.POSITIVE_INFINITY;
  let to = Number.NEGATIVE_INFINITY;
  await read({
    apply(name, price, time, receivedAt) {
      run.apply(name, price, time, receivedAt);
      other?.apply(name, price, time, receivedAt);
      const shown = shownName(name);
      names.add(shown);
      days.add(shown, time);
      curves.add(shown, time, price);
      ticks += 1;
      from = Math.min(from, time);
      to = Math.max(to, time);
    },
    advanceClock(now) {
      run.advanceClock(now);
      other?.advanceClock(now);
    },
  });
  // What waits for earlier ticks goes on once none came for so long.
  const { allowedLatenessMs = 0 } = settings;
  if (allowedLatenessMs > 0 && ticks > 0) {
    run.advanceClock(to + allowedLatenessMs);
    other?.advanceClock(to + allowedLatenessMs);
  }
  for (const fault of [...run.faults, ...(other?.faults ?? [])]) warn(fault);
  const result = run.result(days, labels);
  const against = other?.result(days, labels);
  const charted = new Set(result.episodes.map(({ symbol }) => symbol));
  return {
    source,
    figures: { ticks, late: run.late, symbols: names.size, from, to },
    run: result,
    against,
    comparison: against && compareEpisodes(result.episodes, against.episodes),
    curves: new Map([...charted].map((symbol) => [symbol, curves.points(symbol)])),
  };
}
