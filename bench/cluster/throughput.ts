import type { OwnServer } from '../../loadgen/own-server.ts';
import type { Figures } from '../workloads/workload.ts';
import type { Parts } from './cpu-meter.ts';
import type { ClusterRun, Experiment } from './experiment.ts';
import { LiveCluster, startSingle } from './live-cluster.ts';
import { MarketLoad } from './market-load.ts';
import { measureWindow, TURN_MS } from './role-costs.ts';

/** It keeps up if at the end of a window no more has to arrive than is due in so long, s. */
const BACKLOG_SECONDS = 0.25;
/** The rate doubles until it is too high; then the gap is halved so often. */
const DOUBLINGS_MAX = 7;
const HALVINGS = 2;

/** The highest rate at which subscribers stay at the present. */
export const throughput: Experiment = {
  name: 'throughput',
  title: 'Highest rate that keeps up',
  description:
    'The load of the costs at rising rates, until more than ' +
    `${BACKLOG_SECONDS} s of it had not arrived at its subscribers by the end of a window; the ` +
    `gap to the rate before is then halved ${HALVINGS} times. Cores busy at the last rate that ` +
    'kept up. Load generator and subscribers share the machine.',
  columns: [
    { key: 'rate', title: 'ticks/s', digits: 0, isMoreBetter: true },
    { key: 'ingest', title: 'edge that ingests', digits: 2 },
    { key: 'owner', title: 'owner', digits: 2 },
    { key: 'serve', title: 'edge that serves', digits: 2 },
    { key: 'broker', title: 'broker', digits: 2 },
    { key: 'single', title: 'one process', digits: 2 },
    { key: 'generator', title: 'generator', digits: 2 },
    { key: 'others', title: 'others', digits: 2 },
  ],
  async measure(run, note) {
    for (let round = 0; round < run.rounds; round++) {
      for (const shards of run.shards) {
        note(`${shards} shards`, await ofCluster(run, shards));
      }
      note('one process', await ofSingle(run));
    }
  },
};

function ofCluster(run: ClusterRun, shards: number): Promise<Figures> {
  return LiveCluster.run(run, { shards, owners: 1, edges: 2 }, (cluster) => {
    const [from, to] = cluster.edges as [OwnServer, OwnServer];
    return highestRate(run, from, to, cluster.roles);
  });
}

async function ofSingle(run: ClusterRun): Promise<Figures> {
  const server = await startSingle();
  try {
    return await highestRate(run, server, server, { single: [server.pid] });
  } finally {
    await server.stop();
  }
}

async function highestRate(
  run: ClusterRun,
  from: OwnServer,
  to: OwnServer,
  roles: Parts,
): Promise<Figures> {
  let kept: Figures | undefined;
  let tooHigh = Number.POSITIVE_INFINITY;
  let rate = run.rate / 2;
  for (let doubling = 0; doubling <= DOUBLINGS_MAX && rate < tooHigh; doubling++) {
    const figures = await keepsUp(run, from, to, roles, rate);
    if (figures === undefined) tooHigh = rate;
    else {
      kept = figures;
      rate *= 2;
    }
  }
  for (let halving = 0; halving < HALVINGS && tooHigh < Number.POSITIVE_INFINITY; halving++) {
    const between = ((kept?.rate ?? 0) + tooHigh) / 2;
    const figures = await keepsUp(run, from, to, roles, between);
    if (figures === undefined) tooHigh = between;
    else kept = figures;
  }
  return kept ?? { rate: 0 };
}

/** The figures of a rate; undefined if it is too high. */
function keepsUp(
  run: ClusterRun,
  from: OwnServer,
  to: OwnServer,
  roles: Parts,
  rate: number,
): Promise<Figures | undefined> {
  return MarketLoad.run(run, { from, to }, async (load) => {
    load.start(rate, TURN_MS);
    await load.warmUp();
    const { used } = await measureWindow(load, roles);
    const isBehind = (await load.backlog()) > BACKLOG_SECONDS * rate;
    load.stop();
    await load.settle();
    return isBehind ? undefined : { rate, ...used.cores, others: used.others };
  });
}
