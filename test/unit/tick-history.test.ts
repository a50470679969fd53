import { expect, test } from 'vitest';
import { Journal, TickHistory, type TickQuery } from '../../src/journal/index.ts';
import { TempFolder } from '../../testkit/temp-folder.ts';
import { collectingLog } from '../support/journal-rig.ts';

const NEWEST: TickQuery = {
  name: 'S1',
  from: undefined,
  to: undefined,
  after: undefined,
  limit: 2,
  everyMs: undefined,
};

async function open(directory: string, syncMs: number): Promise<Journal> {
  const options = {
    directory,
    start: 0,
    syncMs,
    run: 'run',
    startedAt: 1,
    partitions: 1,
    names: { symbol: (id: number) => `S${id}`, publisher: (id: number) => `publisher-${id}` },
    offered: () => undefined,
    mayGap: false,
    retention: { ageMs: 0, bytes: 0 },
  };
  return Journal.open(options, collectingLog(), {
    onLost: () => undefined,
    onGapEnd: () => undefined,
  });
}

function append(journal: Journal, price: number): void {
  const column = Float64Array.of(price);
  journal.appender.appendTicks(0, price, 5, Uint32Array.of(1), column, column, 1);
}

test('a page has what was accepted just before it was asked for', async () => {
  using folder = new TempFolder();
  const journal = await open(folder.path, 200);
  const history = new TickHistory(folder.path, 60_000, journal);
  for (let price = 1; price <= 3; price++) {
    append(journal, price);
    expect(journal.syncedPosition, 'not on disk yet').toBeLessThan(journal.position);
    const newest = await history.page(NEWEST);
    expect(Array.from(newest.prices)).toEqual(price === 1 ? [1] : [price - 1, price]);
    const all = await history.page({ ...NEWEST, from: 0, limit: 10 });
    expect(Array.from(all.prices)).toEqual([1, 2, 3].slice(0, price));
  }
  await history.close();
  await journal.close();
});

test('a page that does not reach the end waits for nothing', async () => {
  using folder = new TempFolder();
  const journal = await open(folder.path, 5);
  for (let price = 1; price <= 5; price++) append(journal, price);
  await journal.whenSynced(journal.position);
  const never = new Promise<boolean>(() => undefined);
  const { position } = journal;
  let waits = 0;
  const history = new TickHistory(folder.path, 60_000, {
    position: position + 8,
    syncedPosition: position,
    whenSynced: async () => {
      waits++;
      return never;
    },
    fault: undefined,
  });
  const first = await history.page({ ...NEWEST, from: 0 });
  expect(Array.from(first.prices)).toEqual([1, 2]);
  expect(waits).toBe(0);
  // The disk stands still: what is there is answered after a second.
  expect(Array.from((await history.page(NEWEST)).prices)).toEqual([4, 5]);
  expect(waits).toBe(1);
  await history.close();
  await journal.close();
});

test('a page waits for no journal that cannot be written', async () => {
  using folder = new TempFolder();
  const journal = await open(folder.path, 5);
  append(journal, 1);
  await journal.whenSynced(journal.position);
  const history = new TickHistory(folder.path, 60_000, {
    position: journal.position + 8,
    syncedPosition: journal.position,
    whenSynced: () => {
      throw new Error('waited');
    },
    fault: 'no space left on device',
  });
  expect(Array.from((await history.page(NEWEST)).prices)).toEqual([1]);
  await history.close();
  await journal.close();
});
