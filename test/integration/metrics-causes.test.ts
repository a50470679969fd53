import { readFileSync } from 'node:fs';
import { expect, it, onTestFinished } from 'vitest';
import type { ConfigInput } from '../../src/config/schema.ts';
import { partitionOf, symbolHash } from '../../src/engine/symbol-table.ts';
import { Op } from '../../testkit/independent/protocol.ts';
import type { IndependentPublisher } from '../../testkit/independent/publisher.ts';
import { GuardedServer, tokenFor } from '../support/guarded-server.ts';
import { postPrices, rawRequest } from '../support/raw-http.ts';
import { serverForTest } from '../support/running-server.ts';
import { untilStalled } from '../support/stalled-sessions.ts';
import { StoreFolder } from '../support/store-folder.ts';
import { publisherForTest, subscriberForTest } from '../support/test-clients.ts';

const TIME = 1_700_000_000_000;
/** A symbol of the second partition of two. */
const SYMBOL = Array.from({ length: 100 }, (_, i) => `S${i}`).find((name) => {
  const bytes = new TextEncoder().encode(name);
  return partitionOf(symbolHash(bytes, 0, bytes.length), 2) === 1;
}) as string;

/** Samples without the common prefix. */
type Samples = Record<string, number>;
/** Changes of samples; `up` and `down`: the amount depends on timing. */
type Moves = Readonly<Record<string, number | 'up' | 'down'>>;

interface Cause {
  readonly config?: ConfigInput;
  readonly isGuarded?: boolean;
  /** Prepares; the returned action changes the metrics. */
  readonly prepare: (port: number) => Promise<() => unknown>;
  /** Every change. */
  readonly moves: Moves;
}

const frames = (count: number): Moves => ({ frames_sent_total: count, bytes_sent_total: 'up' });
const APPLIED: Moves = {
  ticks_accepted_total: 1,
  'ticks_applied_total{partition="1"}': 1,
  'tick_latency_seconds_count{partition="1"}': 1,
};
/** One tick in a frame of its own, and its ACK. */
const TICK: Moves = { ...APPLIED, tick_frames_total: 1, ...frames(1) };
const REJECTED: Moves = { tick_frames_total: 1, ...frames(2) };
const LIMITED: Moves = { 'security_events_total{event="limited"}': 1 };
/** Some 10 kB: the socket stays full though the kernel may take a little more. */
const PONGS_ON_TOP = 300;
const FLOOD: Moves = {
  ticks_accepted_total: 'up',
  'ticks_applied_total{partition="1"}': 'up',
  'tick_latency_seconds_count{partition="1"}': 'up',
};

function tick(price: number, time = TIME, symbol = SYMBOL) {
  return { symbol, price, time };
}

async function send(publisher: IndependentPublisher, ...ticks: ReturnType<typeof tick>[]) {
  publisher.publish(ticks);
  await publisher.acknowledged();
}

/** A publisher whose symbol has a price of 100. */
async function feed(port: number): Promise<IndependentPublisher> {
  const publisher = await publisherForTest(port, 'feed');
  await send(publisher, tick(100));
  return publisher;
}

function rejection(reason: string, ticks: readonly unknown[]): Cause {
  return {
    prepare: async (port) => {
      const publisher = await feed(port);
      return () => publisher.send([Op.TICKS, 2, ticks]);
    },
    moves: { [`ticks_rejected_total{reason="${reason}"}`]: 1, ...REJECTED },
  };
}

/** One frame with more ticks than a queue of 64 slots holds. */
function overflow(policy: 'dropNewest' | 'dropOldest', moves: Moves): Cause {
  return {
    config: { processing: { partitions: 2, channelCapacity: 64, overflow: policy } },
    prepare: async (port) => {
      const publisher = await feed(port);
      return () => publisher.publish(Array.from({ length: 10_000 }, (_, i) => tick(100, TIME + i)));
    },
    moves: { ...FLOOD, ...moves, tick_frames_total: 1, ...frames(1) },
  };
}

