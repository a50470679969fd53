import perfHooks from 'node:perf_hooks';
import { expect, it, vi } from 'vitest';
import { Counter } from '../../src/engine/index.ts';
import { EventLoopDelay } from '../../src/gateway/index.ts';
import { Lateness } from '../../src/gateway/ingest/lateness.ts';
import { GatewayCounters } from '../../src/gateway/metrics/gateway-counters.ts';
import { createMetrics, type MetricsContext } from '../../src/gateway/metrics/metrics.ts';
import { LIMIT_NAMES } from '../../src/gateway/sessions/security-events.ts';
import { ErrorCode } from '../../src/protocol/index.ts';
import { createSinkFigures, SinkCounter, SinkFigures } from '../../src/sinks/sink-figures.ts';
import { parseMetrics } from '../../testkit/metrics.ts';

/** Partition p's counter n is 1000 p + n + 1; bucket n has n ticks. */
function status(partition: number) {
  return {
    counters: {
      get: (counter: number) => 1000 * partition + counter + 1,
      latency: (bucket: number) => bucket * (partition + 1),
    },
    queueDepth: 501 + partition,
    restarts: 511 + partition,
    quarantined: 521 + partition,
    windowBytes: 531 + partition,
  };
}

const REASONS = [
  'bad_symbol',
  'bad_price',
  'bad_time',
  'unknown_alias',
  'symbol_limit',
  'forbidden',
] as const;

const OWN: Readonly<Record<Exclude<keyof GatewayCounters, 'marksAnswered'>, number>> = {
  framesOut: 601,
  bytesOut: 602,
  badFrames: 603,
  entriesOut: 604,
  fullEntriesOut: 60,
  anomaliesOut: 605,
  alertsOut: 615,
  conflatedUpdates: 606,
  slowEpisodes: 607,
  tickFrames: 608,
  duplicateFrames: 609,
  backpressureFrames: 610,
  tooFastFrames: 611,
  backpressureRequests: 612,
  storeFullEpisodes: 613,
  marksSent: 614,
};

/** Counter n is 801 + n, but the receiver does not fail; one request took 1 s, one 3 s. */
function sinkFigures(): SinkFigures {
  const figures = new SinkFigures(createSinkFigures());
  for (const counter of Object.values(SinkCounter)) figures.set(counter, 801 + counter);
  figures.set(SinkCounter.FAILING, 0);
  figures.addRequest(1000);
  figures.addRequest(3000);
  return figures;
}

/** A tick 2 s late, and one 0.5 s after its time. */
const lateness = new Lateness(() => 'feed');
lateness.begin(1, 10_000);
lateness.add(0, Float64Array.of(9_500, 7_500), 0);
lateness.add(0, Float64Array.of(9_500, 7_500), 1);
lateness.end(2, 10_000);

function contextOf(fault?: string): MetricsContext {
  const counters = Object.assign(new GatewayCounters(), OWN);
  counters.marksAnswered.add(500);
  counters.marksAnswered.add(250);
  return {
    counters,
    journal: undefined,
    engine: {
      partitions: 2,
      status,
      symbols: { size: 700 },
      rules: {
        file: { rules: [{ name: 'flash' }, { name: 'quiet' }] },
        ids: [30, 10],
        totals: (id: number) => ({
          started: 820 + id,
          open: 821 + id,
          suppressed: 822 + id,
          failed: 823 + id,
        }),
      },
    },
    intake: {
      totals: {
        accepted: 701,
        dropped: 702,
        rejected: new Map(REASONS.map((reason, i) => [ErrorCode[reason], 710 + i])),
      },
      lateness,
    },
    sessions: {
      publishers: new Set([1, 2, 3]),
      subscribers: new Set([1, 2, 3, 4]),
      countSlow: () => 703,
      countPaced: () => 707,
    },
    subscriptions: { patternsHeld: 704 },
    retirement: { retired: { idle: 705, operator: 706 } },
    eventLoop: new EventLoopDelay(),
    scheduler: { pressure: 0.25 },
    droppedLogLines: () => 761,
    telemetry: { tracing: undefined, figures: { droppedSpans: 771, failedExports: 772 } },
    securityCounts: {
      events: { authenticationFailed: 721, forbidden: 722, limited: 723, originRefused: 724 },
      limits: Object.fromEntries(LIMIT_NAMES.map((name, i) => [name, 730 + i])),
    },
    snapshots: {
      saved: 741,
      failed: 742,
      unchanged: 748,
      takenAt: 743_000,
      durationMs: 744_000,
      bytes: 745,
      bytesWritten: 749,
      setAside: 753,
    },
    health: { storeFault: () => fault },
    store: {
      waitingCount: 740,
      droppedCount: 740,
      removed: { age: 751, perSymbol: 752 },
      alerts: { waitingCount: 6, droppedCount: 7 },
    },
    sinks: { figures: new Map([['pager', sinkFigures()]]) },
    kafka: {
      readings: () => ({
        source: {
          messages: new Map([['feed', 831]]),
          ticks: new Map([['feed', 832]]),
          lag: new Map([['feed', 833]]),
          lost: new Map([['feed', 834]]),
          waited: new Map([['feed', 835]]),
          bad: new Map([['shape', 836]]),
          failures: 837,
        },
        sinks: new Map([
          [
            'moves',
            { waiting: 821, figures: { sent: 822, lost: 823, retries: 824, isFailing: true } },
          ],
        ]),
      }),
    },
    version: '7.8.9',
  } as unknown as MetricsContext;
}

