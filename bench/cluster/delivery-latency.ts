import type { OwnServer } from '../../loadgen/own-server.ts';
import type { Figures } from '../workloads/workload.ts';
import { CpuMeter } from './cpu-meter.ts';
import type { ClusterRun, Experiment } from './experiment.ts';
import { LiveCluster, startSingle } from './live-cluster.ts';
import { MARKET, MarketLoad } from './market-load.ts';

/** Ticks a second, as a part of the steady rate. */
const RATE_PARTS = [1 / 20, 1 / 2];
/** Frames leave as soon as a timer can tell, ms. */
const TURN_MS = 1;

interface Way {
  readonly name: string;
  readonly from: OwnServer;
  readonly to: OwnServer;
  /** All processes that have a part in it. */
  readonly pids: readonly number[];
}

/** From publisher to subscriber, through one edge or two, beside one process. */
export const deliveryLatency: Experiment = {
  name: 'latency',
  title: 'From publisher to subscriber',
  description:
    `${MARKET.symbols} symbols, ${MARKET.sessions} sessions × ${MARKET.perSession}, a frame ` +
    'whenever something is due. ms from when a tick was due to its arrival at a subscriber, ' +
    'delays of the generator and of the reading process included, which are the same for all. ' +
    'The ways take turns in each round; *ratio* is p50 over that of the one process in its round.',
  columns: [
    { key: 'p50', title: 'p50 ms', digits: 2 },
    { key: 'p99', title: 'p99 ms', digits: 2 },
    { key: 'ratio', title: 'ratio', digits: 2 },
    { key: 'others', title: 'others', digits: 2 },
  ],
  async measure(run, note) {
    const [shards = 1] = run.shards;
    await LiveCluster.run(run, { shards, owners: 1, edges: 2 }, async (cluster) => {
      const single = await startSingle();
      try {
        const [first, second] = cluster.edges as [OwnServer, OwnServer];
        const members = { pids: Object.values(cluster.roles).flat() };
        const ways: readonly Way[] = [
          { name: 'one process', from: single, to: single, pids: [single.pid] },
          { name: 'same edge', from: first, to: first, ...members },
          { name: 'edge to edge', from: first, to: second, ...members },
        ];
        for (let round = 0; round < run.rounds; round++) {
          for (const rate of RATE_PARTS.map((part) => part * run.rate)) {
            let beside: number | undefined;
            for (const way of ways) {
              const figures = await latencyOf(run, way, rate);
              beside ??= figures.p50 as number;
              const ratio = (figures.p50 as number) / beside;
              note(`${rate.toLocaleString('en')} ticks/s, ${way.name}`, { ...figures, ratio });
            }
          }
        }
      } finally {
        await single.stop();
      }
    });
  },
};

function latencyOf(run: ClusterRun, { from, to, pids }: Way, rate: number): Promise<Figures> {
  return MarketLoad.run(run, { from, to }, async (load) => {
    load.start(rate, TURN_MS);
    await load.warmUp();
    await load.subscribers.resetLatency();
    const meter = new CpuMeter({ ...load.parts, servers: pids });
    await load.window();
    const { p50, p99 } = (await load.subscribers.latency()).summary();
    const { others } = meter.read();
    load.stop();
    await load.settle();
    return { p50, p99, others };
  });
}
