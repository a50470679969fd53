import { Counter } from '../../../engine/index.ts';
import { averageLatencyMs, latencyQuantileMs } from '../../latency.ts';
import { partitionTotal } from '../../partition-totals.ts';
import { rejectedByReason } from '../../rejection-reasons.ts';
import type { Handler } from '../handler.ts';
import type { QueryRoom } from '../http-room.ts';
import { jsonResponse } from '../json-response.ts';
import type { PartitionStatistics, ProcessingStatistics } from '../schemas.ts';

/** `GET /api/statistics`: what the server did with all ticks since it started. */
export function processingStatistics(room: QueryRoom): Handler {
  return () => jsonResponse(200, readStatistics(room));
}

function readStatistics({ engine, startedAt, totals }: QueryRoom): ProcessingStatistics {
  const byReason = rejectedByReason(totals.rejected);
  const total = (counter: Counter) => partitionTotal(engine, counter);
  return {
    totalProcessed: total(Counter.APPLIED),
    totalRejected: Object.values(byReason).reduce((sum, count) => sum + count, 0),
    totalDropped: totals.dropped + total(Counter.LAPPED),
    totalLate: total(Counter.LATE),
    anomaliesDetected: total(Counter.UP) + total(Counter.DOWN),
    symbols: engine.symbols.size,
    // The clock may have been set back since.
    uptimeSeconds: Math.max(0, Date.now() - startedAt) / 1000,
    rejectedByReason: byReason,
    partitions: Array.from({ length: engine.partitions }, (_, i) => readPartition(engine, i)),
  };
}

function readPartition(engine: QueryRoom['engine'], partition: number): PartitionStatistics {
  const { counters, queueDepth, restarts } = engine.status(partition);
  return {
    partition,
    processed: counters.get(Counter.APPLIED),
    queueDepth,
    averageLatencyMs: averageLatencyMs(counters),
    p99LatencyMs: latencyQuantileMs(counters, 0.99),
    restarts,
    lapped: counters.get(Counter.LAPPED),
    skipped: counters.get(Counter.SKIPPED),
  };
}
