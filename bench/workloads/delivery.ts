import { setTimeout as sleep } from 'node:timers/promises';
import type { Latency } from '../../loadgen/latency.ts';
import { HistoryQueries, postAnomalies } from '../load/history-queries.ts';
import type { PoolTotals } from '../load/subscriber-pool.ts';
import type { Subscribers } from '../load/subscribers.ts';
import {
  planSubscriptions,
  type SubscriptionPlan,
  subscribersOf,
} from '../load/subscription-plan.ts';
import { makeUpdates } from '../load/update-stream.ts';
import { stampNow } from './full-speed.ts';
import { Trial } from './trial.ts';
import { type Figures, marketOf, type Turn } from './workload.ts';

const SEED = 1;
const US_PER_MS = 1000;
const MS_PER_SECOND = 1000;
/** Updates a message: what is due in one turn of the generator goes together. */
const FRAME_UPDATES = 256;
/** Updates a window has at least: a low rate makes it longer. */
const UPDATES_MIN = 10;
/** Time for updates in flight to arrive, and polling interval, ms. */
const SETTLE_MS = 3000;
const SETTLE_POLL_MS = 100;
/** Polls without news after which nothing more will come. */
const QUIET_POLLS = 5;

export interface DeliverySetting {
  readonly symbols: number;
  readonly sessions: number;
  readonly perSession: number;
  /** Updates a second over all symbols. */
  readonly rate: number;
  /** Pages of history asked for meanwhile, a second. */
  readonly queryRate?: number;
}

/** Counters at one end of the measured window. */
interface Reading {
  readonly totals: PoolTotals;
  /** The server's. */
  readonly cpuMs: number;
  /** This process's, which publishes. */
  readonly publisherCpuMs: number;
  readonly sent: number;
  readonly atMs: number;
}

/** Cost and latency of delivery: one publisher at a fixed rate, and subscribers. */
export function measureDelivery(turn: Turn, setting: DeliverySetting): Promise<Figures> {
  return openDelivery(turn, setting, async (trial, subscribers) => {
    const { publishers } = trial;
    const primed = await prime(trial, subscribers, planOf(setting));
    const queries = await startQueries(trial, setting);
    publishers.startPaced({ rate: setting.rate, frameUpdates: FRAME_UPDATES });
    await trial.warmUp();
    await subscribers.resetLatency();
    const before = await readingOf(trial, subscribers);
    await trial.window(UPDATES_MIN / setting.rate);
    const after = await readingOf(trial, subscribers);
    const latency = await subscribers.latency();
    publishers.stop();
    await queries?.stop();
    const plan = planOf(setting);
    const expected = publishers.expectedDeliveries(subscribersOf(plan, setting.symbols));
    const delivered = (await settled(trial, subscribers, expected + primed)) - primed;
    return {
      ...costs(before, after),
      ...percentiles(latency),
      deliveredShare: delivered / expected,
      delivered,
      expected,
      notSent: publishers.notSent,
    };
  });
}

export function openDelivery<T>(
  turn: Turn,
  setting: DeliverySetting,
  measure: (trial: Trial, subscribers: Subscribers) => Promise<T>,
): Promise<T> {
  const { symbols } = setting;
  const updates = makeUpdates({ symbols, zipfExponent: 0, seed: SEED });
  const options = { market: marketOf(symbols), updates, publishers: 1 };
  return Trial.run(turn, options, async (trial) => {
    return measure(trial, await trial.subscribe(planOf(setting)));
  });
}

/** Symbols that only queries ask for, and anomalies each has. */
const QUERIED = Array.from({ length: 100 }, (_, i) => `PAST-${i}`);
const ANOMALIES_EACH = 200;

/** @throws Error when no page is answered within the first second */
async function startQueries(
  { server: { host, port } }: Trial,
  { queryRate: rate }: DeliverySetting,
): Promise<HistoryQueries | undefined> {
  if (rate === undefined) return undefined;
  await postAnomalies({ host, port }, QUERIED, ANOMALIES_EACH);
  const queries = new HistoryQueries({ server: { host, port }, symbols: QUERIED, rate });
  await sleep(MS_PER_SECOND);
  if ((await queries.answered()) > rate / 2) return queries;
  await queries.stop();
  throw new Error('pages of history are not answered');
}

function planOf({ sessions, perSession, symbols }: DeliverySetting) {
  return planSubscriptions({ sessions, perSession, symbols, seed: SEED });
}

async function readingOf(trial: Trial, subscribers: Subscribers): Promise<Reading> {
  const totals = await subscribers.snapshot();
  const { user, system } = process.cpuUsage();
  return {
    totals,
    cpuMs: trial.cpuMs(),
    publisherCpuMs: (user + system) / US_PER_MS,
    sent: trial.publishers.sent,
    atMs: performance.now(),
  };
}

function costs(before: Reading, after: Reading): Figures {
  const passed = (key: keyof PoolTotals) => after.totals[key] - before.totals[key];
  const elapsedMs = after.atMs - before.atMs;
  const cpuUs = (after.cpuMs - before.cpuMs) * US_PER_MS;
  const seconds = elapsedMs / MS_PER_SECOND;
  const updates = passed('updates');
  const entries = passed('entries');
  if (updates === 0) throw new Error('nothing was delivered');
  return {
    cpuPerDelivery: cpuUs / updates,
    cpuPerEntry: cpuUs / entries,
    cpuPerUpdate: cpuUs / (after.sent - before.sent),
    cores: (after.cpuMs - before.cpuMs) / elapsedMs,
    readerCores: passed('cpuMs') / elapsedMs,
    publisherCores: (after.publisherCpuMs - before.publisherCpuMs) / elapsedMs,
    bytesPerEntry: passed('bytes') / entries,
    messagesPerSecond: passed('messages') / seconds,
    deliveriesPerSecond: updates / seconds,
  };
}

function percentiles(latency: Latency): Figures {
  const { p50, p90, p99, p999 } = latency.summary();
  return { p50, p90, p99, p999 };
}

/**
 * Sends every symbol's first update, which proves all subscriptions; returns the number that
 * arrived.
 *
 * @throws Error when some did not arrive
 */
async function prime(
  trial: Trial,
  subscribers: Subscribers,
  plan: SubscriptionPlan,
): Promise<number> {
  const stamp = stampNow(trial);
  await trial.publishers.publishFirsts({ frameUpdates: FRAME_UPDATES, stamp });
  const expected = plan.picks.length;
  const delivered = await settled(trial, subscribers, expected);
  if (delivered === expected) return delivered;
  throw new Error(`the first updates of all symbols: ${delivered} of ${expected} were delivered`);
}

/** Waits for updates in flight; returns the total delivered. */
async function settled(trial: Trial, subscribers: Subscribers, expected: number): Promise<number> {
  const deadline = performance.now() + SETTLE_MS;
  let delivered = 0;
  let quiet = 0;
  while (performance.now() < deadline && quiet < QUIET_POLLS) {
    const { updates } = await subscribers.snapshot();
    if (updates >= expected) return updates;
    // On a busy machine the first ones take their time.
    quiet = updates > 0 && updates === delivered ? quiet + 1 : 0;
    delivered = updates;
    await trial.pass(SETTLE_POLL_MS);
  }
  return delivered;
}
