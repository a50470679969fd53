import { afterEach, expect, it, vi } from 'vitest';
import { Counter, Counters } from '../../src/engine/memory/counters.ts';
import { TickProducer } from '../../src/engine/memory/tick-producer.ts';
import { PartitionWorker } from '../../src/engine/partition-worker.ts';
import { oneTick } from '../support/one-tick.ts';
import { createSmallMemory } from '../support/partition-rig.ts';

const RULES = {
  movingAverageWindow: 4,
  anomalyThresholdPercent: 2,
  slidingWindowMilliseconds: 100,
  windowCapacity: 64,
};

afterEach(() => {
  vi.restoreAllMocks();
});

/** Runs a worker; before its read number `read` of shared memory, the producer offers ticks and stops it. */
function stopBeforeRead(read: number, overwrites: boolean): { applied: number; taken: number } {
  const memory = createSmallMemory({ symbols: 1, movingAverageWindow: 4, channelCapacity: 8 });
  const producer = new TickProducer(memory.ticks, overwrites);
  const load = Atomics.load.bind(Atomics) as (words: Int32Array, index: number) => number;
  let reads = 0;
  let isStopped = false;
  const spy = vi.spyOn(Atomics, 'load').mockImplementation(((words: Int32Array, index: number) => {
    if (reads++ >= read && !isStopped) {
      isStopped = true;
      for (let i = 0; i < 20; i++) producer.tryOffer(0, oneTick(100 + i, 1000 + i), 0);
      producer.publish();
      producer.stop();
    }
    return load(words, index);
  }) as typeof Atomics.load);
  new PartitionWorker({ memory, rules: RULES }).run();
  spy.mockRestore();
  const counters = new Counters(memory.counters);
  return { applied: counters.get(Counter.APPLIED), taken: counters.taken() };
}

it.each([
  [false, 8],
  [true, 20],
])(
  'a worker applies what was offered before it was stopped, overwriting: %s',
  (overwrites, offered) => {
    // A worker that has nothing to do reads these while it starts, looks at its queue twice, and gets ready to sleep.
    for (let read = 0; read < 60; read++) {
      expect(stopBeforeRead(read, overwrites)).toEqual({ applied: 8, taken: offered });
    }
  },
);
