import { describe, expect, it } from 'vitest';
import { Counter, Counters, createCounters } from '../../src/engine/memory/counters.ts';
import { BLOCKED, TickConsumer } from '../../src/engine/memory/tick-consumer.ts';
import { TickProducer } from '../../src/engine/memory/tick-producer.ts';
import { createTickRing, TickColumns } from '../../src/engine/memory/tick-ring.ts';
import { fc } from '../../testkit/fast-check.ts';
import { oneTick } from '../support/partition-rig.ts';

const CAPACITY = 8;
/** Start positions, some about to wrap. */
const STARTS = [0, 5, 2 ** 31 - 3, 2 ** 32 - 4, -(2 ** 31)];

/** The ring beside its model: a list, and each tick's outcome. */
class RingModel {
  readonly overwrites: boolean;
  readonly producer: TickProducer;
  readonly counters = new Counters(createCounters());
  readonly #memory: SharedArrayBuffer;
  readonly #columns = new TickColumns(CAPACITY);
  #consumer: TickConsumer;
  /** Ticks offered and accepted so far; tick n has n in every field. */
  offered = 0;
  published = 0;
  marked = 0;
  /** Positions of ticks that were reported as overwritten. */
  readonly reported = new Set<number>();
  /** Whether there is space for a report. */
  hasSpace = true;
  /** The consumer's next tick if none were overwritten. */
  next = 0;
  /** Ticks copied but not released. */
  #batch: number[] = [];

