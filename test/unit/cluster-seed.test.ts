import { expect, it } from 'vitest';
import { shardOf } from '../../src/cluster/names.ts';
import { seedCluster } from '../../src/cluster/seed.ts';
import { parseConfig } from '../../src/config/parse-config.ts';
import { emptyState } from '../../src/engine/index.ts';
import { Random } from '../../testkit/random.ts';
import { SimulatedBroker } from '../support/simulated-bus.ts';

const SHARDS = 256;
/** What a shard holds at least. */
const ROOM = 1024;

it('a store whose symbols a shard has no room for is not imported, and binds nothing', async () => {
  const broker = new SimulatedBroker(new Random(1));
  const config = parseConfig({
    processing: { maxSymbols: 4096 },
    cluster: { role: 'edge', shards: SHARDS },
  });
  const names: string[] = [];
  for (let i = 0; names.length <= ROOM; i++) {
    if (shardOf(`S-${i}`, SHARDS) === 7) names.push(`S-${i}`);
  }
  const symbols = names.map((name) => ({ ...emptyState(name, 0), count: 1 }));
  // Another one, but retired.
  const retired = emptyState('S-0', 3);
  const state = { anomaliesOf: async () => [], publishers: [] };
  const seed = (of: typeof symbols) =>
    seedCluster(config, broker.connect(), { ...state, symbols: [...of, retired] });
  await expect(seed(symbols)).rejects.toThrow(
    `shard 7 would have ${ROOM + 1} symbols, and holds ${ROOM}: expected a greater`,
  );
  expect(broker.keys.size).toBe(0);
  expect(await seed(symbols.slice(1))).toMatchObject({ symbols: ROOM });
});
