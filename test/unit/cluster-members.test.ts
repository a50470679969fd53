import { expect, it, onTestFinished } from 'vitest';
import { Cluster } from '../../src/cluster/index.ts';
import { parseConfig } from '../../src/config/parse-config.ts';
import { Random } from '../../testkit/random.ts';
import { until } from '../../testkit/until.ts';
import { NAMES, SHARDS } from '../support/logged-market.ts';
import { SimulatedBroker, type SimulatedBus } from '../support/simulated-bus.ts';

const QUIET = { info: () => undefined, warn: () => undefined, error: () => undefined };
const REFUSAL = 'maximum consumers limit reached';

/** Has a bus refuse to tell who the members are, when told to. */
function refusing(bus: SimulatedBus): (isRefusing: boolean) => void {
  let isRefusing = false;
  const openKeys = bus.openKeys.bind(bus);
  bus.openKeys = async (...which) => {
    const keys = await openKeys(...which);
    const list = keys.list.bind(keys);
    keys.list = async () => {
      if (isRefusing) throw new Error(REFUSAL);
      return list();
    };
    return keys;
  };
  return (is) => {
    isRefusing = is;
  };
}

it('a member that is not told who the others are says so, and why, until it is', async () => {
  const bus = new SimulatedBroker(new Random(1)).connect();
  const refuse = refusing(bus);
  const config = { role: 'edge', name: NAMES.cluster, shards: SHARDS, leaseMs: 1000 } as const;
  const cluster = await Cluster.join(parseConfig({ cluster: config }), bus, QUIET);
  onTestFinished(() => cluster.stop());
  await cluster.start();
  const isTold = () => cluster.fault()?.includes('who is in the cluster') !== true;
  expect(isTold()).toBe(true);
  refuse(true);
  await until(() => !isTold());
  expect(cluster.fault()).toMatch(new RegExp(`who is in the cluster for [\\d.]+ s: ${REFUSAL}$`));
  refuse(false);
  await until(isTold);
});
