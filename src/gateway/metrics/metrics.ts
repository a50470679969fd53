import { collectDefaultMetrics, Registry } from 'prom-client';
import { Counter } from '../../engine/index.ts';
import type { Store } from '../../store/index.ts';
import type { GatewayContext } from '../context.ts';
import type { FlushScheduler } from '../fanout/flush-scheduler.ts';
import { rejectedByReason, type TickIntake } from '../ingest/tick-intake.ts';
import type { SymbolRetirement } from '../retirement/symbol-retirement.ts';
import type { SecurityCounts } from '../sessions/security-events.ts';
import { addClusterMetrics } from './cluster-metrics.ts';
import { addJournalMetrics, hasFigures } from './journal-metrics.ts';
import { addKafkaMetrics } from './kafka-metrics.ts';
import { readLatencies } from './latency-histogram.ts';
import { partitionTotal } from './partition-totals.ts';
import { addRuleMetrics } from './rule-metrics.ts';
import { ScrapedHistogram } from './scraped-histogram.ts';
import { type Readings, ScrapedMetrics } from './scraped-metrics.ts';
import { addSinkMetrics, type SinkReadings } from './sink-metrics.ts';

export type MetricsContext = Pick<
  GatewayContext,
  | 'cluster'
  | 'counters'
  | 'droppedLogLines'
  | 'engine'
  | 'eventLoop'
  | 'securityCounts'
  | 'sessions'
  | 'sinks'
  | 'snapshots'
  | 'health'
  | 'journal'
  | 'kafka'
  | 'store'
  | 'subscriptions'
  | 'telemetry'
  | 'version'
> & {
  readonly scheduler: Pick<FlushScheduler, 'pressure'>;
  readonly intake: Pick<TickIntake, 'lateness' | 'totals'>;
  readonly retirement: Pick<SymbolRetirement, 'retired'>;
};

const NO_SINKS: SinkReadings = new Map();
/**
 * Sampling interval of Node's monitor of the event loop, which prom-client starts for metrics that
 * are removed below: its default of 10 ms would wake the thread a hundred times a second for
 * nothing.
 */
const NEVER_MS = 2 ** 31 - 1;

/**
 * The metrics of a server, read at each scrape from existing counters. `docs/METRICS.md` lists them
 * all.
 */
export function createMetrics(context: MetricsContext): Registry {
  const registry = new Registry();
  const metrics = new ScrapedMetrics(registry);
  addTicks(metrics, context);
  addEventTime(metrics, context, registry);
  addPartitions(metrics, context, registry);
  addSessions(metrics, context);
  addGatewayCounters(metrics, context);
  addPacing(metrics, context, registry);
  if (context.securityCounts !== undefined) addSecurity(metrics, context.securityCounts);
  if (context.store !== undefined) addStore(metrics, context.store, context);
  if (hasFigures(context.journal)) addJournalMetrics(metrics, context.journal, context);
  if (context.cluster !== undefined) addClusterMetrics(metrics, context.cluster.readings);
  if (context.kafka !== undefined) addKafkaMetrics(metrics, context.kafka.readings);
  addRuleMetrics(metrics, context);
  addSinkMetrics(metrics, registry, () => context.sinks?.figures ?? NO_SINKS);
  if (context.telemetry !== undefined) addTelemetry(metrics, context.telemetry);
  metrics.counter(
    'tickwire_log_lines_dropped_total',
    'Lines of the log that could not be written.',
    context.droppedLogLines,
  );
  metrics.gaugeBy('version', 'tickwire_build_info', 'Version, as a label; always 1.', () => ({
    [context.version]: 1,
  }));
  new ScrapedHistogram(
    'tickwire_event_loop_delay_seconds',
    "Delay of the main thread's timers, sampled every 50 ms.",
    registry,
    [],
    () => [context.eventLoop.read()],
  );
  metrics.gauge(
    'tickwire_gateway_pressure',
    'Length of the intervals of the gateway, 0 to 1.',
    () => context.scheduler.pressure,
  );
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: NEVER_MS });
  removeResetMetrics(registry);
  return registry;
}

/** Removes prom-client's metrics that each scrape resets: a second scraper would miss delays. */
function removeResetMetrics(registry: Registry): void {
  for (const { name } of registry.getMetricsAsArray()) {
    if (name.startsWith('nodejs_eventloop_lag')) registry.removeSingleMetric(name);
  }
}

function addTelemetry(
  metrics: ScrapedMetrics,
  telemetry: Exclude<MetricsContext['telemetry'], undefined>,
): void {
  metrics.counter(
    'tickwire_telemetry_spans_dropped_total',
    'Spans that the queue or the collector did not take.',
    () => telemetry.figures.droppedSpans,
  );
  metrics.counter(
    'tickwire_telemetry_exports_failed_total',
    'Requests to the collector that failed.',
    () => telemetry.figures.failedExports,
  );
}

