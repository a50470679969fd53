import { setTimeout as sleep } from 'node:timers/promises';
import type { OwnServer } from '../../loadgen/own-server.ts';
import type { ClusterOverview } from '../../src/gateway/index.ts';
import { until } from '../../testkit/until.ts';
import { Publishers } from '../load/publishers.ts';
import { makeUpdates } from '../load/update-stream.ts';
import { tickwireWire } from '../wires/tickwire.ts';
import { type Figures, marketOf } from '../workloads/workload.ts';
import type { ClusterRun, Experiment } from './experiment.ts';
import { addressOf, LiveCluster, metricsOf } from './live-cluster.ts';
import { ShardArrivals } from './shard-arrivals.ts';

/** Few enough shards that each has an update every few ms. */
const SHARDS = 64;
const SYMBOLS = 256;
const SEED = 1;
const RATE_PART = 1 / 4;
const FRAME_UPDATES = 256;
/** Between looks at what the survivor knows, ms. */
const LOOK_MS = 20;
/** What follows a take-over counts too, ms. */
const AFTER_MS = 1000;
const BACK_MS_MAX = 60_000;
/** Messages of a shard's log that wait on a busy machine. */
const LAG_MAX = 100;

/** How long shards stand still when their owner is killed, and when it is stopped. */
export const takeOvers: Experiment = {
  name: 'takeover',
  title: 'Take-over',
  description:
    `Two owners, two edges, ${SHARDS} shards, ${SYMBOLS} symbols; a subscriber to all of them at ` +
    'the edge that does not ingest. One owner in turn is killed with SIGKILL, and stopped with ' +
    'SIGTERM. ms from the signal until the other owner no longer counts it as a member (*seen*); ' +
    'from then until updates of the first and of the last of its shards arrive, which never ' +
    'cease if it was stopped; the longest time that one of its shards stood still in all; and ' +
    'the same meanwhile of shards that stayed where they were: how often there are updates at all.',
  columns: [
    { key: 'seen', title: 'seen', digits: 0 },
    { key: 'first', title: 'then first', digits: 0 },
    { key: 'last', title: 'then last', digits: 0 },
    { key: 'still', title: 'longest still', digits: 0 },
    { key: 'otherStill', title: 'shards that stayed', digits: 0 },
  ],
  async measure(run, note) {
    await LiveCluster.run(run, { shards: SHARDS, owners: 2, edges: 2 }, async (cluster) => {
      const [from, to] = cluster.edges as [OwnServer, OwnServer];
      const publishers = await publish(run, from);
      const arrivals = await ShardArrivals.open(to, SHARDS);
      try {
        await steady(cluster);
        for (let turn = 0; turn < 2 * run.kills; turn++) {
          const victim = (turn >> 1) % 2;
          const signal = turn % 2 === 0 ? 'SIGKILL' : 'SIGTERM';
          const figures = await takeOver({ run, cluster, arrivals, victim, signal });
          note(`${signal}, lease ${run.leaseMs.toLocaleString('en')} ms`, figures);
          publishers.check();
          await cluster.replaceOwner(victim);
          await steady(cluster);
        }
        publishers.stop();
        await until(() => arrivals.ticks === publishers.sent, 'every tick at the subscriber');
      } finally {
        arrivals.close();
        publishers.close();
      }
    });
  },
};

async function publish(run: ClusterRun, edge: OwnServer): Promise<Publishers> {
  const updates = makeUpdates({ symbols: SYMBOLS, zipfExponent: 0, seed: SEED });
  const market = marketOf(SYMBOLS);
  const wire = tickwireWire();
  const address = addressOf(edge);
  const publishers = await Publishers.connect(address, wire, market, updates, 1, run.clock);
  publishers.startPaced({ rate: run.rate * RATE_PART, frameUpdates: FRAME_UPDATES });
  return publishers;
}

interface Turn {
  readonly run: ClusterRun;
  readonly cluster: LiveCluster;
  readonly arrivals: ShardArrivals;
  /** Index of the owner that ends. */
  readonly victim: number;
  readonly signal: 'SIGKILL' | 'SIGTERM';
}

async function takeOver({ run, cluster, arrivals, victim, signal }: Turn): Promise<Figures> {
  const owner = cluster.owners[victim] as OwnServer;
  const survivor = cluster.owners[1 - victim] as OwnServer;
  const orphans = await ownedBy(owner, arrivals);
  const others = [...arrivals.shards].filter((shard) => !orphans.includes(shard));
  arrivals.watch();
  const killedAt = performance.now();
  owner.kill(signal);
  await until(async () => {
    await sleep(LOOK_MS, undefined, { signal: run.signal });
    return (await memberCount(survivor)) < sizeOf(cluster);
  }, 'the survivor to see it');
  const seenAt = performance.now();
  const isBack = () => orphans.every((shard) => arrivals.last(shard) > seenAt);
  await until(isBack, 'updates of all shards', BACK_MS_MAX);
  await sleep(AFTER_MS, undefined, { signal: run.signal });
  const silences = orphans.map((shard) => arrivals.longest(shard));
  const backAt = silences.map(({ to }) => to);
  const isKilled = signal === 'SIGKILL';
  return {
    seen: seenAt - killedAt,
    ...(isKilled
      ? { first: Math.min(...backAt) - seenAt, last: Math.max(...backAt) - seenAt }
      : {}),
    still: Math.max(...silences.map(lengthOf)),
    otherStill: Math.max(...others.map((shard) => lengthOf(arrivals.longest(shard)))),
  };
}

function lengthOf({ from, to }: { readonly from: number; readonly to: number }): number {
  return to - from;
}

async function memberCount(member: OwnServer): Promise<number> {
  return (await metricsOf(member))('tickwire_cluster_members');
}

/** Shards with symbols that a member owns. */
async function ownedBy(member: OwnServer, { shards }: ShardArrivals): Promise<number[]> {
  const { members, shards: all } = await overviewOf(member);
  const self = members.find(({ isThis }) => isThis);
  return all
    .filter(({ owner, shard }) => owner === self?.id && shards.has(shard))
    .map(({ shard }) => shard);
}

/** Waits until owners know all members, and have shards that are not behind. */
async function steady(cluster: LiveCluster): Promise<void> {
  for (const owner of cluster.owners) {
    await until(async () => {
      const { members, shards } = await overviewOf(owner);
      const own = members.find(({ isThis }) => isThis)?.shards ?? 0;
      const isCaughtUp = shards.every(({ lagMessages }) => (lagMessages ?? LAG_MAX) < LAG_MAX);
      return members.length === sizeOf(cluster) && own > 0 && isCaughtUp;
    }, 'an owner with shards that knows all members');
  }
  await sleep(AFTER_MS);
}

/** Its members. */
function sizeOf({ edges, owners }: LiveCluster): number {
  return edges.length + owners.length;
}

async function overviewOf(member: OwnServer): Promise<ClusterOverview> {
  const { host, port } = addressOf(member);
  return (await (await fetch(`http://${host}:${port}/api/cluster`)).json()) as ClusterOverview;
}
