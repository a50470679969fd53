import { TickBatch, TicksReader } from '../../../src/protocol/index.ts';
import type { Case, CaseMaker } from '../case.ts';
import { tickFrames } from '../tick-frames.ts';

const TICKS_PER_RUN = 2560;
const TICKS_PER_FRAME_MAX = 65_536;
const SYMBOLS = Array.from({ length: 10_000 }, (_, i) => `SYM${i}.TEST`);

export const decodeCases: readonly CaseMaker[] = [1, 10, 256].map((ticksPerFrame) => ({
  name: `frame: decode a tick, ${ticksPerFrame} a frame`,
  // A view a frame, and boxes around doubles where frames are small.
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
