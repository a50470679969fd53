/*
 * A process with a store, for tests that kill it or give it damaged files:
 *
 *   open FOLDER …      opens each, reads all of it, writes to it; a line of JSON about each
 *   append FOLDER      appends without end; a line with the last sequences for each flush confirmed
 *   hold FOLDER        opens it, says so, and closes it at the end of the input
 *   fill FOLDER        appends as many as each line of input says, then reports fault and counts
 *   own FOLDER SEAMS   opens it with JSON of LockSeams; each line of input saves a snapshot of
 *                      itself and appends an anomaly; ends with 5 when the store is lost
 */
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { openStore, type Store, StoreError } from '../../src/store/index.ts';
import type { LockSeams } from '../../src/store/lock/directory-lock.ts';
import { ALL_NAMES, anomalyOf, firstOf, itemsOf } from './store-folder.ts';

const SYMBOLS = ['ALPHA', 'BETA', 'GAMMA-USD', 'δ'];
const log = { info: () => {}, warn: () => {}, error: () => {} };
const [mode, ...folders] = process.argv.slice(2);

function say(line: unknown): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

async function open(directory: string): Promise<Store> {
  return openStore({ directory, mode: 'async', retentionDays: 0, retentionPerSymbol: 0 }, log);
}

async function readAndWrite(store: Store): Promise<number> {
  let count = 0;
  for (const [symbol] of await store.lastSequences()) {
    count += (await itemsOf(store, symbol, 1, 100_000)).length;
    await firstOf(store, symbol);
  }
  await store.between({ from: 0, to: Infinity, limit: 100_000 }, ALL_NAMES);
  await store.recent(100_000, ALL_NAMES);
  for (let round = 0; round < 3; round++) {
    const next = store.lastSequence('NEXT') + 1;
    for (let offset = 0; offset < 200; offset++) store.append(anomalyOf('NEXT', next + offset));
    await store.flushed();
  }
  return count;
}

async function openEach(): Promise<void> {
  for (const folder of folders) {
    say({ folder, state: 'opening' });
    try {
      const store = await open(folder);
      const count = await readAndWrite(store);
      const { fault } = store;
      await store.close();
      say({ folder, state: 'opened', count, fault });
    } catch (error) {
      const isStoreError = error instanceof StoreError;
      const message = error instanceof Error ? error.message : String(error);
      say({ folder, state: isStoreError ? 'refused' : 'thrown', message });
    }
  }
}

async function appendWithoutEnd(folder: string): Promise<void> {
  const store = await open(folder);
  const next = SYMBOLS.map((symbol) => store.lastSequence(symbol) + 1);
  for (;;) {
    for (let count = 0; count < 100; count++) {
      for (const [index, symbol] of SYMBOLS.entries()) {
        const sequence = next[index] ?? 1;
        store.append(anomalyOf(symbol, sequence));
        next[index] = sequence + 1;
      }
    }
    const confirmed = SYMBOLS.map((symbol, index) => [symbol, (next[index] ?? 1) - 1]);
    if (await store.flushed()) say({ confirmed });
  }
}

async function hold(folder: string): Promise<void> {
  const store = await open(folder);
  say({ state: 'open' });
  process.stdin.resume();
  await once(process.stdin, 'end');
  await store.close();
}

async function fill(folder: string): Promise<void> {
  const store = await open(folder);
  const report = () => say({ fault: store.fault ?? null, waiting: store.waitingCount });
  report();
  for await (const line of createInterface({ input: process.stdin })) {
    const next = store.lastSequence('FILL') + 1;
    for (let offset = 0; offset < Number(line); offset++) {
      store.append(anomalyOf('FILL', next + offset));
    }
    await store.flushed();
    report();
  }
  await store.close();
}

async function own(directory: string, lock: LockSeams): Promise<void> {
  const options = { directory, mode: 'async', retentionDays: 0, retentionPerSymbol: 0 } as const;
  const waits: string[] = [];
  const lines = { ...log, info: (_: object, message: string) => waits.push(message) };
  const store = await openStore(options, lines, { lock });
  void store.lost.then(({ message }) => {
    say({ state: 'lost', message });
    process.exit(5);
  });
  say({ state: 'open', count: store.lastSequence('OWN'), message: waits.join() });
  for await (const line of createInterface({ input: process.stdin })) {
    store.append(anomalyOf('OWN', store.lastSequence('OWN') + 1));
    const isDurable = await store.flushed();
    const saved = await store.saveSnapshot([Buffer.from(line)], line, 'full');
    say({ state: isDurable && saved.isSaved ? 'written' : 'failed', fault: store.fault ?? null });
  }
  await store.close();
}

const [folder = '', seams = '{}'] = folders;
if (mode === 'open') await openEach();
else if (mode === 'append') await appendWithoutEnd(folder);
else if (mode === 'hold') await hold(folder);
else if (mode === 'fill') await fill(folder);
else if (mode === 'own') await own(folder, JSON.parse(seams) as LockSeams);
