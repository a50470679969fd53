import { describe, expect, it } from 'vitest';
import { ROW_VALUES, StatisticsTable } from '../../src/engine/memory/statistics-table.ts';
import { createSymbolRecords, SymbolRecords } from '../../src/engine/memory/symbol-records.ts';

const ROW = Float64Array.of(1, 2, 3, 4, 5, 6, 7);

/** A table of three rows whose second one has the version given. */
function tableAt(version: number): StatisticsTable {
  const records = new SymbolRecords(createSymbolRecords(3, 4), 4);
  records.words[records.wordsEach] = version;
  return new StatisticsTable(records);
}

describe('a statistics row', () => {
  it('reads as it was written, anomalies apart, into the place asked for', () => {
    const table = tableAt(0);
    const into = new Float64Array(ROW_VALUES + 2).fill(-1);
    expect(table.read(1, into, 1)).toBe(0);
    expect(into.every((value) => value === -1)).toBe(true);
    table.write(1, ROW);
    expect(table.read(1, into, 1)).toBe(2);
    expect([...into]).toEqual([-1, 1, 2, 3, 4, 5, 6, -1]);
    expect(table.anomalies(1)).toBe(7);
    expect([table.version(0), table.version(1), table.version(2)]).toEqual([0, 2, 0]);
  });

  it('is not read while it is being written, and whole once it is written again', () => {
    const table = tableAt(41);
    expect(table.read(1, new Float64Array(ROW_VALUES), 0)).toBe(-1);
    table.write(1, ROW);
    expect(table.version(1)).toBe(42);
    expect(table.read(1, new Float64Array(ROW_VALUES), 0)).toBe(42);
  });

  it('keeps versions above zero after 2^30 writes: others mean unwritten or unreadable', () => {
    const table = tableAt(2 ** 31 - 4);
    const versions = Array.from({ length: 3 }, () => {
      table.write(1, ROW);
      return table.read(1, new Float64Array(ROW_VALUES), 0);
    });
    expect(versions).toEqual([2 ** 31 - 2, 2, 4]);
  });
});
