import { Digest, Op } from '../../../src/protocol/index.ts';
import type { LiveStream } from './live-stream.ts';
import type { Verification } from './subscriber-options.ts';
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

/** See `Subscriber.verify`. */
export function verify(stream: LiveStream): Promise<Verification> {
  return stream.request(
    (requestId) => [Op.VERIFY, requestId],
    (answer) => {
      const serverDigest = answer[2] as number;
      const symbolCount = answer[3] as number;
      const rows = stream.mirror.currentRows();
      const ownDigest = mirrorDigest(rows);
      const ownSymbolCount = rows.length;
      const equal = serverDigest === ownDigest && symbolCount === ownSymbolCount;
      if (!equal) stream.breakOff('the mirror was not in sync with the server');
      return { equal, serverDigest, ownDigest, symbolCount, ownSymbolCount };
    },
  );
}
