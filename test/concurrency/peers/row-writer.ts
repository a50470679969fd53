import { parentPort, workerData } from 'node:worker_threads';
import { DirtySet } from '../../../src/engine/memory/dirty-set.ts';
import { ROW_VALUES, StatisticsTable } from '../../../src/engine/memory/statistics-table.ts';
import { meet } from './meet.ts';

/**
 * Writes rows, all fields of which are one number, and marks them: `writes` rounds over the symbols from `first` in steps
 * of `step`.
 */
const { rows, dirty, gate, symbols, first, step, writes } = workerData as {
  rows: SharedArrayBuffer;
  dirty: SharedArrayBuffer;
  gate: SharedArrayBuffer;
  symbols: number;
  first: number;
  step: number;
  writes: number;
};
const table = new StatisticsTable(rows);
const set = new DirtySet(dirty, symbols);
const row = new Float64Array(ROW_VALUES + 1);
meet(new Int32Array(gate));
for (let n = 1; n <= writes; n++) {
  for (let symbolId = first; symbolId < symbols; symbolId += step) {
    row.fill(n);
    table.write(symbolId, row);
    set.mark(symbolId);
  }
}
parentPort?.postMessage('done');
