import {
  ByteWriter,
  deltaMask,
  TickBatch,
  TicksReader,
  VALUES,
  writeEntry,
} from '../../../src/protocol/index.ts';
import type { Case, CaseMaker } from '../case.ts';
import { TickStream, tickFrames } from '../tick-stream.ts';

const TICKS_PER_RUN = 2560;
const TICKS_PER_FRAME_MAX = 65_536;
const SYMBOLS = Array.from({ length: 10_000 }, (_, i) => `SYM${i}.TEST`);

export const decodeCases: readonly CaseMaker[] = [1, 10, 256].map((ticksPerFrame) => ({
  name: `frame: decode a tick, ${ticksPerFrame} a frame`,
  // One view a frame, and boxed doubles where frames are small.
  allocatesNothing: true,
  make: () => makeDecoding(ticksPerFrame),
}));

function makeDecoding(ticksPerFrame: number): Case {
  const frames = tickFrames(TICKS_PER_RUN, ticksPerFrame, SYMBOLS, 'alias');
  const reader = new TicksReader(TICKS_PER_FRAME_MAX);
  const batch = new TickBatch();
  let runs = 0;
  let read = 0;
  const run = () => {
    runs++;
    for (let i = 0; i < frames.length; i++) {
      if (reader.read(frames[i] as Uint8Array, batch, 0)) read += batch.count;
    }
  };
  const finish = async () => {
    if (read !== runs * TICKS_PER_RUN) throw new Error(`${read} ticks read in ${runs} runs`);
  };
  return { operations: TICKS_PER_RUN, run, finish };
}

const ENTRIES = 256;
const STATES = 2 * ENTRIES;

export const entryCases: readonly CaseMaker[] = [
  { name: 'entry: encode a delta', allocatesNothing: true, make: makeEncoding },
];

/** Deltas of one tick: price, average, count and time. */
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