  constructor(overwrites: boolean, start: number) {
    this.overwrites = overwrites;
    this.#memory = createTickRing(CAPACITY, start | 0);
    this.producer = new TickProducer(this.#memory, overwrites);
    this.#consumer = this.#createConsumer();
  }

  #createConsumer(): TickConsumer {
    return new TickConsumer(this.#memory, this.counters, {
      hasSpace: () => this.hasSpace,
      append: (from, to) => {
        expect(from).toBe(this.counters.taken());
        for (let n = from; n < to; n++) this.reported.add(n);
      },
    });
  }

  offer(count: number): void {
    for (let i = 0; i < count; i++) {
      const hasRoom = this.offered - this.next < CAPACITY;
      const n = this.offered;
      const wasTaken = this.producer.tryOffer(n, oneTick(n + 0.25, n + 0.5, n + 0.75, -n), 0);
      expect(wasTaken).toBe(hasRoom || this.overwrites);
      if (wasTaken) this.offered++;
    }
    this.#expectDepth();
  }

  publish(): void {
    this.producer.publish();
    this.marked = this.offered;
    this.published = this.offered;
  }

  mark(): void {
    this.producer.mark();
    this.marked = this.offered;
  }

  publishMarked(): void {
    expect(this.producer.publishMarked()).toBe(this.marked > this.published);
    this.published = this.marked;
  }

  withdraw(count: number): void {
    const taken = Math.min(count, this.offered - this.marked);
    if (this.overwrites) return;
    this.producer.withdraw(taken);
    this.offered -= taken;
    this.#expectDepth();
  }

  poll(limit: number): void {
    if (this.#batch.length > 0) return;
    // Ticks before this may be overwritten, by unpublished ticks too.
    const oldest = Math.max(this.next, this.offered - CAPACITY);
    const before = this.counters.taken();
    const count = this.#consumer.poll(this.#columns, limit);
    if (count === BLOCKED) {
      expect([this.hasSpace, this.counters.taken()]).toEqual([false, before]);
      return;
    }
    const first = this.#columns.symbolIds[0] as number;
    const expected = this.#expectedBatch(oldest, limit);
    expect(count).toBe(expected.length);
    if (count > 0) expect(first).toBe(expected[0]);
    for (let i = 0; i < count; i++) {
      const n = first + i;
      expect(this.#columns.symbolIds[i]).toBe(n);
      expect(this.#columns.prices[i]).toBe(n + 0.25);
      expect(this.#columns.times[i]).toBe(n + 0.5);
      expect(this.#columns.receivedAt[i]).toBe(n + 0.75);
      expect(this.#columns.receivedUs[i]).toBe(-n | 0);
    }
    this.#batch = expected;
    this.next = this.counters.taken();
  }

  /** The first `limit` queued ticks, without those lapped before or since. */
  #expectedBatch(oldest: number, limit: number): number[] {
    if (this.published <= this.next) return [];
    const from = Math.max(this.next, this.published - CAPACITY);
    const count = Math.min(this.published - from, limit);
    const all = Array.from({ length: count }, (_, i) => from + i);
    return all.filter((n) => n >= oldest);
  }

  apply(count: number): void {
    for (const n of this.#batch.splice(0, count)) {
      this.#consumer.begin(n);
      this.counters.add(Counter.APPLIED, 1);
      this.#consumer.end();
      this.next = n + 1;
      expect(this.counters.taken()).toBe(this.next);
    }
    this.#consumer.release();
    this.#expectDepth();
  }

  /** The consumer's thread dies; its successor finds the next tick begun, counted, or neither. */
  replaceConsumer(progress: 'none' | 'begun' | 'counted'): void {
    const [n] = this.#batch.splice(0);
    if (n !== undefined && progress !== 'none') {
      this.#consumer.begin(n);
      if (progress === 'counted') this.counters.add(Counter.APPLIED, 1);
      this.next = n + 1;
    }
    const isInterrupted = n !== undefined && progress === 'begun';
    this.#consumer = this.#createConsumer();
    expect(this.#consumer.interrupted()).toBe(isInterrupted ? n : -1);
    if (isInterrupted) this.counters.add(Counter.SKIPPED, 1);
    expect(this.#consumer.interrupted()).toBe(-1);
    this.#consumer.resume();
    expect(this.counters.taken()).toBe(this.next);
    this.#expectDepth();
  }

  /** Drains; then every offered tick is accounted for. */
  finish(): void {
    this.apply(CAPACITY);
    this.hasSpace = true;
    this.publish();
    for (let i = 0; i < 3; i++) {
      this.poll(CAPACITY);
      this.apply(CAPACITY);
    }
    expect(this.counters.taken()).toBe(this.offered);
    expect(this.producer.depth()).toBe(0);
    if (!this.overwrites) expect(this.counters.get(Counter.LAPPED)).toBe(0);
    expect(this.reported.size).toBe(this.counters.get(Counter.LAPPED));
  }

  #expectDepth(): void {
    const depth = Math.min(CAPACITY, this.offered - this.next);
    expect(this.producer.depth()).toBe(depth);
    expect(this.producer.free()).toBe(CAPACITY - depth);
  }
}

const COMMAND = fc.oneof(
  fc
    .nat({ max: 2 * CAPACITY + 3 })
    .map((count) => ({ text: `offer ${count}`, run: (ring: RingModel) => ring.offer(count) })),
  fc.constant({ text: 'publish', run: (ring: RingModel) => ring.publish() }),
  fc.constant({ text: 'mark', run: (ring: RingModel) => ring.mark() }),
  fc.constant({ text: 'publish marked', run: (ring: RingModel) => ring.publishMarked() }),
  fc.integer({ min: 1, max: CAPACITY }).map((count) => ({
    text: `withdraw ${count}`,
    run: (ring: RingModel) => ring.withdraw(count),
  })),
  fc.boolean().map((hasSpace) => ({
    text: `space for reports: ${hasSpace}`,
    run: (ring: RingModel) => {
      ring.hasSpace = hasSpace;
    },
  })),
  fc
    .integer({ min: 1, max: CAPACITY })
    .map((limit) => ({ text: `poll ${limit}`, run: (ring: RingModel) => ring.poll(limit) })),
  fc
    .integer({ min: 1, max: CAPACITY })
    .map((count) => ({ text: `apply ${count}`, run: (ring: RingModel) => ring.apply(count) })),
  fc.constantFrom('none' as const, 'begun' as const, 'counted' as const).map((progress) => ({
    text: `replace the consumer, ${progress}`,
    run: (ring: RingModel) => ring.replaceConsumer(progress),
  })),
);

describe.each([false, true])('the ring, overwriting: %s', (overwrites) => {
  it('does what a list would, whatever the order of calls and wherever positions begin', () => {
    fc.assert(
      fc.property(
        fc.array(COMMAND, { maxLength: 60 }),
        fc.constantFrom(...STARTS),
        (commands, start) => {
          const ring = new RingModel(overwrites, start);
          for (const command of commands) command.run(ring);
          ring.finish();
        },
      ),
      { numRuns: 200 },
    );
  });

  it('goes on when positions wrap long after the last overwrite', () => {
    const memory = createTickRing(CAPACITY, 2 ** 31 - 2);
    // As if the last overwrite was 2^31 positions ago.
    const INTENT = 1;
    new Int32Array(memory)[INTENT] = -10;
    const counters = new Counters(createCounters());
    const producer = new TickProducer(memory, overwrites);
    const consumer = new TickConsumer(memory, counters);
    const columns = new TickColumns(CAPACITY);
    for (let n = 0; n < 20; n++) {
      expect(producer.tryOffer(n, oneTick(1, 2, 3), 0)).toBe(true);
      producer.publish();
      expect(consumer.poll(columns, CAPACITY)).toBe(1);
      expect(columns.symbolIds[0]).toBe(n);
      consumer.begin(n);
      consumer.end();
      consumer.release();
    }
    expect(counters.get(Counter.LAPPED)).toBe(0);
  });
});

it.each(STARTS)(
  'tells the tick that a dead worker was at, from %i on, while it is there',
  (start) => {
    const memory = createTickRing(CAPACITY, start | 0);
    const producer = new TickProducer(memory, true);
    const consumer = new TickConsumer(memory, new Counters(createCounters()));
    const offer = (count: number) => {
      for (let i = 0; i < count; i++) producer.tryOffer(5, oneTick(100.5, 2, 3), 0);
      producer.publish();
    };
    offer(1);
    expect(consumer.poll(new TickColumns(CAPACITY), CAPACITY)).toBe(1);
    expect(producer.interruptedTick(0)).toBeUndefined();
    consumer.begin(5);
    const known = { position: 0, symbolId: 5, price: 100.5, time: 2 };
    expect(producer.interruptedTick(0)).toEqual(known);
    offer(CAPACITY - 1);
    expect(producer.interruptedTick(0)).toEqual(known);
    offer(1);
    const overwritten = { ...known, price: undefined, time: undefined };
    expect(producer.interruptedTick(0)).toEqual(overwritten);
  },
);
