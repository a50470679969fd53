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
/** Kills for each interval between snapshots. */
const KILLS: readonly { readonly snapshotIntervalMs: number; readonly kills: number }[] = [
  { snapshotIntervalMs: 1000, kills: 5 },
  { snapshotIntervalMs: 10_000, kills: 3 },
];
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
  readonly progress: (line: string) => void;
}

/** What one kill -9 did. */
interface Kill {
  readonly snapshotIntervalMs: number;
  /** Acknowledged ticks a second before it. */
  readonly rate: number;
  /** Ticks that were acknowledged and are gone. */
  readonly lost: number;
  /** What the publishers sent again. */
  readonly resent: number;
  /** From the start to `/readyz`, ms. */
  readonly readyMs: number;
  /** The snapshots before: from the cut to the disk, ms, and the size, bytes. */
  readonly snapshotMs: number;
  readonly snapshotBytes: number;
}

/**
 * Kills a server in the middle of a stream of ticks, again and again, and counts exactly what is
 * lost. Returns what should not be: nothing but ticks acknowledged since the last snapshot may be
 * missing in the end.
 */
export async function runKillDrill(options: KillDrillOptions): Promise<readonly string[]> {
  const faults = new Faults();
  for (const plan of KILLS) {
    if (!options.signal.aborted) await killRepeatedly(options, plan, faults);
  }
  return faults.messages;
}

async function killRepeatedly(
  { seed, rate, signal, progress }: KillDrillOptions,
  { snapshotIntervalMs, kills }: (typeof KILLS)[number],
  faults: Faults,
): Promise<void> {
  const server = await DurableServer.create([
    `--store.snapshotIntervalMs=${snapshotIntervalMs}`,
    // A queue for longer than a busy machine may keep a worker waiting: none of these ticks may be
    // dropped.
    '--processing.channelCapacity=1048576',
  ]);
  const random = new Random(seed + snapshotIntervalMs);
  const violate = (message: string) => faults.note(message);
  let publishers: readonly PublisherHost[] = [];
  try {
    await server.start();
    publishers = createPublishers(server, seed, rate, violate);
    for (const publisher of publishers) publisher.spawn();
    for (let killed = 0; killed < kills && !signal.aborted; killed++) {
      await live(server, publishers);
      await sleep(snapshotIntervalMs);
      await caughtUp(publishers);
      const kill = await killOnce(server, publishers, random.below(snapshotIntervalMs));
      progress(formatKill({ snapshotIntervalMs, ...kill }));
    }
    await checkAll(server, publishers, violate);
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
): Promise<Omit<Kill, 'snapshotIntervalMs'>> {
  const before = acknowledgedTicks(publishers);
  const startedAt = performance.now();
  await sleep(RUN_UP_MS + waitMs);
  const metrics = await new ServerApi(server.port).metrics();
  const rate = ((acknowledgedTicks(publishers) - before) / (performance.now() - startedAt)) * 1000;
  for (const publisher of publishers) publisher.serverKilled();
  await server.end('SIGKILL');
  const lostBefore = lostTicks(publishers);
  const readyMs = await server.start();
  await live(server, publishers);
  return {
    rate,
    lost: lostTicks(publishers) - lostBefore,
    resent: publishers.reduce((sum, { resent }) => sum + resent, 0),
    readyMs,
    snapshotMs: (metrics.get('tickwire_snapshot_duration_seconds') ?? 0) * 1000,
    snapshotBytes: metrics.get('tickwire_snapshot_bytes') ?? 0,
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
): Promise<void> {
  await Promise.all(publishers.map((publisher) => publisher.stop()));
  const api = new ServerApi(server.port);
  const { lapped, skipped } = await api.settled();
  if (lapped > 0) violate(`full queues lost ${lapped} ticks: too high a rate for this machine`);
  const expected = expectedSymbols(publishers);
  await checkState({ api, expected, records: publishers, skipped, violate });
}

function acknowledgedTicks(publishers: readonly PublisherHost[]): number {
  return publishers.reduce((sum, { lineage }) => sum + lineage.frames.length * FRAME_TICKS, 0);
}

function lostTicks(publishers: readonly PublisherHost[]): number {
  return publishers.reduce((sum, { lineage }) => sum + lineage.lost.length * FRAME_TICKS, 0);
}

/** A kill in words. */
function formatKill(kill: Kill): string {
  const { snapshotIntervalMs, rate, lost, resent, readyMs, snapshotMs, snapshotBytes } = kill;
  const lostMs = (lost / rate) * 1000;
  return [
    `snapshots every ${snapshotIntervalMs} ms, ${rate.toFixed(0)} ticks/s:`,
    `${lost} acknowledged ticks lost (${lostMs.toFixed(0)} ms of them), ${resent} sent again,`,
    `ready in ${readyMs.toFixed(0)} ms`,
    `(a snapshot: ${(snapshotBytes / 1000).toFixed(0)} kB in ${snapshotMs.toFixed(1)} ms)`,
  ].join(' ');
}
