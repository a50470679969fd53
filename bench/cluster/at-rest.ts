import type { OwnServer } from '../../loadgen/own-server.ts';
import { CpuMeter } from './cpu-meter.ts';
import type { Experiment } from './experiment.ts';
import { LiveCluster } from './live-cluster.ts';
import { MarketLoad } from './market-load.ts';

const PERCENT = 100;

/** What a cluster takes while nothing is published. */
export const atRest: Experiment = {
  name: 'rest',
  title: 'At rest',
  description:
    'The processes of the costs, with their subscribers, while nothing is published: % of a core.',
  columns: [
    { key: 'owner', title: 'owner', digits: 1 },
    { key: 'ingest', title: 'edge with a publisher', digits: 1 },
    { key: 'serve', title: 'edge with subscribers', digits: 1 },
    { key: 'broker', title: 'broker', digits: 1 },
    { key: 'others', title: 'others', digits: 0 },
  ],
  async measure(run, note) {
    for (let round = 0; round < run.rounds; round++) {
      for (const shards of run.shards) {
        await LiveCluster.run(run, { shards, owners: 1, edges: 2 }, async (cluster) => {
          const [from, to] = cluster.edges as [OwnServer, OwnServer];
          await MarketLoad.run(run, { from, to }, async (load) => {
            await load.warmUp();
            const meter = new CpuMeter({ ...cluster.roles, ...load.parts });
            await load.window();
            const { cores, others } = meter.read();
            const { broker = 0, ingest = 0, owner = 0, serve = 0 } = cores;
            note(`${shards} shards`, {
              owner: PERCENT * owner,
              ingest: PERCENT * ingest,
              serve: PERCENT * serve,
              broker: PERCENT * broker,
              others: PERCENT * others,
            });
          });
        });
      }
    }
  },
};
