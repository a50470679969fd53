import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { CaptureRequester } from '../../src/engine/memory/capture-request.ts';
import { ClockProducer } from '../../src/engine/memory/clock-queue.ts';
import { Counter, Counters } from '../../src/engine/memory/counters.ts';
import { TickProducer } from '../../src/engine/memory/tick-producer.ts';
import { Partition } from '../../src/engine/partition.ts';
import { PartitionWorker, type PartitionWorkerData } from '../../src/engine/partition-worker.ts';
import { ServerClock } from '../../src/gateway/ingest/server-clock.ts';
import { CaptureRig } from '../support/capture-rig.ts';
import { oneTick, smallRules } from '../support/partition-rig.ts';

/** A partition's worker on this thread, which records when it takes the clock. */
class Rig {
  readonly ticks: TickProducer;
  readonly clock: ClockProducer;
  readonly captures: CaptureRequester;
  readonly worker: PartitionWorker;
  readonly events: string[] = [];
  readonly #counters: Counters;

  constructor() {
    const [data] = new CaptureRig({ partitions: 1, rules: smallRules() }).workers as [
      PartitionWorkerData,
    ];
    this.ticks = new TickProducer(data.memory.ticks, true);
    this.clock = new ClockProducer(data.memory.clocks);
    this.captures = new CaptureRequester(data.captures?.request as SharedArrayBuffer);
    this.#counters = new Counters(data.memory.counters);
    this.worker = new PartitionWorker(data);
    vi.spyOn(Partition.prototype, 'advanceClock').mockImplementation((now) => {
      const state = this.captures.isDone() ? '' : ', capture waits';
      this.events.push(`${now} after ${this.#counters.get(Counter.APPLIED)}${state}`);
    });
  }

  offer(count: number): void {
    for (let i = 0; i < count; i++) this.ticks.tryOffer(0, oneTick(1, 1), 0);
  }

  push(now: number): void {
    this.clock.push(this.ticks.offered, now);
  }

  run(): number {
    while (this.worker.step() === 'step');
    return this.#counters.get(Counter.APPLIED);
  }
}

let rig: Rig;

beforeEach(() => {
  rig = new Rig();
});

afterEach(() => {
  vi.restoreAllMocks();
});

it('the clock comes between the ticks offered before it and after it', () => {
  rig.push(10);
  rig.offer(3);
  rig.push(20);
  rig.push(30);
  rig.offer(2);
  rig.push(40);
  rig.ticks.publish();
  rig.clock.publish();
  expect(rig.run()).toBe(5);
  expect(rig.events).toEqual(['10 after 0', '20 after 3', '30 after 3', '40 after 5']);
  expect(rig.clock.waiting).toBe(0);
});

it('ticks that were overwritten before the clock do not hold it up', () => {
  rig.offer(rig.ticks.capacity);
  rig.push(10);
  rig.offer(rig.ticks.capacity + 5);
  rig.ticks.publish();
  rig.clock.publish();
  rig.run();
  expect(rig.events).toEqual(['10 after 0']);
});

it('a capture comes after every clock before it, published or not', () => {
  rig.offer(1);
  rig.push(10);
  rig.ticks.publish();
  rig.captures.request(rig.ticks.offered);
  expect(rig.run()).toBe(1);
  expect(rig.captures.isDone()).toBe(false);
  expect(rig.events).toEqual([]);
  rig.clock.publish();
  rig.run();
  expect(rig.events).toEqual(['10 after 1, capture waits']);
  expect(rig.captures.isDone()).toBe(true);
});

it('marked readings are published alone', () => {
  rig.push(10);
  rig.clock.mark();
  rig.push(20);
  expect(rig.clock.isUnmarked).toBe(true);
  expect(rig.clock.publishMarked()).toBe(true);
  rig.run();
  expect(rig.events).toEqual(['10 after 0']);
});

it('takes as many readings as have space, and says so', () => {
  let pushed = 0;
  while (rig.clock.hasSpace()) rig.push(pushed++);
  expect(pushed).toBe(1024);
  rig.clock.publish();
  rig.run();
  expect(rig.events).toHaveLength(1024);
  expect(rig.clock.hasSpace()).toBe(true);
});

it('reads the clock where something ends by time, and the journal has it first', () => {
  const calls: string[] = [];
  const engine = {
    isClockWanted: false,
    canAdvanceClock: true,
    advanceClock: (now: number) => calls.push(`engine ${now}`),
  };
  let isAppended = true;
  const appendClock = (now: number) => {
    calls.push(`journal ${now}`);
    return isAppended;
  };
  const scheduler = { publishClock: () => calls.push('publish') };
  const clock = new ServerClock({ engine, journal: { appendClock }, scheduler });
  clock.read(1);
  engine.isClockWanted = true;
  engine.canAdvanceClock = false;
  clock.read(2);
  expect(calls).toEqual([]);
  engine.canAdvanceClock = true;
  clock.read(3);
  isAppended = false;
  clock.read(4);
  expect(calls).toEqual(['journal 3', 'engine 3', 'publish', 'journal 4']);
});
