import { beforeEach, describe, expect, it } from 'vitest';
import { StatisticsTable } from '../../src/engine/memory/statistics-table.ts';
import { createSymbolRecords, SymbolRecords } from '../../src/engine/memory/symbol-records.ts';
import { SymbolTable } from '../../src/engine/symbol-table.ts';
import { RequestProblem } from '../../src/http/problems.ts';
import { StatisticsReader } from '../../src/http/queries/statistics.ts';

const ROW = new Float64Array([10, 11, 3, 1500, 9, 12, 2]);

describe('StatisticsReader', () => {
  let words: Int32Array;
  let table: StatisticsTable;
  let reader: StatisticsReader;

  beforeEach(() => {
    const records = new SymbolRecords(createSymbolRecords(2, 4), 4);
    words = records.words;
    table = new StatisticsTable(records);
    const symbols = new SymbolTable(2, 1);
    const name = new TextEncoder().encode('A');
    symbols.register(name, 0, name.length);
    reader = new StatisticsReader({ symbols, statistics: table });
  });

  it('knows nothing of a symbol without a tick', async () => {
    expect(reader.hasData(0)).toBe(false);
    expect(await reader.read(0)).toBeUndefined();
  });

  it('reads a row and its anomalies', async () => {
    table.write(0, ROW);
    expect(reader.hasData(0)).toBe(true);
    expect(await reader.read(0)).toEqual({
      symbol: 'A',
      currentPrice: 10,
      movingAverage: 11,
      updateCount: 3,
      lastUpdateTime: '1970-01-01T00:00:01.500Z',
      minPrice: 9,
      maxPrice: 12,
      anomaliesDetected: 2,
    });
  });

  it('waits for a row that is being written', async () => {
    Atomics.store(words, 0, 1);
    const read = reader.read(0);
    setTimeout(() => table.write(0, ROW), 30);
    expect(await read).toMatchObject({ updateCount: 3, anomaliesDetected: 2 });
  });

  it('gives up on one that stays so: the client is asked to retry', async () => {
    table.write(0, ROW);
    Atomics.store(words, 0, 3);
    const problem = await reader.read(0).catch((error: unknown) => error);
    expect(problem).toBeInstanceOf(RequestProblem);
    const { status, headers } = (problem as RequestProblem).response;
    expect([status, headers['retry-after']]).toEqual([503, '1']);
  });
});
