import { expect, it } from 'vitest';
import type { Anomaly } from '../../src/engine/index.ts';
import { recordKey, timeKey } from '../../src/store/databases.ts';
import { openStore, type Store } from '../../src/store/index.ts';
import { compareByTime } from '../../src/store/time-order.ts';
import { fc } from '../../testkit/fast-check.ts';
import {
  ALL_NAMES,
  anomalyOf,
  FaultyDisk,
  StoreFolder,
  StoreLines,
} from '../support/store-folder.ts';

it('anomalies sort in memory as their keys do on disk', () => {
  const symbol = fc.string({ unit: 'binary', minLength: 1, maxLength: 4 }).filter(isStorable);
  const position = fc.record({
    time: fc.constantFrom(0, -0, 0.5, 1, 1e12),
    symbol: fc.oneof(symbol, fc.constantFrom('A', 'A-', 'é', '\u{ff5e}', '\u{1f600}')),
    sequence: fc.integer({ min: 1, max: 300 }),
  });
  fc.assert(
    fc.property(position, position, (a, b) => {
      const keys = [a, b].map((each) => timeKey(each.time, recordKey(each.symbol, each.sequence)));
      const expected = Buffer.compare(keys[0] as Buffer, keys[1] as Buffer);
      expect(Math.sign(compareByTime(a, b))).toBe(expected);
    }),
  );
});

function isStorable(symbol: string): boolean {
  return !/[\0\p{Surrogate}]/u.test(symbol);
}

const WAITING = 60_000;
const LIMIT = 1000;

/** Pages from the oldest to the newest; how often other work could run during the first. */
async function readAll(store: Store): Promise<{ items: Anomaly[]; turns: number }> {
  const items: Anomaly[] = [];
  let after: string | undefined;
  let turns = 0;
  let turn: NodeJS.Immediate;
  const count = () => {
    turns++;
    turn = setImmediate(count);
  };
  turn = setImmediate(count);
  do {
    const page = await store.between({ from: 0, to: Infinity, after, limit: LIMIT }, ALL_NAMES);
    clearImmediate(turn);
    items.push(...page.items);
    after = page.next;
  } while (after !== undefined);
  return { items, turns };
}

it.each([
  ['in order', (i: number) => 1000 + i],
  ['in reverse', (i: number) => 1_000_000 - i],
  ['all at once', () => 1000],
])('pages hold what waits for the disk, and what is on it, %s', async (_, timeOf) => {
  using folder = new StoreFolder();
  const disk = new FaultyDisk();
  const store = await openStore(folder.options(), new StoreLines(), disk);
  const all: Anomaly[] = [];
  for (let i = 0; i < WAITING; i++) {
    if (i === 2000) {
      expect(await store.flushed()).toBe(true);
      disk.failure = 'EIO: i/o error';
    }
    const anomaly = anomalyOf(`S-${i % 50}`, Math.floor(i / 50) + 1, timeOf(i));
    all.push(anomaly);
    store.append(anomaly);
  }
  expect(store.waitingCount).toBe(WAITING - 2000);
  const { items, turns } = await readAll(store);
  expect(items.length).toBe(WAITING);
  const expected = all.toSorted(compareByTime);
  expect(items.every((item, i) => item.symbol === expected[i]?.symbol)).toBe(true);
  expect(items.every((item, i) => item.sequence === expected[i]?.sequence)).toBe(true);
  // A step sorts no more than a batch.
  expect(turns).toBeGreaterThanOrEqual(Math.floor((WAITING - 2000) / 4096));
  disk.failure = undefined;
  await store.close();
});