const CAUSES: Readonly<Record<string, Cause>> = {
  'a tick': {
    prepare: async (port) => {
      const publisher = await feed(port);
      return () => publisher.publish([tick(100)]);
    },
    moves: TICK,
  },
  'the first tick of a symbol': {
    prepare: async (port) => {
      const publisher = await publisherForTest(port, 'feed');
      return () => publisher.publish([tick(100)]);
    },
    moves: { ...TICK, symbols: 1 },
  },
  'a price by HTTP': {
    prepare: async (port) => {
      await feed(port);
      return () => post(port, [{ symbol: SYMBOL, price: 100 }]);
    },
    moves: APPLIED,
  },
  'a bad symbol': rejection('bad_symbol', ['', 1, TIME]),
  'a bad price': rejection('bad_price', [SYMBOL, -1, TIME]),
  'a bad time': rejection('bad_time', [SYMBOL, 1, -1]),
  'an unknown alias': rejection('unknown_alias', [7, 1, TIME]),
  'a symbol too many': {
    ...rejection('symbol_limit', ['ONE-MORE', 1, TIME]),
    config: { processing: { partitions: 2, maxSymbols: 1 } },
    moves: {
      'ticks_rejected_total{reason="symbol_limit"}': 1,
      'limits_met_total{limit="symbols"}': 1,
      ...LIMITED,
      ...REJECTED,
    },
  },
  'a symbol that a token does not allow': {
    isGuarded: true,
    prepare: async (port) => {
      const token = await tokenFor({ publish: ['A'] });
      const publisher = await publisherForTest(port, 'feed', { token });
      return () => publisher.publish([tick(1)]);
    },
    moves: {
      'ticks_rejected_total{reason="forbidden"}': 1,
      'security_events_total{event="forbidden"}': 1,
      ...REJECTED,
    },
  },
  'a late tick': {
    prepare: async (port) => {
      const publisher = await feed(port);
      return () => publisher.publish([tick(100, TIME - 1)]);
    },
    moves: { ...TICK, ticks_late_total: 1 },
  },
  'a rise': {
    prepare: async (port) => {
      const publisher = await feed(port);
      return () => publisher.publish([tick(110)]);
    },
    moves: { ...TICK, 'anomalies_total{direction="up"}': 1 },
  },
  'a fall sent to a subscriber': {
    prepare: async (port) => {
      const subscriber = await subscriberForTest(port);
      await subscriber.subscribe([SYMBOL], { stats: false });
      const publisher = await feed(port);
      await send(publisher, tick(103));
      // The subscriber now knows the symbol's name.
      await subscriber.until(() => subscriber.lastAnomaly(SYMBOL) === 1, 'the first anomaly');
      return () => publisher.publish([tick(99)]);
    },
    moves: {
      ...TICK,
      'anomalies_total{direction="down"}': 1,
      anomalies_sent_total: 1,
      ...frames(2),
    },
  },
  'a window that is full': {
    config: { processing: { partitions: 2, windowCapacity: 16 } },
    prepare: async (port) => {
      const publisher = await feed(port);
      const rising = Array.from({ length: 200 }, (_, i) => tick(100 + i / 1000, TIME + i / 4));
      return () => publisher.publish(rising);
    },
    moves: {
      ticks_accepted_total: 200,
      'ticks_applied_total{partition="1"}': 200,
      'tick_latency_seconds_count{partition="1"}': 200,
      tick_frames_total: 1,
      ...frames(1),
      window_truncations_total: 'up',
      'window_bytes{partition="1"}': 256,
    },
  },
  'a full queue, the newest ticks dropped': overflow('dropNewest', {
    ticks_accepted_total: 64,
    'ticks_applied_total{partition="1"}': 64,
    'tick_latency_seconds_count{partition="1"}': 64,
    'ticks_dropped_total{where="arrival"}': 9936,
  }),
  'a full queue, the oldest ticks dropped': overflow('dropOldest', {
    ticks_accepted_total: 10_000,
    'ticks_dropped_total{where="lapped"}': 'up',
  }),
  'a publisher that comes': {
    prepare: async (port) => () => publisherForTest(port, 'feed'),
    moves: { 'sessions{kind="publish"}': 1, ...frames(1) },
  },
  'a publisher that goes': {
    prepare: async (port) => {
      const publisher = await publisherForTest(port, 'feed');
      return () => publisher.close();
    },
    moves: { 'sessions{kind="publish"}': -1 },
  },
  'a subscriber that comes': {
    prepare: async (port) => () => subscriberForTest(port),
    moves: {
      'sessions{kind="stream"}': 1,
      pacing_pings_total: 1,
      pacing_round_trip_seconds_count: 1,
      ...frames(1),
    },
  },
  'a subscription, with names and a full entry': {
    prepare: async (port) => {
      await feed(port);
      const subscriber = await subscriberForTest(port);
      return () => subscriber.subscribe([SYMBOL]);
    },
    moves: { subscriptions: 1, 'entries_sent_total{kind="full"}': 1, ...frames(3) },
  },
  'a subscription that ends with its session': {
    prepare: async (port) => {
      const subscriber = await subscriberForTest(port);
      await subscriber.subscribe([SYMBOL, 'X*', 'Y']);
      return () => subscriber.close();
    },
    moves: { subscriptions: -3, 'sessions{kind="stream"}': -1 },
  },
  'a change sent to a subscriber': {
    prepare: async (port) => {
      const publisher = await feed(port);
      const subscriber = await subscriberForTest(port);
      await subscriber.subscribe([SYMBOL], { anomalies: false });
      await subscriber.counted(SYMBOL, 1);
      return () => publisher.publish([tick(101)]);
    },
    moves: { ...TICK, 'entries_sent_total{kind="delta"}': 1, ...frames(2) },
  },
  'a symbol that an operator retires': {
    prepare: async (port) => {
      await send(await feed(port), tick(101));
      const url = `http://127.0.0.1:${port}/api/prices/${SYMBOL}`;
      return async () => {
        expect((await fetch(url, { method: 'DELETE' })).status).toBe(204);
      };
    },
    moves: { 'symbols_retired_total{cause="operator"}': 1, symbols: -1 },
  },
  'a state that a newer one replaces before it is sent': {
    prepare: async (port) => {
      const publisher = await feed(port);
      const hurried = await subscriberForTest(port);
      await hurried.subscribe([SYMBOL], { anomalies: false });
      const slow = await subscriberForTest(port);
      await slow.subscribe([SYMBOL], { anomalies: false, conflateMs: 60_000 });
      await slow.counted(SYMBOL, 1);
      await send(publisher, tick(101));
      // The slow one missed that, and hears nothing for a minute.
      await hurried.counted(SYMBOL, 2);
      return () => publisher.publish([tick(100)]);
    },
    moves: {
      ...TICK,
      'entries_sent_total{kind="delta"}': 1,
      conflated_updates_total: 1,
      ...frames(2),
    },
  },
  'a reader that stops': {
    config: { stream: { socketBufferBytesMax: 65_536 } },
    prepare: async (port) => {
      const names = Array.from({ length: 400 }, (_, i) => `N${i}`);
      const publisher = await publisherForTest(port, 'feed');
      publisher.declare(0, names);
      let time = TIME;
      const publishAll = async () => {
        time++;
        const price = 100 + Math.sin(time) / 3;
        await send(publisher, ...names.map((name) => tick(price, time, name)));
      };
      await publishAll();
      const subscriber = await subscriberForTest(port, { json: true });
      await subscriber.subscribe(['*'], { anomalies: false });
      for (const name of names) await subscriber.counted(name, 1);
      subscriber.pause();
      return async () => {
        await untilStalled(port, [subscriber], async () => {
          for (let i = 0; i < 20; i++) await publishAll();
        });
        for (let i = 0; i < PONGS_ON_TOP; i++) subscriber.send([Op.PING, i]);
      };
    },
    moves: {
      ...FLOOD,
      'ticks_applied_total{partition="0"}': 'up',
      'tick_latency_seconds_count{partition="0"}': 'up',
      tick_frames_total: 'up',
      frames_sent_total: 'up',
      bytes_sent_total: 'up',
      'entries_sent_total{kind="delta"}': 'up',
      conflated_updates_total: 'up',
      'window_bytes{partition="0"}': 'up',
      'window_bytes{partition="1"}': 'up',
      slow_sessions: 1,
      slow_episodes_total: 'up',
      paced_sessions: 1,
      pacing_pings_total: 'up',
    },
  },
  'a frame that came before': {
    prepare: async (port) => {
      const publisher = await feed(port);
      return () => publisher.send([Op.TICKS, 1, [SYMBOL, 100, TIME]]);
    },
    moves: { duplicate_frames_total: 1, ...frames(1) },
  },
  'a frame that comes too soon': {
    config: { limits: { ticksPerSecond: 10 } },
    prepare: async (port) => {
      const publisher = await feed(port);
      await send(publisher, ...Array.from({ length: 9 }, () => tick(100)));
      return () => publisher.publish(Array.from({ length: 10 }, () => tick(100)));
    },
    moves: {
      too_fast_frames_total: 1,
      'limits_met_total{limit="ticksPerSecond"}': 1,
      ...LIMITED,
      ...frames(1),
    },
  },
  'a frame that cannot be read': {
    prepare: async (port) => {
      const subscriber = await subscriberForTest(port);
      return () => subscriber.send(['no frame']);
    },
    moves: { bad_frames_total: 1, ...frames(1) },
  },
  'a frame beyond its credit': {
    config: { processing: { partitions: 2, overflow: 'wait', channelCapacity: 64 } },
    prepare: async (port) => {
      const publisher = await feed(port);
      return () => publisher.publish(Array.from({ length: 65 }, () => tick(100)));
    },
    // An ACK may follow that has new credit.
    moves: {
      'backpressure_refusals_total{from="frame"}': 1,
      frames_sent_total: 'up',
      bytes_sent_total: 'up',
    },
  },
  'an HTTP request that has no room': {
    config: { processing: { partitions: 2, overflow: 'wait', channelCapacity: 64 } },
    prepare: async (port) => {
      // Its credit is granted queue space.
      await feed(port);
      return () =>
        post(
          port,
          Array.from({ length: 64 }, () => ({ symbol: SYMBOL, price: 1 })),
        );
    },
    moves: { 'backpressure_refusals_total{from="http"}': 1 },
  },
  'a token that is none': {
    isGuarded: true,
    prepare: async (port) => () =>
      fetch(`http://127.0.0.1:${port}/api/prices`, { headers: { authorization: 'Bearer x' } }),
    moves: { 'security_events_total{event="authenticationFailed"}': 1 },
  },
  'a page of another origin': {
    prepare: async (port) => () =>
      rawRequest(port, '/api/prices', { origin: 'http://other.test' }, 'POST'),
    moves: { 'security_events_total{event="originRefused"}': 1 },
  },
  'a subscription too many': {
    config: { stream: { subscriptionsMax: 1 } },
    prepare: async (port) => {
      const subscriber = await subscriberForTest(port);
      await subscriber.subscribe(['A']);
      return () => subscriber.subscribe(['B']);
    },
    moves: { 'limits_met_total{limit="subscriptions"}': 1, ...LIMITED, ...frames(1) },
  },
};