function addTicks(metrics: ScrapedMetrics, context: MetricsContext): void {
  const { engine, intake, retirement } = context;
  const total = (counter: Counter) => partitionTotal(engine, counter);
  metrics.counter('tickwire_ticks_accepted_total', 'Ticks accepted into a queue.', () => {
    return intake.totals.accepted;
  });
  metrics.counterBy('reason', 'tickwire_ticks_rejected_total', 'Invalid ticks, by reason.', () => {
    return rejectedByReason(intake.totals.rejected);
  });
  metrics.counterBy('where', 'tickwire_ticks_dropped_total', 'Ticks lost, by place.', () => ({
    arrival: intake.totals.dropped,
    lapped: total(Counter.LAPPED),
    skipped: total(Counter.SKIPPED),
  }));
  metrics.counter(
    'tickwire_ticks_late_total',
    'Applied ticks older than the newest of their symbol.',
    () => total(Counter.LATE),
  );
  metrics.counter(
    'tickwire_symbol_times_replaced_total',
    'Newest times of symbols that were too far ahead of the clock and gave way to a tick.',
    () => total(Counter.TIMES_REPLACED),
  );
  metrics.counterBy('direction', 'tickwire_anomalies_total', 'Anomalies detected.', () => ({
    up: total(Counter.UP),
    down: total(Counter.DOWN),
  }));
  metrics.counter(
    'tickwire_window_truncations_total',
    'Places dropped from full sliding windows.',
    () => total(Counter.TRUNCATED),
  );
  metrics.gauge('tickwire_symbols', 'Symbols the server holds.', () => engine.symbols.size);
  metrics.counterBy(
    'cause',
    'tickwire_symbols_retired_total',
    'Symbols retired, by cause.',
    () => ({ ...retirement.retired }),
  );
}

function addEventTime(
  metrics: ScrapedMetrics,
  { engine, intake }: MetricsContext,
  registry: Registry,
): void {
  const total = (counter: Counter) => partitionTotal(engine, counter);
  metrics.counter(
    'tickwire_ticks_folded_total',
    "Late ticks that entered their symbol's sliding window.",
    () => total(Counter.FOLDED),
  );
  metrics.gauge('tickwire_ticks_held', 'Ticks whose detection waits for earlier ones.', () => {
    return total(Counter.HELD);
  });
  metrics.counter(
    'tickwire_ticks_released_early_total',
    'Ticks judged before their time, because a buffer was full.',
    () => total(Counter.RELEASED_EARLY),
  );
  metrics.counter(
    'tickwire_ticks_missed_total',
    'Ticks that came too late for the buffer: detection had gone on without them.',
    () => total(Counter.MISSED),
  );
  new ScrapedHistogram(
    'tickwire_tick_lateness_seconds',
    'How far ticks are behind the newest accepted of their symbol, by publisher.',
    registry,
    ['publisher'],
    () => intake.lateness.read(),
  );
  metrics.gaugeBy(
    'publisher',
    'tickwire_publisher_least_delay_seconds',
    "Least time from a tick's time to its arrival; below 0: the publisher's clock is ahead.",
    () => intake.lateness.leastDelays(),
  );
}

function addPartitions(
  metrics: ScrapedMetrics,
  { engine }: MetricsContext,
  registry: Registry,
): void {
  const each = (read: (status: ReturnType<typeof engine.status>) => number): Readings =>
    Object.fromEntries(
      Array.from({ length: engine.partitions }, (_, i) => [i, read(engine.status(i))]),
    );
  metrics.counterBy('partition', 'tickwire_ticks_applied_total', 'Ticks applied.', () =>
    each(({ counters }) => counters.get(Counter.APPLIED)),
  );
  metrics.counterBy('by', 'tickwire_batches_total', 'Batches of ticks applied.', () => ({
    gateway: partitionTotal(engine, Counter.GATEWAY_BATCHES),
    worker: partitionTotal(engine, Counter.WORKER_BATCHES),
  }));
  metrics.counterBy(
    'partition',
    'tickwire_ticks_quarantined_total',
    'Ticks that killed the worker.',
    () => each(({ quarantined }) => quarantined),
  );
  metrics.gaugeBy('partition', 'tickwire_queue_depth', 'Ticks waiting in the queue.', () =>
    each(({ queueDepth }) => queueDepth),
  );
  metrics.gaugeBy(
    'partition',
    'tickwire_window_bytes',
    'Memory of sliding windows in use; at most processing.windowBytesMax.',
    () => each(({ windowBytes }) => windowBytes),
  );
  metrics.counterBy(
    'partition',
    'tickwire_worker_restarts_total',
    'Worker deaths, each followed by a replacement.',
    () => each(({ restarts }) => restarts),
  );
  new ScrapedHistogram(
    'tickwire_tick_latency_seconds',
    "Time from the receipt of a tick's frame to its statistics.",
    registry,
    ['partition'],
    () => readLatencies(engine),
  );
}

function addSessions(metrics: ScrapedMetrics, { sessions, subscriptions }: MetricsContext): void {
  metrics.gaugeBy('kind', 'tickwire_sessions', 'Live sessions.', () => {
    const { publishers, subscribers } = sessions;
    return { publish: publishers.size, stream: subscribers.size };
  });
  metrics.gauge('tickwire_subscriptions', 'Patterns held by all sessions.', () => {
    return subscriptions.patternsHeld;
  });
  metrics.gauge('tickwire_slow_sessions', 'Sessions whose socket buffer is full.', () => {
    return sessions.countSlow();
  });
}

