import type { Alert } from '../protocol/index.ts';
import type { Comparison } from './comparison.ts';
import type { Episode } from './episode-book.ts';
import type { Score } from './labels.ts';
import type { CurvePoint } from './price-curves.ts';
import type { RuleSummary, RunFigures, SymbolDay } from './summary.ts';

/** What one rule file did with the ticks. */
export interface RuleFileRun {
  /** The rule file. */
  readonly file: string;
  readonly rules: readonly RuleSummary[];
  readonly days: readonly SymbolDay[];
  readonly episodes: readonly Episode[];
  readonly alerts: readonly Alert[];
  /** Undefined: no labels were given. */
  readonly score: Score | undefined;
}

/** What a backtest found out. */
export interface BacktestResult {
  /** Where the ticks are from. */
  readonly source: string;
  readonly figures: RunFigures;
  readonly run: RuleFileRun;
  /** Of another rule file, over the same ticks. */
  readonly against: RuleFileRun | undefined;
  readonly comparison: Comparison | undefined;
  /** The prices of symbols with episodes, by symbol. */
  readonly curves: ReadonlyMap<string, readonly CurvePoint[]>;
}
