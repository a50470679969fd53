import { afterEach, beforeEach, expect, it } from 'vitest';
import { Engine, type EngineOptions } from '../../src/engine/index.ts';

const RealSharedArrayBuffer = globalThis.SharedArrayBuffer;

/** The largest piece that the system gives, bytes. */
const PIECE_MAX = 2 ** 32;

/** A system that refuses large pieces, and keeps none. */
class SmallMemory extends RealSharedArrayBuffer {
  constructor(bytes: number, options?: { maxByteLength: number }) {
    if (bytes > PIECE_MAX) throw new RangeError('Array buffer allocation failed');
    super(bytes, options);
  }
}

beforeEach(() => {
  globalThis.SharedArrayBuffer = SmallMemory as SharedArrayBufferConstructor;
});
afterEach(() => {
  globalThis.SharedArrayBuffer = RealSharedArrayBuffer;
});

const DEFAULTS: EngineOptions = {
  partitions: 2,
  channelCapacity: 65_536,
  overwrites: true,
  maxSymbols: 65_536,
  movingAverageWindow: 64,
  anomalyThresholdPercent: 2,
  slidingWindowMilliseconds: 1000,
  windowCapacity: 65_536,
  captures: true,
  spawn: () => {
    throw new Error('not reached');
  },
};

const start = (changes: Partial<EngineOptions>) =>
  Engine.start({ ...DEFAULTS, ...changes }, { workerRestarted: () => undefined });

it('a start without enough memory names the keys to lower, and all sizes', async () => {
  await expect(start({ movingAverageWindow: 65_536 })).rejects.toThrow(
    'cannot allocate shared memory (Array buffer allocation failed). ' +
      'Lower processing.maxSymbols 65536, processing.movingAverageWindow 65536: records of ' +
      'symbols take 32.0 GiB in one piece, and Linux refuses a piece larger than memory and swap ' +
      'together (unless vm.overcommit_memory is 1). In all 65.1 GiB of address space: ' +
      'records of symbols 32.0 GiB (processing.maxSymbols 65536, processing.movingAverageWindow ' +
      '65536); windows 2 × 260.0 MiB (processing.windowBytesMax 268435456, processing.partitions ' +
      '2); queues 2 × 2.0 MiB (processing.channelCapacity 65536, processing.partitions 2); names ',
  );
});

it.each([
  [
    { maxSymbols: 4_194_304, movingAverageWindow: 512 },
    /^cannot .*Lower processing.maxSymbols 4194/,
  ],
  [{ growBytes: 2 ** 33 }, /Lower processing.windowBytesMax 8589934592, processing.partitions 2:/],
  [{ growBytes: 2 ** 33, captures: false }, /address space: (?!.*store.directory)/],
])('of %o it names the largest', async (changes, text) => {
  await expect(start(changes)).rejects.toThrow(text);
});

it('leaves other errors as they are', async () => {
  await expect(start({ maxSymbols: 4 })).rejects.toThrow('not reached');
});
