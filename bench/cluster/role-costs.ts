import type { OwnServer } from '../../loadgen/own-server.ts';
import type { Figures } from '../workloads/workload.ts';
import { CpuMeter, type Parts, type UsedCores } from './cpu-meter.ts';
import type { ClusterRun, Experiment, Note } from './experiment.ts';
import { LiveCluster, metricsOf, startSingle } from './live-cluster.ts';
import { MARKET, MarketLoad } from './market-load.ts';

/** Time between two frames of a feed that collects, ms. */
export const TURN_MS = 5;
/** Beside the steady rate, a tenth of it: what does not grow with the rate shows. */
const LOW_PART = 1 / 10;
const US_PER_MS = 1000;

/** CPU a tick by role, beside one process that does all. */
export const roleCosts: Experiment = {
  name: 'costs',
  title: 'CPU a tick, by role',
  description:
    `${MARKET.symbols} symbols, a named publisher at one edge with a frame every ${TURN_MS} ms, ` +
    `${MARKET.sessions} sessions × ${MARKET.perSession} symbols at the other, one owner. µs of ` +
    'CPU a published tick. *Others* is what programs that have no part in it took, in cores.',
  columns: [
    { key: 'ingest', title: 'edge that ingests', digits: 1 },
    { key: 'owner', title: 'owner', digits: 1 },
    { key: 'serve', title: 'edge that serves', digits: 1 },
    { key: 'broker', title: 'broker', digits: 1 },
    { key: 'all', title: 'all', digits: 1 },
    { key: 'messages', title: 'log messages a tick', digits: 2 },
    { key: 'rows', title: 'row messages a tick and edge', digits: 2 },
    { key: 'delivered', title: 'messages to sessions a tick', digits: 2 },
    { key: 'others', title: 'others', digits: 2 },
  ],
  async measure(run, note) {
    const rates = [run.rate * LOW_PART, run.rate];
    for (let round = 0; round < run.rounds; round++) {
      for (const shards of run.shards) await measureCluster(run, shards, rates, note);
      await measureSingle(run, rates, note);
    }
  },
};

async function measureCluster(
  run: ClusterRun,
  shards: number,
  rates: readonly number[],
  note: Note,
): Promise<void> {
  await LiveCluster.run(run, { shards, owners: 1, edges: 2 }, async (cluster) => {
    const [from, to] = cluster.edges as [OwnServer, OwnServer];
    await MarketLoad.run(run, { from, to }, async (load) => {
      for (const rate of rates) {
        load.start(rate, TURN_MS);
        await load.warmUp();
        const before = await messageCounts(from, to, load);
        const { used, ticks } = await measureWindow(load, cluster.roles);
        const after = await messageCounts(from, to, load);
        const sent = after.sent - before.sent;
        load.stop();
        await load.settle();
        note(`${rate.toLocaleString('en')} ticks/s, ${shards} shards`, {
          ...perTick(used, ticks),
          messages: (after.log - before.log) / sent,
          rows: (after.rows - before.rows) / sent,
          delivered: (after.delivered - before.delivered) / sent,
        });
      }
    });
  });
}

async function measureSingle(run: ClusterRun, rates: readonly number[], note: Note): Promise<void> {
  const server = await startSingle();
  try {
    await MarketLoad.run(run, { from: server, to: server }, async (load) => {
      for (const rate of rates) {
        load.start(rate, TURN_MS);
        await load.warmUp();
        const { used, ticks } = await measureWindow(load, { single: [server.pid] });
        load.stop();
        await load.settle();
        const { all, others } = perTick(used, ticks);
        note(`${rate.toLocaleString('en')} ticks/s, one process`, {
          all: all as number,
          others: others as number,
        });
      }
    });
  } finally {
    await server.stop();
  }
}

/** Measures roles over a window of a load that runs. */
export async function measureWindow(
  load: MarketLoad,
  roles: Parts,
): Promise<{ readonly used: UsedCores; readonly ticks: number }> {
  const sent = load.sent;
  const meter = new CpuMeter({ ...roles, ...load.parts });
  await load.window();
  return { used: meter.read(), ticks: load.sent - sent };
}

/** µs a tick of each role and of all; cores of all else. */
export function perTick({ cores, elapsedMs, others }: UsedCores, ticks: number): Figures {
  if (ticks === 0) throw new Error('nothing was published');
  const figures: Record<string, number> = { others };
  let all = 0;
  for (const [role, value] of Object.entries(cores)) {
    if (role === 'generator') continue;
    figures[role] = (value * elapsedMs * US_PER_MS) / ticks;
    all += figures[role];
  }
  return { ...figures, all };
}

async function messageCounts(from: OwnServer, to: OwnServer, load: MarketLoad) {
  const log = (await metricsOf(from))('tickwire_cluster_log_messages_total');
  const rows = (await metricsOf(to))('tickwire_cluster_row_messages_total');
  const { messages: delivered } = await load.subscribers.snapshot();
  return { log, rows, delivered, sent: load.sent };
}
