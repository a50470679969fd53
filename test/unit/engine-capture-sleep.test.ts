import { afterEach, expect, it, vi } from 'vitest';
import { CaptureRequester } from '../../src/engine/memory/capture-request.ts';
import { TickProducer } from '../../src/engine/memory/tick-producer.ts';
import { PartitionWorker } from '../../src/engine/partition-worker.ts';
import { CaptureRig } from '../support/capture-rig.ts';
import { smallRules } from '../support/partition-rig.ts';

const RULES = smallRules();

afterEach(() => {
  vi.restoreAllMocks();
});

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
      requester.request(producer.position);
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
