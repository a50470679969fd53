import { parentPort, workerData } from 'node:worker_threads';
import { DirtySet } from '../../../src/engine/memory/dirty-set.ts';
import { ROW_VALUES, StatisticsTable } from '../../../src/engine/memory/statistics-table.ts';
import { SymbolRecords } from '../../../src/engine/memory/symbol-records.ts';
import { meet } from './meet.ts';

/**
 * Writes rows whose fields are one number, and marks them: `writes` rounds over the symbols from
 * `first` in steps of `step`.
 */
const { records, dirty, gate, symbols, first, step, writes } = workerData as {
  records: SharedArrayBuffer;
  dirty: SharedArrayBuffer;
  gate: SharedArrayBuffer;
  symbols: number;
  first: number;
  step: number;
  writes: number;
};
const table = new StatisticsTable(new SymbolRecords(records, 1));
const set = new DirtySet(dirty, symbols);
/** A worker's largest group of rows before marking. */
const GROUP = 32;
const own = Int32Array.from(
  { length: Math.ceil((symbols - first) / step) },
  (_, i) => first + i * step,
);
const row = new Float64Array(ROW_VALUES + 1);
meet(new Int32Array(gate));
for (let n = 1; n <= writes; n++) {
  row.fill(n);
  for (let group = 0; group < own.length; group += GROUP) {
    const end = Math.min(own.length, group + GROUP);
    for (let i = group; i < end; i++) table.write(own[i] as number, row);
    set.markAll(own, group, end);
  }
}
parentPort?.postMessage('done');
