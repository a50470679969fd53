import type { MirrorRecord } from './mirror.ts';
import {
  type ExpectedSymbol,
  expectedMarket,
  type MarketTick,
  type OracleRules,
  type Statistics,
} from './statistics.ts';
import type { IndependentSubscriber, SeenAnomaly } from './subscriber.ts';

/** The running sum may be off by the last bits; everything else is exact. */
const AVERAGE_ERROR_MAX = 1e-14;

/** Every state that the symbols of a market ever had, and what a subscriber must see of them. */
export class MarketOracle {
  readonly results: ReadonlyMap<string, ExpectedSymbol>;

  constructor(ticks: readonly MarketTick[], rules?: OracleRules) {
    this.results = expectedMarket(ticks, rules);
  }

  final(symbol: string): Statistics {
    return this.results.get(symbol)?.after.at(-1) as Statistics;
  }

  anomalies(symbol: string): SeenAnomaly[] {
    return (this.results.get(symbol)?.anomalies ?? []).map((one) => ({ symbol, ...one }));
  }

  /**
   * What is wrong with a record: it must be one that the symbol really had. Fields that the session
   * does not take are not looked at, but for the count, which it must take.
   */
  fault(symbol: string, record: Readonly<MirrorRecord>): string | undefined {
    const state = this.results.get(symbol)?.after[(record.count as number) - 1];
    if (state === undefined) return `${symbol} never had ${record.count} updates`;
    for (const field of ['price', 'time', 'min', 'max'] as const) {
      if (record[field] !== undefined && record[field] !== state[field]) {
        return `${symbol} at ${record.count}: ${field} ${record[field]}, not ${state[field]}`;
      }
    }
    const { average = state.average } = record;
    if (Math.abs(average / state.average - 1) <= AVERAGE_ERROR_MAX) return undefined;
    return `${symbol} at ${record.count} updates: average ${average}, not ${state.average}`;
  }

  /** Has every entry of a subscriber checked: one that no state bears out is a violation. */
  watch(subscriber: IndependentSubscriber): void {
    const counts = new Map<string, number>();
    subscriber.onEntry = (symbol, record) => {
      const fault = this.fault(symbol, record);
      if (fault !== undefined) throw new Error(fault);
      const count = record.count as number;
      if (count < (counts.get(symbol) ?? 0)) throw new Error(`${symbol} went back to ${count}`);
      counts.set(symbol, count);
    };
  }

  /** Resolves when a subscriber holds the final state of every symbol given. */
  async converged(
    subscriber: IndependentSubscriber,
    symbols: Iterable<string> = this.results.keys(),
    timeoutMs?: number,
  ): Promise<void> {
    for (const symbol of symbols) {
      await subscriber.counted(symbol, this.final(symbol).count, timeoutMs);
    }
  }
}
