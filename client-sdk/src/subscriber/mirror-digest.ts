import { Digest } from '../../../src/protocol/index.ts';
import type { SymbolStatistics } from './symbol-statistics.ts';

/** The digest of symbols as `VERIFY` defines it. O(n log n): for checks, not for each frame. */
export function mirrorDigest(rows: readonly SymbolStatistics[]): number {
  const digest = new Digest();
  for (const row of [...rows].sort((a, b) => a.symbolId - b.symbolId)) {
    digest.add(row.symbolId, {
      price: row.currentPrice,
      average: row.movingAverage,
      count: row.updateCount,
      time: row.lastUpdateTime,
      min: row.minPrice,
      max: row.maxPrice,
    });
  }
  return digest.value;
}
