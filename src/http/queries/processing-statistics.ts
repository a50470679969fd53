import type { Config } from '../../config/schema.ts';
import { Counter } from '../../engine/index.ts';
import { rejectedByReason } from '../../gateway/ingest/tick-intake.ts';
import {
  averageLatencyMs,
  joinedLatencies,
  latencyQuantileMs,
  partitionTotal,
} from '../../gateway/metrics/partition-totals.ts';
import type { Handler, QueryContext } from '../context.ts';
import { objectResponse } from '../csv.ts';
import type { PartitionStatistics, ProcessingStatistics } from '../schemas.ts';

/** `GET /api/statistics`: totals since the start. */
export function processingStatistics(context: QueryContext): Handler {
  return (request) => objectResponse(request, readStatistics(context));
}

function readStatistics(context: QueryContext): ProcessingStatistics {
  const { config, counters, engine, epoch, intake, startedAt, version } = context;
  const { totals } = intake;
  const byReason = rejectedByReason(totals.rejected);
  const total = (counter: Counter) => partitionTotal(engine, counter);
  return {
    totalProcessed: total(Counter.APPLIED),
    totalRejected: Object.values(byReason).reduce((sum, count) => sum + count, 0),
    totalDropped: totals.dropped + total(Counter.LAPPED),
    totalLate: total(Counter.LATE),
    anomaliesDetected: total(Counter.UP) + total(Counter.DOWN),
    symbols: engine.symbols.size,
    uptimeSeconds: (performance.now() - startedAt) / 1000,
    rejectedByReason: byReason,
    partitions: Array.from({ length: engine.partitions }, (_, i) => readPartition(engine, i)),
    latencyMs: readLatency(engine),
    sessions: readSessions(context),
    sent: readSent(counters),
    rules: readRules(config.processing),
    version,
    epoch,
  };
}

function readLatency(engine: QueryContext['engine']): ProcessingStatistics['latencyMs'] {
  const latencies = joinedLatencies(engine);
  return {
    p50: latencyQuantileMs(latencies, 0.5),
    p90: latencyQuantileMs(latencies, 0.9),
    p99: latencyQuantileMs(latencies, 0.99),
    p999: latencyQuantileMs(latencies, 0.999),
  };
}

function readSessions({ sessions, subscriptions }: QueryContext): ProcessingStatistics['sessions'] {
  return {
    publishers: sessions.publishers.size,
    subscribers: sessions.subscribers.size,
    subscriptions: subscriptions.patternsHeld,
    slow: sessions.countSlow(),
  };
}

function readSent(counters: QueryContext['counters']): ProcessingStatistics['sent'] {
  return {
    frames: counters.framesOut,
    bytes: counters.bytesOut,
    entries: counters.entriesOut,
    fullEntries: counters.fullEntriesOut,
    anomalies: counters.anomaliesOut,
    conflated: counters.conflatedUpdates,
  };
}

function readRules(processing: Config['processing']): ProcessingStatistics['rules'] {
  const { anomalyThresholdPercent, movingAverageWindow, slidingWindowMilliseconds } = processing;
  return { movingAverageWindow, anomalyThresholdPercent, slidingWindowMilliseconds };
}

function readPartition(engine: QueryContext['engine'], partition: number): PartitionStatistics {
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
