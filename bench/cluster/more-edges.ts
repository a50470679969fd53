import type { OwnServer } from '../../loadgen/own-server.ts';
import type { Figures } from '../workloads/workload.ts';
import type { Experiment } from './experiment.ts';
import { LiveCluster } from './live-cluster.ts';
import { MarketLoad } from './market-load.ts';
import { measureWindow, perTick, TURN_MS } from './role-costs.ts';

const COUNTS = [1, 2, 3];
/** Compared with one edge. */
const ROLES = ['owner', 'broker', 'first'] as const;

/** What edges cost those that are there: publisher and subscribers stay at the first one. */
export const moreEdges: Experiment = {
  name: 'edges',
  title: 'What one edge more costs the others',
  description:
    'Publisher and subscribers are at the first edge; further edges have no clients, and keep a ' +
    'copy of all rows, as each does. µs of CPU a tick; *÷* is over that with one edge in the ' +
    'same round. Every other round begins with all edges and removes them.',
  columns: [
    { key: 'owner', title: 'owner', digits: 1 },
    { key: 'ownerRatio', title: '÷', digits: 2 },
    { key: 'broker', title: 'broker', digits: 1 },
    { key: 'brokerRatio', title: '÷', digits: 2 },
    { key: 'first', title: 'first edge', digits: 1 },
    { key: 'firstRatio', title: '÷', digits: 2 },
    { key: 'further', title: 'each further edge', digits: 1 },
    { key: 'others', title: 'others', digits: 2 },
  ],
  async measure(run, note) {
    for (const shards of run.shards) {
      await LiveCluster.run(run, { shards, owners: 1, edges: 1 }, async (cluster) => {
        const [first] = cluster.edges as [OwnServer];
        await MarketLoad.run(run, { from: first, to: first }, async (load) => {
          load.start(run.rate, TURN_MS);
          for (let round = 0; round < run.rounds; round++) {
            const measured = new Map<number, Figures>();
            for (const edges of round % 2 === 0 ? COUNTS : COUNTS.toReversed()) {
              measured.set(edges, await withEdges(cluster, load, edges));
            }
            for (const edges of COUNTS) {
              const figures = measured.get(edges) as Figures;
              const setting = `${shards} shards, ${edges} ${edges === 1 ? 'edge' : 'edges'}`;
              note(setting, { ...figures, ...ratios(figures, measured.get(1) as Figures) });
            }
          }
          load.stop();
        });
      });
    }
  },
};

/** Starts or stops further edges, and measures. */
async function withEdges(cluster: LiveCluster, load: MarketLoad, count: number): Promise<Figures> {
  while (cluster.edges.length < count) await cluster.addEdge();
  while (cluster.edges.length > count) await cluster.removeEdge();
  await load.warmUp();
  const [first, ...further] = cluster.edges as [OwnServer, ...OwnServer[]];
  const { used, ticks } = await measureWindow(load, {
    owner: cluster.owners.map(({ pid }) => pid),
    broker: cluster.brokerPids,
    first: [first.pid],
    ...(further.length === 0 ? {} : { further: further.map(({ pid }) => pid) }),
  });
  const figures = perTick(used, ticks);
  if (figures.further === undefined) return figures;
  return { ...figures, further: figures.further / further.length };
}

function ratios(figures: Figures, beside: Figures): Figures {
  return Object.fromEntries(
    ROLES.map((role) => [`${role}Ratio`, (figures[role] as number) / (beside[role] as number)]),
  );
}