/** Expected samples; sums cover both partitions. */
function expected(): Record<string, number> {
  const both = (counter: number) => 1000 + 2 * (counter + 1);
  const samples: Record<string, number> = {
    ticks_accepted_total: 701,
    'ticks_dropped_total{where="arrival"}': 702,
    'ticks_dropped_total{where="lapped"}': both(Counter.LAPPED),
    'ticks_dropped_total{where="skipped"}': both(Counter.SKIPPED),
    ticks_late_total: both(Counter.LATE),
    ticks_folded_total: both(Counter.FOLDED),
    'tick_lateness_seconds_count{publisher="feed"}': 2,
    'tick_lateness_seconds_sum{publisher="feed"}': 2,
    'publisher_least_delay_seconds{publisher="feed"}': 0.5,
    ticks_held: both(Counter.HELD),
    ticks_released_early_total: both(Counter.RELEASED_EARLY),
    ticks_missed_total: both(Counter.MISSED),
    'batches_total{by="gateway"}': both(Counter.GATEWAY_BATCHES),
    'batches_total{by="worker"}': both(Counter.WORKER_BATCHES),
    gateway_pressure: 0.25,
    'anomalies_total{direction="up"}': both(Counter.UP),
    'anomalies_total{direction="down"}': both(Counter.DOWN),
    symbol_times_replaced_total: both(Counter.TIMES_REPLACED),
    window_truncations_total: both(Counter.TRUNCATED),
    symbols: 700,
    'symbols_retired_total{cause="idle"}': 705,
    'symbols_retired_total{cause="operator"}': 706,
    'sessions{kind="publish"}': 3,
    'sessions{kind="stream"}': 4,
    subscriptions: 704,
    slow_sessions: 703,
    paced_sessions: 707,
    pacing_pings_total: 614,
    pacing_round_trip_seconds_count: 2,
    pacing_round_trip_seconds_sum: 0.75,
    store_ok: 1,
    store_waiting_anomalies: 746,
    store_dropped_anomalies_total: 747,
    store_full_total: 613,
    'snapshots_total{result="saved"}': 741,
    'snapshots_total{result="failed"}': 742,
    'snapshots_total{result="unchanged"}': 748,
    snapshot_written_bytes_total: 749,
    snapshot_symbols_set_aside: 753,
    'store_removed_anomalies_total{limit="days"}': 751,
    'store_removed_anomalies_total{limit="per_symbol"}': 752,
    snapshot_timestamp_seconds: 743,
    snapshot_duration_seconds: 744,
    snapshot_bytes: 745,
    'security_events_total{event="originRefused"}': 724,
    'security_events_total{event="authenticationFailed"}': 721,
    'security_events_total{event="forbidden"}': 722,
    'security_events_total{event="limited"}': 723,
    frames_sent_total: 601,
    bytes_sent_total: 602,
    bad_frames_total: 603,
    'entries_sent_total{kind="full"}': 60,
    'entries_sent_total{kind="delta"}': 544,
    anomalies_sent_total: 605,
    alerts_sent_total: 615,
    conflated_updates_total: 606,
    slow_episodes_total: 607,
    tick_frames_total: 608,
    duplicate_frames_total: 609,
    'backpressure_refusals_total{from="frame"}': 610,
    'backpressure_refusals_total{from="http"}': 612,
    too_fast_frames_total: 611,
    'rule_started_total{rule="flash"}': 850,
    'rule_open{rule="flash"}': 851,
    'rule_suppressed_total{rule="flash"}': 852,
    'rule_errors_total{rule="flash"}': 853,
    'rule_started_total{rule="quiet"}': 830,
    'rule_open{rule="quiet"}': 831,
    'rule_suppressed_total{rule="quiet"}': 832,
    'rule_errors_total{rule="quiet"}': 833,
    rules_reload_failed: 0,
    'kafka_sink_ok{topic="moves"}': 0,
    'kafka_sink_waiting_records{topic="moves"}': 821,
    'kafka_sink_sent_records_total{topic="moves"}': 822,
    'kafka_sink_lost_records_total{topic="moves"}': 823,
    'kafka_sink_retries_total{topic="moves"}': 824,
    'kafka_source_messages_total{topic="feed"}': 831,
    'kafka_source_ticks_total{topic="feed"}': 832,
    'kafka_source_lag_messages{topic="feed"}': 833,
    'kafka_source_lost_messages_total{topic="feed"}': 834,
    'kafka_source_waits_total{topic="feed"}': 835,
    'kafka_source_bad_messages_total{reason="shape"}': 836,
    kafka_source_failures_total: 837,
    'sink_ok{sink="pager"}': 1,
    'sink_waiting_alerts{sink="pager"}': 807,
    'sink_delivered_alerts_total{sink="pager"}': 801,
    'sink_refused_alerts_total{sink="pager"}': 802,
    'sink_expired_alerts_total{sink="pager"}': 803,
    'sink_dropped_alerts_total{sink="pager"}': 804 + 805,
    'sink_retries_total{sink="pager"}': 806,
    'sink_request_seconds_count{sink="pager"}': 2,
    'sink_request_seconds_sum{sink="pager"}': 4,
    log_lines_dropped_total: 761,
    telemetry_spans_dropped_total: 771,
    telemetry_exports_failed_total: 772,
    'build_info{version="7.8.9"}': 1,
  };
  REASONS.forEach((reason, i) => {
    samples[`ticks_rejected_total{reason="${reason}"}`] = 710 + i;
  });
  LIMIT_NAMES.forEach((name, i) => {
    samples[`limits_met_total{limit="${name}"}`] = 730 + i;
  });
  for (const partition of [0, 1]) {
    const label = `{partition="${partition}"}`;
    samples[`ticks_applied_total${label}`] = 1000 * partition + Counter.APPLIED + 1;
    samples[`queue_depth${label}`] = 501 + partition;
    samples[`window_bytes${label}`] = 531 + partition;
    samples[`worker_restarts_total${label}`] = 511 + partition;
    samples[`ticks_quarantined_total${label}`] = 521 + partition;
    samples[`tick_latency_seconds_count${label}`] = (51 * 52 * (partition + 1)) / 2;
    samples[`tick_latency_seconds_sum${label}`] =
      (1000 * partition + Counter.LATENCY_US_SUM + 1) / 1e6;
  }
  return samples;
}

