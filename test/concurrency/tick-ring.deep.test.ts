import { afterEach, describe, expect, it, vi } from 'vitest';
import { Counter, Counters, createCounters } from '../../src/engine/memory/counters.ts';
import { TickConsumer } from '../../src/engine/memory/tick-consumer.ts';
import { createTickRing, RingWord, TickColumns } from '../../src/engine/memory/tick-ring.ts';
import { open } from './peers/meet.ts';
import { startPeer } from './peers/start-peer.ts';

const LIMIT = 512;

interface Outcome {
  readonly applied: number;
  readonly lapped: number;
  /** Ticks with another tick's field. */
  readonly torn: number;
  /** Ticks not after their predecessor. */
  readonly outOfOrder: number;
  readonly last: number;
}

/** Consumes a producer's ticks, pausing now and then. */
async function consume(
  capacity: number,
  count: number,
  { overwrites = false, pauseMs = 0 },
): Promise<Outcome> {
  // Positions wrap.
  const memory = createTickRing(capacity, 2 ** 31 - 20_000);
  const gate = new SharedArrayBuffer(4);
  const peer = await startPeer('tick-producer', { memory, gate, count, overwrites });
  const counters = new Counters(createCounters());
  const consumer = new TickConsumer(memory, counters);
  const columns = new TickColumns(LIMIT);
  const outcome = { applied: 0, lapped: 0, torn: 0, outOfOrder: 0, last: -1 };
  open(new Int32Array(gate));
  for (let polls = 0; ; polls++) {
    const taken = consumer.poll(columns, LIMIT);
    if (taken === 0) {
      if (consumer.isStopping() && consumer.poll(columns, 1) === 0) break;
      consumer.sleep();
      continue;
    }
    for (let i = 0; i < taken; i++) {
      consumer.begin(i);
      look(columns, i, outcome);
      counters.add(Counter.APPLIED, 1);
      consumer.end();
    }
    consumer.release();
    if (pauseMs > 0 && polls % 20 === 0) pause(pauseMs);
  }
  await peer.next();
  const lapped = counters.get(Counter.LAPPED);
  expect(counters.taken()).toBe(count);
  return { ...outcome, lapped };
}

function look(
  columns: TickColumns,
  i: number,
  outcome: { -readonly [K in keyof Outcome]: number },
) {
  const n = columns.symbolIds[i] as number;
  const isWhole =
    columns.prices[i] === n + 0.25 &&
    columns.times[i] === n * 3 &&
    columns.receivedAt[i] === n * 5 &&
    columns.receivedUs[i] === -n;
  if (!isWhole) outcome.torn++;
  if (n <= outcome.last) outcome.outOfOrder++;
  outcome.last = n;
  outcome.applied++;
}

function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

describe('ticks between two threads', () => {
  it.each([64, 65_536])('all arrive, whole and in order, through %i slots', async (capacity) => {
    const count = 1_000_000;
    const outcome = await consume(capacity, count, {});
    expect(outcome).toEqual({
      applied: count,
      lapped: 0,
      torn: 0,
      outOfOrder: 0,
      last: count - 1,
    });
  });

  it.each([64, 4096])('are overwritten but never torn in %i slots', async (capacity) => {
    const count = 2_000_000;
    const outcome = await consume(capacity, count, { overwrites: true, pauseMs: 1 });
    expect(outcome).toMatchObject({ torn: 0, outOfOrder: 0, last: count - 1 });
    expect(outcome.lapped).toBeGreaterThan(0);
    expect(outcome.applied).toBeGreaterThan(0);
    expect(outcome.applied + outcome.lapped).toBe(count);
  });
});

type Words = Int32Array;

describe('a consumer that goes to sleep', () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it('is woken by a tick that comes meanwhile, never by its timer', async () => {
    const memory = createTickRing(64);
    const gate = new SharedArrayBuffer(4);
    const count = 200;
    const peer = await startPeer('single-tick-producer', { memory, gate, count });
    const counters = new Counters(createCounters());
    const consumer = new TickConsumer(memory, counters);
    const columns = new TickColumns(1);
    const sleeps = { all: 0, lost: 0, late: 0 };
    // Every second round the tick arrives between the last check and ASLEEP.
    const store = Atomics.store.bind(Atomics) as (
      words: Words,
      at: number,
      value: number,
    ) => number;
    vi.spyOn(Atomics, 'store').mockImplementation(((words: Words, at: number, value: number) => {
      if (at === RingWord.HOLDER && value === 1 && counters.taken() % 2 === 0) {
        sleeps.late++;
        while (Atomics.load(words, RingWord.TAIL) === counters.taken());
        for (let moment = 0; moment < 5000; moment++);
      }
      return store(words, at, value);
    }) as typeof Atomics.store);
    // A lost wake-up: the timer ended the wait despite a tick.
    const wait = Atomics.wait.bind(Atomics) as (...args: [Words, number, number, number]) => string;
    vi.spyOn(Atomics, 'wait').mockImplementation(((...args: [Words, number, number, number]) => {
      const result = wait(...args);
      sleeps.all++;
      if (result === 'timed-out' && args[0][RingWord.TAIL] !== counters.taken()) sleeps.lost++;
      return result;
    }) as typeof Atomics.wait);
    open(new Int32Array(gate));
    while (counters.taken() < count && sleeps.lost === 0) {
      if (consumer.poll(columns, 1) === 0) {
        consumer.sleep(undefined, 0);
        consumer.acquire();
        continue;
      }
      consumer.begin(0);
      counters.add(Counter.APPLIED, 1);
      consumer.end();
      consumer.release();
    }
    expect(sleeps.lost).toBe(0);
    expect(sleeps.all).toBeGreaterThan(0);
    expect(sleeps.late).toBeGreaterThan(0);
    expect(await peer.next()).toBe('done');
  });
});