/** No client can cause these on a healthy server; `test/unit/metrics.test.ts` covers them. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  log_lines_dropped_total: 'log-failure.deep.test.ts',
  journal_ok: 'a disk that refuses: journal-metrics.test.ts',
  journal_appended_bytes_total: 'journal-metrics.test.ts',
  journal_unsynced_bytes: 'a disk that refuses: journal-metrics.test.ts',
  journal_bytes: 'journal-metrics.test.ts',
  journal_segments: 'journal-metrics.test.ts',
  journal_oldest_timestamp_seconds: 'journal-metrics.test.ts',
  journal_syncs_total: 'journal-metrics.test.ts',
  journal_sync_seconds_total: 'a slow disk: journal-metrics.test.ts',
  journal_sync_seconds_max: 'a slow disk: journal-metrics.test.ts',
  journal_failures_total: 'a disk that refuses: journal-metrics.test.ts',
  journal_gaps_total: 'a disk that refuses: journal-metrics.test.ts',
  journal_gap_ticks_total: 'a disk that refuses: journal-metrics.test.ts',
  journal_replayed_ticks: 'a crash: journal-metrics.test.ts',
  sink_ok: 'a rule file: sinks-requests.test.ts',
  sink_waiting_alerts: 'a rule file: sinks-requests.test.ts',
  sink_delivered_alerts_total: 'a rule file: sinks-requests.test.ts',
  sink_refused_alerts_total: 'a rule file: sinks-requests.test.ts',
  sink_expired_alerts_total: 'a rule file: sinks-requests.test.ts',
  sink_dropped_alerts_total: 'a rule file: sinks-requests.test.ts',
  sink_retries_total: 'a rule file: sinks-requests.test.ts',
  sink_request_seconds: 'a rule file: sinks-requests.test.ts',
  queue_depth: 'the ticks of a moment',
  telemetry_spans_dropped_total: 'a collector that refuses: telemetry.test.ts',
  telemetry_exports_failed_total: 'a collector that refuses: telemetry.test.ts',
  ticks_folded_total: 'processing.lateTicks: late-ticks.test.ts',
  ...Object.fromEntries(
    ['started_total', 'open', 'suppressed_total', 'errors_total'].map((name) => [
      `rule_${name}`,
      'needs a rule file: rule-metrics.test.ts',
    ]),
  ),
  ...Object.fromEntries(
    ['ok', 'waiting_records', 'sent_records_total', 'lost_records_total', 'retries_total'].map(
      (name) => [`kafka_sink_${name}`, 'needs a broker: kafka-sink.deep.test.ts'],
    ),
  ),
  ...Object.fromEntries(
    [
      'messages_total',
      'ticks_total',
      'bad_messages_total',
      'lost_messages_total',
      'lag_messages',
      'waits_total',
      'failures_total',
    ].map((name) => [`kafka_source_${name}`, 'needs a broker: kafka-source.deep.test.ts']),
  ),
  rules_reload_failed: 'rule-metrics.test.ts',
  alerts_sent_total: 'rule-metrics.test.ts',
  tick_lateness_seconds: 'moves with every tick: gateway-lateness.test.ts',
  publisher_least_delay_seconds: 'gateway-lateness.test.ts',
  ticks_held: 'processing.allowedLatenessMs: reordered-ticks.test.ts',
  ticks_released_early_total: 'processing.allowedLatenessMs: reordered-ticks.test.ts',
  ticks_missed_total: 'processing.allowedLatenessMs: reordered-ticks.test.ts',
  symbol_times_replaced_total: 'a clock that was ahead: store-recovery.test.ts',
  ticks_quarantined_total: 'deaths of workers: engine-worker-death.test.ts',
  worker_restarts_total: 'deaths of workers: worker-deaths.deep.test.ts',
  store_ok: 'a disk that refuses: store-disk-failure',
  store_waiting_anomalies: 'a disk that refuses: store-disk-failure',
  store_dropped_anomalies_total: 'a disk that refuses: store-disk-failure',
  store_full_total: 'a disk that is slow: store-full.test.ts',
  store_removed_anomalies_total: 'old or many anomalies: store-retention.test.ts',
  snapshots_total: 'the last test of this file',
  snapshot_symbols_set_aside: 'a snapshot that is not ours: store-recovery.test.ts',
  snapshot_timestamp_seconds: 'the last test of this file',
  snapshot_duration_seconds: 'the last test of this file',
  snapshot_bytes: 'the last test of this file',
  snapshot_written_bytes_total: 'the last test of this file',
  build_info: 'nothing moves it',
  batches_total: 'who applies depends on timing: engine-gateway-step.test.ts',
  gateway_pressure: 'moves all the time: gateway-flush-scheduler.deep.test.ts',
  event_loop_delay_seconds: 'moves all the time: test/unit/metrics.test.ts',
};

async function post(port: number, body: unknown): Promise<void> {
  const response = await postPrices(port, body);
  expect([202, 503]).toContain(response.status);
}

/** The server's samples except those that change on their own. */
async function read(port: number, token?: string): Promise<Samples> {
  const headers: Record<string, string> = token ? { authorization: `Bearer ${token}` } : {};
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`, { headers })).text();
  const samples = [...text.matchAll(/^tickwire_(\S+) (\S+)$/gm)].map(
    ([, name, value]) => [name as string, Number(value)] as const,
  );
  const own = samples.filter(
    ([name]) =>
      !/_bucket|_seconds_sum|^(event_loop|batches|gateway_pressure|tick_lateness|publisher_least)/.test(
        name,
      ),
  );
  return Object.fromEntries(own);
}

/** Unexpected changes. */
function moved(before: Samples, after: Samples, moves: Moves): Record<string, number | string> {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return Object.fromEntries(
    names.flatMap((name) => {
      const by = (after[name] ?? 0) - (before[name] ?? 0);
      if (by === 0) return [];
      return [[name, moves[name] === 'up' && by > 0 ? 'up' : by]];
    }),
  );
}

/** Whether every tick that was accepted is applied or lost, and its latency counted. */
function areTicksDone(samples: Samples): boolean {
  const sum = (pattern: RegExp) =>
    Object.entries(samples).reduce((total, [name, n]) => total + (pattern.test(name) ? n : 0), 0);
  const applied = sum(/^ticks_applied/);
  const isCounted = sum(/^tick_latency_seconds_count/) === applied;
  return isCounted && samples.ticks_accepted_total === applied + sum(/lapped|skipped/);
}

/** The samples once no tick is under way, and two scrapes in turn say the same. */
async function settled(port: number, token?: string): Promise<Samples> {
  let last = await read(port, token);
  await expect
    .poll(async () => {
      const next = await read(port, token);
      const isStill = JSON.stringify(next) === JSON.stringify(last);
      last = next;
      return isStill && areTicksDone(next);
    })
    .toBe(true);
  return last;
}

const HEARTBEAT: ConfigInput['server'] = { heartbeatMs: 3_600_000 };

it.each(Object.entries(CAUSES))('%s moves its own metrics, and no others', async (_, cause) => {
  const { config, isGuarded = false, prepare, moves } = cause;
  const whole: ConfigInput = {
    ...config,
    server: HEARTBEAT,
    processing: { partitions: 2, ...config?.processing },
  };
  const start = isGuarded ? GuardedServer.startForTest(whole) : serverForTest(whole);
  const { port } = await start;
  const token = isGuarded ? await tokenFor({ operator: true }) : undefined;
  const act = await prepare(port);
  const before = await settled(port, token);
  await act();
  const change = async () => moved(before, await settled(port, token), moves);
  await expect.poll(change).toEqual(moves);
});

it('snapshots move the metrics of snapshots', async () => {
  using folder = new StoreFolder();
  const server = await serverForTest({
    store: { directory: folder.path, snapshotIntervalMs: 100 },
  });
  const { port } = server;
  const publisher = await feed(port);
  await send(publisher, tick(110));
  const begun = Date.now() / 1000;
  const again = setInterval(() => void publisher.publish([tick(110)]), 50);
  onTestFinished(() => clearInterval(again));
  await expect
    .poll(() => read(port))
    .toMatchObject({
      'snapshots_total{result="failed"}': 0,
      'snapshots_total{result="saved"}': expect.toSatisfy((saved: number) => saved > 2),
      snapshot_timestamp_seconds: expect.toSatisfy((at: number) => at > begun),
      'snapshots_total{result="unchanged"}': expect.toSatisfy((count: number) => count >= 0),
      snapshot_bytes: expect.toSatisfy((bytes: number) => bytes > 100),
      snapshot_written_bytes_total: expect.toSatisfy((bytes: number) => bytes > 300),
      store_ok: 1,
      store_waiting_anomalies: 0,
      store_dropped_anomalies_total: 0,
      store_full_total: 0,
      'store_removed_anomalies_total{limit="days"}': 0,
      'store_removed_anomalies_total{limit="per_symbol"}': 0,
    });
  await server.stop();
});

it('every metric of docs/METRICS.md has a cause', () => {
  const text = readFileSync(new URL('../../docs/METRICS.md', import.meta.url), 'utf8');
  const documented = [...text.matchAll(/^\| `tickwire_(\w+)` \|/gm)].map(([, name]) => name);
  const caused = Object.values(CAUSES).flatMap(({ moves }) => Object.keys(moves));
  const names = caused.map((sample) =>
    sample.replace(/\{.*/, '').replace('_seconds_count', '_seconds'),
  );
  expect(new Set([...names, ...Object.keys(ELSEWHERE)])).toEqual(new Set(documented));
});