/** The server's samples without latency buckets and the event loop's. */
async function samplesOf(context: MetricsContext): Promise<Record<string, number>> {
  const text = await createMetrics(context).metrics();
  const samples = [...text.matchAll(/^tickwire_(\S+) (\S+)$/gm)].map(
    ([, name, value]) => [name as string, Number(value)] as const,
  );
  return Object.fromEntries(samples.filter(([name]) => !/_seconds_bucket|^event_loop/.test(name)));
}

it('every metric reads its own source, and none is without an expectation', async () => {
  expect(await samplesOf(contextOf())).toEqual(expected());
  expect(await samplesOf(contextOf('the disk is full'))).toEqual({ ...expected(), store_ok: 0 });
});

it('all scrapers see each delay of the event loop, even one that begins at a scrape', async () => {
  let now = 0;
  const eventLoop = new EventLoopDelay(() => now);
  const metrics = createMetrics({ ...contextOf(), eventLoop });
  const scrape = async () => {
    const read = parseMetrics(await metrics.metrics());
    const value = (suffix: string) => read.get(`tickwire_event_loop_delay_seconds_${suffix}`);
    return {
      fast: value('bucket{le="0.001"}'),
      upTo: value('bucket{le="0.5"}'),
      all: value('bucket{le="+Inf"}'),
      count: value('count'),
      sum: value('sum'),
    };
  };
  const tick = (ms: number) => {
    now += ms;
    eventLoop.sample();
  };
  eventLoop.start();
  try {
    tick(50);
    expect(await scrape()).toEqual({ fast: 1, upTo: 1, all: 1, count: 1, sum: 0 });
    // The loop stands still for 20 s from the scrape on, then for 0.25 s.
    tick(20_050);
    tick(300);
    const seen = { fast: 1, upTo: 2, all: 3, count: 3, sum: 20.25 };
    expect(await scrape()).toEqual(seen);
    expect(await scrape()).toEqual(seen);
    tick(48);
    expect(await scrape()).toEqual({ ...seen, fast: 2, upTo: 3, all: 4, count: 4 });
  } finally {
    eventLoop.stop();
  }
});

it('no metric is reset by being read', async () => {
  const metrics = createMetrics(contextOf());
  const text = await metrics.metrics();
  expect(text).not.toContain('nodejs_eventloop_lag');
  const totals = /^(\S+_(?:total|count|sum|bucket)(?:\{\S+\})?) (\S+)$/gm;
  const before = [...text.matchAll(totals)].filter(([, name]) => !name?.includes('_active_'));
  const after = parseMetrics(await metrics.metrics());
  expect(before.length).toBeGreaterThan(50);
  for (const [, name, value] of before) {
    expect(after.get(name as string), name).toBeGreaterThanOrEqual(Number(value));
  }
});

it('starts no monitor that wakes an idle server', () => {
  const monitor = vi.spyOn(perfHooks, 'monitorEventLoopDelay');
  createMetrics(contextOf());
  const intervals = monitor.mock.calls.map(([options]) => options?.resolution ?? 10);
  monitor.mockRestore();
  expect(intervals).toHaveLength(1);
  expect(Math.min(...intervals)).toBeGreaterThan(60_000);
});
