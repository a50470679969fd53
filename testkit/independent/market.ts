import type { MirrorRecord } from './mirror.ts';
import type { NaiveMarketTick, NaiveParameters, NaiveStatistics } from './statistics.ts';
import { type NaiveResult, naiveStatistics } from './statistics.ts';
import type { IndependentSubscriber, SeenAnomaly } from './subscriber.ts';

/** The running sum may be off by the last bits; everything else is exact. */
const AVERAGE_ERROR_MAX = 1e-14;

/** Every state that symbols ever had, by their update counts, worked out from the ticks. */
export class StateOracle {
  readonly results = new Map<string, NaiveResult>();

  constructor(ticks: readonly NaiveMarketTick[], parameters?: NaiveParameters) {
    const bySymbol = new Map<string, NaiveMarketTick[]>();
    for (const tick of ticks) {
      const own = bySymbol.get(tick.symbol);
      if (own === undefined) bySymbol.set(tick.symbol, [tick]);
      else own.push(tick);
    }
    for (const [symbol, own] of bySymbol) {
      this.results.set(symbol, naiveStatistics(own, parameters));
    }
  }

  final(symbol: string): NaiveStatistics {
    return this.results.get(symbol)?.after.at(-1) as NaiveStatistics;
  }

  /** The anomalies of a symbol as the wire has them. */
  anomalies(symbol: string): SeenAnomaly[] {
    const found = this.results.get(symbol)?.anomalies ?? [];
    return found.map((anomaly) => ({
      symbol,
      sequence: anomaly.sequence,
      direction: anomaly.direction === 'Up' ? 1 : -1,
      reference: anomaly.referencePrice,
      price: anomaly.newPrice,
      changePercent: anomaly.changePercent,
      time: anomaly.timestamp,
    }));
  }

  /**
   * What is wrong with a record: it must be one that the symbol really had. Fields that the session
   * does not take are not looked at, but for the count, which it must take.
   */
  fault(symbol: string, record: Readonly<MirrorRecord>): string | undefined {
    const state = this.results.get(symbol)?.after[(record.count as number) - 1];
    if (state === undefined) return `${symbol} never had ${record.count} updates`;
    const pairs: readonly (readonly [string, number | undefined, number])[] = [
      ['price', record.price, state.currentPrice],
      ['time', record.time, state.lastUpdateTime],
      ['min', record.min, state.minPrice],
      ['max', record.max, state.maxPrice],
    ];
    for (const [field, came, expected] of pairs) {
      if (came !== undefined && came !== expected) {
        return `${symbol} at ${record.count} updates: ${field} ${came}, not ${expected}`;
      }
    }
    const { average } = record;
    const error = Math.abs((average ?? state.movingAverage) / state.movingAverage - 1);
    if (error <= AVERAGE_ERROR_MAX) return undefined;
    return `${symbol} at ${record.count} updates: average ${average}, not ${state.movingAverage}`;
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
      await subscriber.counted(symbol, this.final(symbol).updateCount, timeoutMs);
    }
  }
}
