import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '../../testkit/random.ts';
import { Faults } from '../faults.ts';
import { DurableServer } from './durable-server.ts';
import { PublisherHost } from './publisher-host.ts';
import { ServerApi } from './server-api.ts';
import { checkState, expectedSymbols } from './state-checks.ts';

const SYMBOLS = 500;
const PUBLISHERS = 2;
const FRAME_TICKS = 128;
/** Kills of a server, and what it promises. */
export interface KillPlan {
  /** What an acknowledgement means. */
  readonly acknowledge: 'accepted' | 'durable';
  readonly kills: number;
}

/** A kill comes within this time, ms. */
const WAIT_MS_MAX = 2000;
/** What a kill may take at most, ms of ticks: a busy machine keeps the journal's thread waiting. */
const LOST_MS_MAX = 100;
/** Ticks flow at their pace so long before the time in which the kill comes begins, ms. */
const RUN_UP_MS = 1000;
const POLL_MS = 5;
const BEHIND_MS_MAX = 300;
const RECOVERY_TIMEOUT_MS = 60_000;

export interface KillDrillOptions {
  readonly seed: number;
  /** Ticks a second, all publishers together. */
  readonly rate: number;
  /** Ends the drill early: after the present kill, everything is checked as ever. */
  readonly signal: AbortSignal;
  readonly plans: readonly KillPlan[];
  readonly progress: (line: string) => void;
}

/** What one kill -9 did. */
interface Kill {
  readonly acknowledge: KillPlan['acknowledge'];
  /** Acknowledged ticks a second before it. */
  readonly rate: number;
  /** Ticks that were acknowledged and are gone. */
  readonly lost: number;
  /** What the publishers sent again. */
  readonly resent: number;
  /** From the start to `/readyz`, ms, and the ticks that were replayed meanwhile. */
  readonly readyMs: number;
  readonly replayed: number;
}

/**
 * Kills a server in the middle of a stream of ticks, again and again, and counts exactly what is
 * lost. Returns what should not be: where an acknowledgement means durable, nothing may be missing
 * in the end; else ticks of the last ms. Nothing may be there twice.
 */
export async function runKillDrill(options: KillDrillOptions): Promise<readonly string[]> {
  const faults = new Faults();
  for (const plan of options.plans) {
    if (!options.signal.aborted) await killRepeatedly(options, plan, faults);
  }
  return faults.messages;
}

async function killRepeatedly(
  { seed, rate, signal, progress }: KillDrillOptions,
  { acknowledge, kills }: KillPlan,
  faults: Faults,
): Promise<void> {
  const server = await DurableServer.create([
    `--publish.acknowledge=${acknowledge}`,
    // A queue for longer than a busy machine may keep a worker waiting: none of these ticks may be
    // dropped.
    '--processing.channelCapacity=1048576',
  ]);
  const random = new Random(seed);
  const violate = (message: string) => faults.note(message);
  let publishers: readonly PublisherHost[] = [];
  try {
    await server.start();
    publishers = createPublishers(server, seed, rate, violate);
    for (const publisher of publishers) publisher.spawn();
    for (let killed = 0; killed < kills && !signal.aborted; killed++) {
      await live(server, publishers);
      await caughtUp(publishers);
      const kill = await killOnce(server, publishers, random.below(WAIT_MS_MAX));
      progress(formatKill({ acknowledge, ...kill }));
      const lostMs = lostMsOf(kill);
      const mostMs = acknowledge === 'durable' ? 0 : LOST_MS_MAX;
      if (lostMs > mostMs) violate(`a kill lost ${lostMs.toFixed(1)} ms of acknowledged ticks`);
    }
    await checkAll(server, publishers, violate, progress);
  } finally {
    await Promise.all(publishers.map((publisher) => publisher.kill()));
    await server.remove();
  }
}

function createPublishers(
  { url }: DurableServer,
  seed: number,
  rate: number,
  violate: (message: string) => void,
): PublisherHost[] {
  return Array.from({ length: PUBLISHERS }, (_, index) => {
    const symbols = Array.from({ length: SYMBOLS }, (__, i) => `P${index}:S${i}`);
    const intervalMs = (1000 * PUBLISHERS) / rate;
    const ticks = { seed: seed + index, symbols, startMs: Date.now(), intervalMs, badShare: 0 };
    const plan = { url, name: `drill-${index}`, frameTicks: FRAME_TICKS, ticks };
    return new PublisherHost(plan, violate);
  });
}

