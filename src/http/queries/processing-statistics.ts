import { Counter } from '../../engine/index.ts';
import { rejectedByReason } from '../../gateway/ingest/rejection-reasons.ts';
import {
  averageLatencyMs,
  joinedLatencies,
  latencyQuantileMs,
} from '../../gateway/metrics/latency.ts';
import { partitionTotal } from '../../gateway/partition-totals.ts';
import type { Handler } from '../handler.ts';
import type { QueryRoom } from '../http-room.ts';
import { jsonResponse } from '../json-response.ts';
import type { PartitionStatistics, ProcessingStatistics } from '../schemas.ts';

/** `GET /api/statistics`: what the server did with all ticks since it started. */
export function processingStatistics(room: QueryRoom): Handler {
  return () => jsonResponse(200, readStatistics(room));
}

function readStatistics(room: QueryRoom): ProcessingStatistics {
  const { engine, epoch, startedAt, totals, version } = room;
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
    latencyMs: readLatency(engine),
    sessions: room.sessions(),
    sent: readSent(room.traffic),
    rules: readRules(room.rules),
    version,
    epoch,
  };
}

function readLatency(engine: QueryRoom['engine']): ProcessingStatistics['latencyMs'] {
  const latencies = joinedLatencies(engine);
  return {
    p50: latencyQuantileMs(latencies, 0.5),
    p90: latencyQuantileMs(latencies, 0.9),
    p99: latencyQuantileMs(latencies, 0.99),
    p999: latencyQuantileMs(latencies, 0.999),
  };
}

function readSent(traffic: QueryRoom['traffic']): ProcessingStatistics['sent'] {
  return {
    frames: traffic.framesOut,
    bytes: traffic.bytesOut,
    entries: traffic.entriesOut,
    fullEntries: traffic.fullEntriesOut,
    anomalies: traffic.anomaliesOut,
    conflated: traffic.conflatedUpdates,
  };
}

function readRules(rules: QueryRoom['rules']): ProcessingStatistics['rules'] {
  const { anomalyThresholdPercent, movingAverageWindow, slidingWindowMilliseconds } = rules;
  return { movingAverageWindow, anomalyThresholdPercent, slidingWindowMilliseconds };
}

function readPartition(engine: QueryRoom['engine'], partition: number): PartitionStatistics {
  const { counters, queueDepth, restarts } = engine.status(partition);
  return {
    partition,
    processed: counters.get(Counter.APPLIED),
    queueDepth,
    queueCapacity: engine.channelCapacity,
    averageLatencyMs: averageLatencyMs(counters),
    p99LatencyMs: latencyQuantileMs(counters, 0.99),
    restarts,
    lapped: counters.get(Counter.LAPPED),
    skipped: counters.get(Counter.SKIPPED),
  };
}
