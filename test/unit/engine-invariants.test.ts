import { describe, expect, it } from 'vitest';
import { Captures } from '../../src/engine/captures.ts';
import { InvariantError } from '../../src/engine/index.ts';
import {
  AnomalyConsumer,
  AnomalyProducer,
  createAnomalyRing,
} from '../../src/engine/memory/anomaly-ring.ts';
import { CaptureResponder, createCaptureRequest } from '../../src/engine/memory/capture-request.ts';
import { Counter, Counters, createCounters } from '../../src/engine/memory/counters.ts';
import { createDirtySet, DirtySet } from '../../src/engine/memory/dirty-set.ts';
import { createPlaceArena, PlaceArena } from '../../src/engine/memory/place-arena.ts';
import { TickConsumer } from '../../src/engine/memory/tick-consumer.ts';
import { TickProducer } from '../../src/engine/memory/tick-producer.ts';
import { createTickRing, RingWord, TickColumns } from '../../src/engine/memory/tick-ring.ts';
import { PartitionWorker } from '../../src/engine/partition-worker.ts';
import { createSmallMemory, oneTick, smallRules } from '../support/partition-rig.ts';

const CAPACITY = 8;
const RULES = smallRules();

function expectViolation(act: () => void, text: string): void {
  expect(act).toThrow(new InvariantError(text));
}

describe('a tick ring whose words are wrong', () => {
  const columns = new TickColumns(CAPACITY);

  it('throws in the consumer: HEAD beyond all ticks', () => {
    const memory = createTickRing(CAPACITY);
    new Int32Array(memory)[RingWord.HEAD] = 3;
    const consumer = new TickConsumer(memory, new Counters(createCounters()));
    const text = 'ticks ahead of HEAD: -3 is not between 0 and 2147483647';
    expectViolation(() => consumer.poll(columns, CAPACITY), text);
  });

  it('throws in the consumer: ticks published that were not announced', () => {
    const memory = createTickRing(CAPACITY);
    new Int32Array(memory)[RingWord.TAIL] = 3;
    const consumer = new TickConsumer(memory, new Counters(createCounters()));
    const text = 'ticks ahead of HEAD: 0 is not between 3 and 2147483647';
    expectViolation(() => consumer.poll(columns, CAPACITY), text);
  });

  it.each([
    ['HEAD beyond TAIL', false, 1, -1],
    ['HEAD beyond TAIL, overwriting', true, 1, -1],
    ['more ticks than slots', false, -9, 9],
  ])('throws in the producer: %s', (_what, overwrites, head, used) => {
    const memory = createTickRing(CAPACITY);
    const producer = new TickProducer(memory, overwrites);
    new Int32Array(memory)[RingWord.HEAD] = head;
    const max = overwrites ? used : CAPACITY;
    const text = `ticks offered and not released: ${used} is not between 0 and ${max}`;
    expectViolation(() => producer.depth(), text);
  });
});

describe('an anomaly ring whose words are wrong', () => {
  const HEAD = 16;

  it.each([
    ['HEAD beyond TAIL', 1, -1],
    ['more anomalies than slots', -9, 9],
  ])('throws at both ends: %s', (_what, head, count) => {
    const memory = createAnomalyRing(CAPACITY);
    new Int32Array(memory)[HEAD] = head;
    const text = `anomalies in a ring: ${count} is not between 0 and ${CAPACITY}`;
    expectViolation(() => new AnomalyProducer(memory).hasSpace(1), text);
    const consumer = new AnomalyConsumer(memory, { name: String });
    expectViolation(() => consumer.drain(() => undefined), text);
  });
});

describe('other memory', () => {
  it('throws where a symbol is dirty that does not exist', () => {
    const dirty = new DirtySet(createDirtySet(40), 40);
    dirty.markAll(Int32Array.of(3, 39), 0, 2);
    const taken = new Int32Array(64);
    expect(dirty.take(taken)).toBe(2);
    dirty.markAll(Int32Array.of(3, 40), 0, 2);
    const text = 'id of a dirty symbol: 40 is not between 0 and 39';
    expectViolation(() => dirty.take(taken), text);
  });

  it('throws where a free block is not in the arena', () => {
    const arena = new PlaceArena(createPlaceArena(64 * 8));
    const unit = arena.allocate(1);
    arena.release(unit);
    expect(arena.allocate(1)).toBe(unit);
    const FREE_OF_CLASS_2 = 18;
    arena.words[FREE_OF_CLASS_2] = 9;
    const text = 'unit of a free block: 9 is not between 3 and 7';
    expectViolation(() => arena.allocate(2), text);
  });

  it('throws where a block is released that is not in use', () => {
    const arena = new PlaceArena(createPlaceArena(64 * 8));
    const unit = arena.allocate(1);
    arena.release(unit);
    const text = 'class of a block in use: 131 is not between 0 and 30';
    expectViolation(() => arena.release(unit), text);
  });

  it('throws where a capture misses a tick offered before its cut', async () => {
    const request = createCaptureRequest();
    const producer = new TickProducer(createTickRing(CAPACITY), false);
    const memory = {
      request,
      changes: request,
      sinceBase: request,
      records: request,
      places: request,
      names: request,
      nameCopies: request,
    };
    const frame = { movingAverageWindow: 4 };
    for (let i = 0; i < 3; i++) producer.tryOffer(0, oneTick(1, 1), 0);
    const made = new Captures([memory], [producer], frame).request(1);
    new CaptureResponder(request).finish(1, 0, 1, 1);
    await expect(made).rejects.toThrow(
      new InvariantError('ticks applied or lost before a cut: 2 is not 3'),
    );
  });
});

describe('a worker that meets a broken invariant', () => {
  /** A worker's memory with ticks of symbol 0 queued. */
  function queued(count: number) {
    const memory = createSmallMemory({ symbols: 2, movingAverageWindow: 4, channelCapacity: 8 });
    const producer = new TickProducer(memory.ticks, false);
    for (let i = 0; i < count; i++) producer.tryOffer(0, oneTick(100, i), 0);
    producer.publish();
    producer.stop();
    return { memory, counters: new Counters(memory.counters) };
  }

  it('fails on a row that is being written, and its successor repairs the row', () => {
    const { memory, counters } = queued(3);
    const words = new Int32Array(memory.records);
    words[0] = 7;
    const text = 'lowest bit of the version of a whole row: 1 is not 0';
    expectViolation(() => new PartitionWorker({ memory, rules: RULES }).run(), text);
    new PartitionWorker({ memory, rules: RULES }).run();
    expect(words[0]).toBe(12);
    expect(counters.get(Counter.SKIPPED)).toBe(1);
    expect(counters.get(Counter.APPLIED)).toBe(2);
  });

  it('fails where a tick was counted that it did not take, and its successor goes on', () => {
    const { memory, counters } = queued(3);
    const worker = new PartitionWorker({ memory, rules: RULES });
    worker.takeOver();
    counters.add(Counter.LAPPED, 1);
    expectViolation(() => worker.step(), 'position by the counters: 4 is not 3');
    new PartitionWorker({ memory, rules: RULES }).takeOver();
    expect(new Int32Array(memory.ticks)[RingWord.HEAD]).toBe(4);
  });
});