async function killOnce(
  server: DurableServer,
  publishers: readonly PublisherHost[],
  waitMs: number,
): Promise<Omit<Kill, 'acknowledge'>> {
  const before = acknowledgedTicks(publishers);
  const startedAt = performance.now();
  await sleep(RUN_UP_MS + waitMs);
  const rate = ((acknowledgedTicks(publishers) - before) / (performance.now() - startedAt)) * 1000;
  for (const publisher of publishers) publisher.serverKilled();
  await server.end('SIGKILL');
  const lostBefore = lostTicks(publishers);
  const readyMs = await server.start();
  await live(server, publishers);
  const metrics = await new ServerApi(server.port).metrics();
  return {
    rate,
    lost: lostTicks(publishers) - lostBefore,
    resent: publishers.reduce((sum, { resent }) => sum + resent, 0),
    readyMs,
    replayed: metrics.get('tickwire_journal_replayed_ticks') ?? 0,
  };
}

async function live(server: DurableServer, publishers: readonly PublisherHost[]): Promise<void> {
  const epoch = await new ServerApi(server.port).epoch();
  const deadline = performance.now() + RECOVERY_TIMEOUT_MS;
  while (publishers.some((publisher) => publisher.epoch !== epoch)) {
    if (performance.now() > deadline) throw new Error('the publishers did not come back');
    await sleep(POLL_MS);
  }
}

/**
 * Resolves when the publishers are at their pace again, having made up for the time without a
 * server.
 */
async function caughtUp(publishers: readonly PublisherHost[]): Promise<void> {
  const isBehind = ({ ticks, lineage }: PublisherHost) => {
    const due = (Date.now() - ticks.startMs) / ticks.intervalMs;
    return (due - lineage.next * FRAME_TICKS) * ticks.intervalMs > BEHIND_MS_MAX;
  };
  const deadline = performance.now() + RECOVERY_TIMEOUT_MS;
  while (publishers.some(isBehind)) {
    if (performance.now() > deadline) throw new Error('the rate is too high for this machine');
    await sleep(POLL_MS);
  }
}

async function checkAll(
  server: DurableServer,
  publishers: readonly PublisherHost[],
  violate: (message: string) => void,
  progress: (line: string) => void,
): Promise<void> {
  await Promise.all(publishers.map((publisher) => publisher.stop()));
  const startedAt = performance.now();
  const api = new ServerApi(server.port);
  const { lapped, skipped } = await api.settled();
  if (lapped > 0) violate(`full queues lost ${lapped} ticks: too high a rate for this machine`);
  const expected = expectedSymbols(publishers);
  const checks = { api, expected, records: publishers, skipped, violate };
  const { anomalies, orphans, ticks } = await checkState(checks);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
  progress(`compared ${ticks} ticks and ${anomalies} anomalies in ${seconds} s`);
  if (orphans > 0) violate(`${orphans} stored anomalies are of ticks that the journal lost`);
}

function acknowledgedTicks(publishers: readonly PublisherHost[]): number {
  return publishers.reduce((sum, { lineage }) => sum + lineage.frames.length * FRAME_TICKS, 0);
}

function lostTicks(publishers: readonly PublisherHost[]): number {
  return publishers.reduce((sum, { lineage }) => sum + lineage.lost.length * FRAME_TICKS, 0);
}

/** Acknowledged ticks that a kill took, by the time in which so many come, ms. */
function lostMsOf({ lost, rate }: Pick<Kill, 'lost' | 'rate'>): number {
  return (lost / rate) * 1000;
}

/** A kill in words. */
function formatKill(kill: Kill): string {
  const { acknowledge, rate, lost, resent, readyMs, replayed } = kill;
  return [
    `${acknowledge}, ${rate.toFixed(0)} ticks/s:`,
    `${lost} acknowledged ticks lost (${lostMsOf(kill).toFixed(1)} ms of them),`,
    `${resent} sent again, ready in ${readyMs.toFixed(0)} ms with ${replayed} replayed`,
  ].join(' ');
}
