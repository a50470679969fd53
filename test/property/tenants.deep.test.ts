import { it } from 'vitest';
import { fc } from '../../testkit/fast-check.ts';
import { GuardedServer } from '../support/guarded-server.ts';
import { StoreFolder } from '../support/store-folder.ts';
import { TenantWorld, type Way } from '../support/tenant-world.ts';

const RUNS = 4;
const TIME = 1_700_000_000_000;
/** Prefixes of one another, the shortest and the longest. */
const NAMES = ['a', 'aa', 'a.', 'a.a', 'A', '-', '.', '..', '_', 'x'.repeat(31), 'x'.repeat(32)];

const tenant = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...NAMES) },
  { weight: 1, arbitrary: fc.stringMatching(/^[A-Za-z0-9._-]{1,32}$/) },
);
/** Some look like tenant names or like the internal prefix. */
const symbol = fc.constantFrom(
  'S',
  'SS',
  'a',
  'aa',
  'a/S',
  '%01a%01S',
  '\\u0001a\\u0001S',
  '€',
  '😀'.repeat(32),
);
const tick = fc.record({
  symbol,
  price: fc.constantFrom(1, 100, 101, 103, 5000.5),
  waitMs: fc.constantFrom(0, 1, 400, 5000),
});
const step = fc.record({
  tenant: fc.nat(),
  name: fc.constantFrom('feed-a', 'feed-b'),
  way: fc.constantFrom<Way>('alias', 'text', 'http'),
  json: fc.boolean(),
  ticks: fc.array(tick, { minLength: 1, maxLength: 8 }),
});
const plan = fc.record({
  tenants: fc.uniqueArray(tenant, { minLength: 1, maxLength: 4 }),
  before: fc.array(step, { minLength: 1, maxLength: 12 }),
  after: fc.array(step, { maxLength: 6 }),
});

it('each tenant sees what it would if it were alone, over a restart, too', async () => {
  await fc.assert(
    fc.asyncProperty(plan, async ({ tenants, before, after }) => {
      using folder = new StoreFolder();
      const config = { store: { directory: folder.path } };
      const worlds = ['', ...tenants].map((name) => new TenantWorld(name));
      let time = TIME;
      const run = async (steps: typeof before) => {
        const server = await GuardedServer.start(config);
        try {
          for (const { tenant: at, name, way, json, ticks } of steps) {
            const world = worlds[at % worlds.length] as TenantWorld;
            const timed = ticks.map(({ waitMs, ...rest }) => {
              time += waitMs;
              return { ...rest, time };
            });
            await world.publish(server.port, name, way, timed, json);
          }
          const all = new Set(worlds.flatMap(({ symbols }) => symbols));
          for (const world of worlds) {
            await world.check(server.port);
            await world.checkAbsent(server.port, all);
          }
        } finally {
          await server.stop();
        }
      };
      await run(before);
      await run(after);
    }),
    // Each run starts two servers: shrinking would be too slow.
    { numRuns: RUNS, endOnFailure: true },
  );
});
