import { afterEach, expect, it, vi } from 'vitest';
import { CaptureRequester } from '../../src/engine/memory/capture-request.ts';
import { Counter, Counters } from '../../src/engine/memory/counters.ts';
import { TickProducer } from '../../src/engine/memory/tick-producer.ts';
import { PartitionWorker } from '../../src/engine/partition-worker.ts';
import { CaptureRig } from '../support/capture-rig.ts';
import { createSmallMemory, oneTick, smallRules } from '../support/partition-rig.ts';

const RULES = smallRules();

afterEach(() => {
  vi.restoreAllMocks();
});

type Words = Int32Array;

interface Outcome {
  applied: number;
  taken: number;
  /** The producer stopped the worker before it wanted to sleep. */
  isStopped: boolean;
  /** The worker slept after that: only the timer would have woken it. */
  hasOverslept: boolean;
}

/**
 * Runs a worker. Before its access number `access` to shared memory, or where it would sleep, the
 * producer offers ticks and stops it.
 */
function stopBefore(access: number, overwrites: boolean): Outcome {
  const memory = createSmallMemory({ symbols: 1, movingAverageWindow: 4, channelCapacity: 8 });
  const producer = new TickProducer(memory.ticks, overwrites);
  const load = Atomics.load.bind(Atomics) as (words: Words, at: number) => number;
  const store = Atomics.store.bind(Atomics) as (words: Words, at: number, value: number) => number;
  const outcome = { applied: 0, taken: 0, isStopped: false, hasOverslept: false };
  let accesses = 0;
  let hasProduced = false;
  const stop = () => {
    hasProduced = true;
    for (let i = 0; i < 20; i++) producer.tryOffer(0, oneTick(100 + i, 1000 + i), 0);
    producer.publish();
    producer.stop();
  };
  const before = () => {
    if (hasProduced || accesses++ !== access) return;
    outcome.isStopped = true;
    stop();
  };
  vi.spyOn(Atomics, 'load').mockImplementation(((words: Words, at: number) => {
    before();
    return load(words, at);
  }) as typeof Atomics.load);
  vi.spyOn(Atomics, 'store').mockImplementation(((words: Words, at: number, value: number) => {
    before();
    return store(words, at, value);
  }) as typeof Atomics.store);
  vi.spyOn(Atomics, 'wait').mockImplementation((words, index, value) => {
    if (load(words as unknown as Words, index) !== Number(value)) return 'not-equal';
    if (outcome.isStopped) outcome.hasOverslept = true;
    else stop();
    return 'ok';
  });
  new PartitionWorker({ memory, rules: RULES }).run();
  vi.restoreAllMocks();
  const counters = new Counters(memory.counters);
  outcome.applied = counters.get(Counter.APPLIED);
  outcome.taken = counters.taken();
  return outcome;
}

it.each([
  [false, 8],
  [true, 20],
])(
  'a worker applies what was offered before it was stopped, overwriting: %s',
  (overwrites, offered) => {
    for (let access = 0; ; access++) {
      const { isStopped, ...rest } = stopBefore(access, overwrites);
      const expected = { applied: 8, taken: offered, hasOverslept: false };
      expect(rest, `stopped before access ${access}`).toEqual(expected);
      if (isStopped) continue;
      // It looks at its queue 200 times before it sleeps.
      expect(access).toBeGreaterThan(400);
      break;
    }
  },
);

type Load = (words: Int32Array, index: number) => number;

/**
 * Runs an idle worker and requests a capture before its read number `read` of shared memory. Where
 * it would sleep it is stopped.
 *
 * @returns whether the capture was requested, and made before the worker wanted to sleep
 */
function askBeforeRead(read: number): { isAsked: boolean; isMade: boolean } {
  const [data] = new CaptureRig({ partitions: 1, rules: RULES }).workers;
  if (data?.captures === undefined) throw new Error('no captures');
  const requester = new CaptureRequester(data.captures.request);
  const producer = new TickProducer(data.memory.ticks, false);
  const load: Load = Atomics.load.bind(Atomics);
  const outcome = { isAsked: false, isMade: false };
  let reads = 0;
  const spy = vi.spyOn(Atomics, 'load').mockImplementation(((words: Int32Array, index: number) => {
    if (reads++ === read) {
      outcome.isAsked = true;
      requester.request(producer.offered);
      producer.wake();
    }
    return load(words, index);
  }) as typeof Atomics.load);
  vi.spyOn(Atomics, 'wait').mockImplementation((words, index, value) => {
    // An earlier wake-up prevents the sleep.
    if (load(words as unknown as Int32Array, index) !== Number(value)) return 'not-equal';
    spy.mockRestore();
    outcome.isMade = outcome.isAsked && requester.isDone();
    producer.stop();
    return 'ok';
  });
  new PartitionWorker(data).run();
  vi.restoreAllMocks();
  return outcome;
}

it('a worker makes the capture that it was asked for on its way to sleep', () => {
  let asked = 0;
  for (let read = 0; ; read++) {
    const { isAsked, isMade } = askBeforeRead(read);
    if (!isAsked) break;
    asked++;
    expect(isMade, `asked before read ${read}`).toBe(true);
  }
  // It polls its queue some hundred times before it sleeps.
  expect(asked).toBeGreaterThan(200);
});
