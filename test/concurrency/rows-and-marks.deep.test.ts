import { describe, expect, it } from 'vitest';
import { createDirtySet, DirtySet } from '../../src/engine/memory/dirty-set.ts';
import { ROW_VALUES, StatisticsTable } from '../../src/engine/memory/statistics-table.ts';
import { createSymbolRecords, SymbolRecords } from '../../src/engine/memory/symbol-records.ts';
import { open } from './peers/meet.ts';
import { startPeer } from './peers/start-peer.ts';

/** Faults seen by a concurrent reader. */
interface Faults {
  mixed: number;
  odd: number;
  backwards: number;
}

/** Reads rows while others write, remembering each. */
class Reader {
  readonly faults: Faults = { mixed: 0, odd: 0, backwards: 0 };
  readonly values: Float64Array;
  reads = 0;
  readonly #table: StatisticsTable;
  readonly #versions: Int32Array;
  readonly #row = new Float64Array(ROW_VALUES);

  constructor(records: SharedArrayBuffer, symbols: number) {
    this.#table = new StatisticsTable(new SymbolRecords(records, 1));
    this.#versions = new Int32Array(symbols);
    this.values = new Float64Array(symbols);
  }

  look(symbolId: number): void {
    const version = this.#table.read(symbolId, this.#row, 0);
    if (version <= 0) return;
    this.reads++;
    const [value] = this.#row as unknown as [number];
    for (let i = 1; i < ROW_VALUES; i++) if (this.#row[i] !== value) this.faults.mixed++;
    if (version % 2 !== 0 || version !== 2 * value) this.faults.odd++;
    if (version < (this.#versions[symbolId] as number)) this.faults.backwards++;
    this.#versions[symbolId] = version;
    this.values[symbolId] = value;
  }
}

const NONE: Faults = { mixed: 0, odd: 0, backwards: 0 };

/** Two writers share every word of the dirty set: even and odd symbols. */
async function startWriters(symbols: number, writes: number) {
  const records = createSymbolRecords(symbols, 1);
  const dirty = createDirtySet(symbols);
  const gate = new SharedArrayBuffer(4);
  const data = { records, dirty, gate, symbols, writes, step: 2 };
  const peers = await Promise.all(
    [0, 1].map((first) => startPeer('row-writer', { ...data, first })),
  );
  let running = peers.length;
  for (const peer of peers) {
    void peer.next().then(() => {
      running--;
    });
  }
  open(new Int32Array(gate));
  return { records, set: new DirtySet(dirty, symbols), isRunning: () => running > 0 };
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('rows that are read while they are written', () => {
  it('are of one moment each, with versions that go up by two a write', async () => {
    const symbols = 4;
    const { records, isRunning } = await startWriters(symbols, 1_500_000);
    const reader = new Reader(records, symbols);
    while (isRunning()) {
      for (let i = 0; i < 20_000; i++) reader.look(i % symbols);
      await turn();
    }
    expect(reader.faults).toEqual(NONE);
    expect(reader.reads).toBeGreaterThan(1000);
  });
});

describe('a reader that looks at marked rows only', () => {
  it.each([
    [64, 60_000],
    [5000, 600],
  ])('ends with the final state of all %i', async (symbols, writes) => {
    const { records, set, isRunning } = await startWriters(symbols, writes);
    const reader = new Reader(records, symbols);
    const taken = new Int32Array(symbols + 32);
    const takeAll = () => {
      const count = set.take(taken);
      for (let i = 0; i < count; i++) reader.look(taken[i] as number);
      return count;
    };
    let takes = 0;
    while (isRunning()) {
      for (let i = 0; i < 50; i++) takes += Math.sign(takeAll());
      await turn();
    }
    takeAll();
    expect(set.isEmpty()).toBe(true);
    expect(reader.faults).toEqual(NONE);
    expect(takes).toBeGreaterThan(10);
    expect(reader.values.every((value) => value === writes)).toBe(true);
  });
});