function addPacing(
  metrics: ScrapedMetrics,
  { counters, sessions }: MetricsContext,
  registry: Registry,
): void {
  const { marksAnswered } = counters;
  metrics.gauge('tickwire_paced_sessions', 'Sessions whose client is still reading.', () => {
    return sessions.countPaced();
  });
  metrics.counter('tickwire_pacing_pings_total', 'Pings behind data.', () => counters.marksSent);
  new ScrapedHistogram(
    'tickwire_pacing_round_trip_seconds',
    'Time from a ping behind data to its pong: until the client has read that far.',
    registry,
    [],
    () => [marksAnswered.read()],
  );
}

function addStore(
  metrics: ScrapedMetrics,
  store: Store,
  { counters, health, snapshots }: MetricsContext,
): void {
  metrics.gauge('tickwire_store_ok', '1; 0 while writing, reading or snapshots fail.', () =>
    health.storeFault() === undefined ? 1 : 0,
  );
  metrics.gauge('tickwire_store_waiting_anomalies', 'Anomalies not on disk yet.', () => {
    return store.waitingCount + store.alerts.waitingCount;
  });
  metrics.counter(
    'tickwire_store_dropped_anomalies_total',
    'Anomalies given up because the disk failed for too long.',
    () => store.droppedCount + store.alerts.droppedCount,
  );
  metrics.counterBy(
    'limit',
    'tickwire_store_removed_anomalies_total',
    'Anomalies that retention removed, by the limit exceeded.',
    () => ({ days: store.removed.age, per_symbol: store.removed.perSymbol }),
  );
  metrics.counter(
    'tickwire_store_full_total',
    'Times that anomalies waited in their rings because the store was full.',
    () => counters.storeFullEpisodes,
  );
  metrics.counterBy('result', 'tickwire_snapshots_total', 'Snapshots, by result.', () => ({
    saved: snapshots.saved,
    failed: snapshots.failed,
    unchanged: snapshots.unchanged,
  }));
  metrics.gauge(
    'tickwire_snapshot_symbols_set_aside',
    'Symbols that the start could not restore.',
    () => snapshots.setAside,
  );
  metrics.gauge('tickwire_snapshot_timestamp_seconds', 'Time of the newest snapshot.', () => {
    return snapshots.takenAt / 1000;
  });
  metrics.gauge('tickwire_snapshot_duration_seconds', 'Duration of the newest snapshot.', () => {
    return snapshots.durationMs / 1000;
  });
  metrics.gauge('tickwire_snapshot_bytes', 'Size of the newest snapshot.', () => snapshots.bytes);
  metrics.counter('tickwire_snapshot_written_bytes_total', 'Size of all snapshots.', () => {
    return snapshots.bytesWritten;
  });
}

function addSecurity(metrics: ScrapedMetrics, security: SecurityCounts): void {
  metrics.counterBy(
    'event',
    'tickwire_security_events_total',
    'Rejected tokens, forbidden actions, exceeded limits.',
    () => security.events,
  );
  metrics.counterBy(
    'limit',
    'tickwire_limits_met_total',
    'Times that a client exceeded a limit.',
    () => security.limits,
  );
}

function addGatewayCounters(metrics: ScrapedMetrics, { counters }: MetricsContext): void {
  const count = (name: string, help: string, read: () => number) =>
    metrics.counter(`tickwire_${name}_total`, help, read);
  count('frames_sent', 'Frames sent on all sessions.', () => counters.framesOut);
  count('bytes_sent', 'Payload bytes of the frames sent.', () => counters.bytesOut);
  metrics.counterBy('kind', 'tickwire_entries_sent_total', 'Entries of STATS frames sent.', () => ({
    full: counters.fullEntriesOut,
    delta: counters.entriesOut - counters.fullEntriesOut,
  }));
  count('anomalies_sent', 'Anomalies sent, counted for each session.', () => counters.anomaliesOut);
  count('alerts_sent', 'Alerts sent, counted for each session.', () => counters.alertsOut);
  count(
    'conflated_updates',
    'Updates replaced by newer ones before sending.',
    () => counters.conflatedUpdates,
  );
  count('slow_episodes', 'Times that a socket buffer filled up.', () => counters.slowEpisodes);
  count('tick_frames', 'TICKS frames accepted.', () => counters.tickFrames);
  count('duplicate_frames', 'Repeated TICKS frames.', () => counters.duplicateFrames);
  count('too_fast_frames', 'TICKS frames refused by the rate limit.', () => counters.tooFastFrames);
  count('bad_frames', 'Malformed frames.', () => counters.badFrames);
  metrics.counterBy(
    'from',
    'tickwire_backpressure_refusals_total',
    'Frames and HTTP requests refused because queues were full.',
    () => ({ frame: counters.backpressureFrames, http: counters.backpressureRequests }),
  );
}
