import { describe, expect, it } from 'vitest';
import { NameSpace } from '../../src/engine/index.ts';
import { PendingDurable } from '../../src/gateway/ingest/acknowledgements.ts';
import { OfflinePublishers } from '../../src/gateway/ingest/publisher-registry.ts';
import { fc } from '../../testkit/fast-check.ts';

const nameOf = (tenant: string, publisher: string) => new NameSpace(tenant).nameOf(publisher);

describe('names of publishers without a connection', () => {
  it('are forgotten of the tenant that has most, longest gone first', () => {
    const gone = new OfflinePublishers(5);
    const [quiet, other] = [nameOf('quiet', 'feed'), nameOf('', 'feed')];
    expect([quiet, other].map((name) => gone.add(name))).toEqual([undefined, undefined]);
    const made = Array.from({ length: 100 }, (_, i) => nameOf('greedy', `p${i}`));
    expect(made.map((name) => gone.add(name))).toEqual([
      ...Array.from({ length: 3 }, () => undefined),
      ...made.slice(0, 97),
    ]);
    expect([...gone].sort()).toEqual([quiet, other, ...made.slice(97)].sort());
  });

  it('are the added ones, neither deleted nor forgotten, in order and bounded', () => {
    const name = fc
      .tuple(fc.constantFrom('', 'a', 'b'), fc.integer({ min: 0, max: 9 }))
      .map(([tenant, i]) => nameOf(tenant, `p${i}`));
    const steps = fc.array(fc.tuple(fc.boolean(), name), { maxLength: 60 });
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 8 }), (all, max) => {
        const gone = new OfflinePublishers(max);
        let expected: string[] = [];
        for (const [isAdded, one] of all) {
          const isThere = gone.has(one);
          expect(isThere).toBe(expected.includes(one));
          if (isThere && isAdded) {
            expect(gone.add(one)).toBeUndefined();
            continue;
          }
          if (!isAdded) {
            gone.delete(one);
            expected = expected.filter((other) => other !== one);
            continue;
          }
          const forgotten = gone.add(one);
          expected.push(one);
          expect(forgotten === undefined).toBe(expected.length <= max);
          expected = expected.filter((other) => other !== forgotten);
        }
        const names = [...gone];
        for (const tenant of ['', 'a', 'b']) {
          const space = new NameSpace(tenant);
          const ofTenant = (list: readonly string[]) => list.filter((other) => space.has(other));
          expect(ofTenant(names)).toEqual(ofTenant(expected));
        }
      }),
    );
  });
});

it('frames that are sent again are held back once, and settled with the rest', () => {
  const frames = new PendingDurable();
  frames.add(3, 10, 100 * 3);
  frames.add(4, 20, 100 * 4);
  // After a refusal a publisher resends everything unacknowledged.
  frames.add(3, 10, 100 * 3);
  frames.add(4, 20, 100 * 4);
  frames.add(5, 1, 100 * 5);
  expect(frames.ticks).toBe(31);
  frames.settle(3);
  expect(frames.ticks).toBe(21);
  frames.add(4, 20, 100 * 4);
  frames.settle(5);
  expect(frames.ticks).toBe(0);
});

it('frames are durable as far as the journal is on disk; in a gap, with a snapshot only', () => {
  const frames = new PendingDurable();
  frames.add(1, 10, 100);
  frames.add(2, 10, 100);
  frames.add(3, 10, 200);
  frames.add(4, 10, Number.POSITIVE_INFINITY);
  expect([frames.settleSynced(99), frames.ticks]).toEqual([0, 40]);
  expect([frames.settleSynced(100), frames.ticks]).toEqual([2, 20]);
  expect([frames.settleSynced(1e9), frames.ticks, frames.isEmpty]).toEqual([3, 10, false]);
  frames.settle(4);
  expect([frames.ticks, frames.isEmpty]).toEqual([0, true]);
});
