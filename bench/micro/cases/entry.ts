import { ByteWriter, deltaMask, VALUES, writeEntry } from '../../../src/protocol/index.ts';
import type { Case, CaseMaker } from '../case.ts';
import { TickStream } from '../tick-stream.ts';

const ENTRIES = 256;
const STATES = 2 * ENTRIES;

export const entryCases: readonly CaseMaker[] = [
  { name: 'entry: encode a delta', allocatesNothing: true, make: makeEncoding },
];

/** Deltas as one tick makes them: a new price, average, count and time. */
function makeEncoding(): Case {
  const { prices, times } = new TickStream(STATES, 1, 0.01);
  const values = new Float64Array(STATES * VALUES);
  for (let i = 0; i < STATES; i++) {
    const price = prices[i] as number;
    values.set([price, (price + 100) / 2, 1000 + i, times[i] as number, 50, 200], i * VALUES);
  }
  const writer = new ByteWriter();
  const run = () => {
    writer.reset();
    for (let i = 0; i < ENTRIES; i++) {
      const from = 2 * i * VALUES;
      const to = from + VALUES;
      writeEntry(writer, 40 * i, deltaMask(values, from, to), values, from, to);
    }
  };
  const finish = async () => {
    if (writer.length < ENTRIES * 20) throw new Error(`${writer.length} bytes for all entries`);
  };
  return { operations: ENTRIES, run, finish };
}
