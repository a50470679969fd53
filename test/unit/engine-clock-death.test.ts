import { expect, it } from 'vitest';
import { AnomalyConsumer } from '../../src/engine/memory/anomaly-ring.ts';
import { ClockProducer } from '../../src/engine/memory/clock-queue.ts';
import { Counter, Counters } from '../../src/engine/memory/counters.ts';
import type { PartitionMemory } from '../../src/engine/memory/engine-memory.ts';
import { ReorderBuffers, type ReorderMemory } from '../../src/engine/memory/reorder-memory.ts';
import { PartitionWorker, type PartitionWorkerData } from '../../src/engine/partition-worker.ts';
import { EventTimeOracle } from '../../testkit/independent/event-time.ts';
import type { MarketTick } from '../../testkit/independent/statistics.ts';
import { CaptureRig } from '../support/capture-rig.ts';
import { dies } from '../support/mortal-thread.ts';
import { AnomalyRecorder, smallRules } from '../support/partition-rig.ts';
import { type DeathDrill, dieBeforeEachStore, dieTwice } from '../support/store-deaths.ts';

/**
 * While the clock releases ticks that wait, kills a worker before each store into shared memory in
 * turn, on the test's thread; the last finishes.
 */
const WAIT = { allowedLatenessMs: 50, lateTicks: 'fold' as const };
const RULES = smallRules(WAIT);
const REORDER_TICKS = 8;
const SYMBOLS = ['A', 'B', 'C'];

function ticksAt(time: number): MarketTick[] {
  const prices = [100, 104, 99, 103];
  return SYMBOLS.flatMap((symbol, i) =>
    prices.map((price, at) => ({ symbol, price: price + i, time: time + ((at * 7) % 5) })),
  );
}

const BEFORE = ticksAt(1000);
const BEHIND = ticksAt(1030);

class Drill implements DeathDrill {
  readonly rig = new CaptureRig({
    partitions: 1,
    rules: RULES,
    symbols: 8,
    reorderTicks: REORDER_TICKS,
  });
  readonly #data = this.rig.workers[0] as PartitionWorkerData;
  readonly #saved: readonly (readonly [Uint8Array, Uint8Array])[];

  constructor() {
    this.rig.apply(BEFORE);
    new ClockProducer(this.#memory.clocks).push(BEFORE.length, 1_000_000);
    new ClockProducer(this.#memory.clocks).publish();
    for (const one of BEHIND) this.rig.offer(one);
    this.rig.publish();
    const { reorder, ...shared } = this.#memory;
    const { buffers, waiting } = reorder as ReorderMemory;
    this.#saved = [...Object.values(shared), buffers, waiting].map((memory) => {
      const bytes = new Uint8Array(memory as SharedArrayBuffer);
      return [bytes, bytes.slice()];
    });
  }

  get #memory(): PartitionMemory {
    return this.#data.memory;
  }

  restart(): void {
    for (const [shared, bytes] of this.#saved) shared.set(bytes);
  }

  /** A worker takes over and dies before store number `stores`. Returns whether it died. */
  work(stores: number): boolean {
    return dies(stores, () => {
      const worker = new PartitionWorker(this.#data);
      worker.takeOver();
      while (worker.step() === 'step') {
        // A batch a step.
      }
    });
  }

  /** Symbols whose anomalies are not what they would be without a death. */
  inspect(when: string): number {
    const { symbols, table } = this.rig;
    const recorder = new AnomalyRecorder();
    new AnomalyConsumer(this.#memory.anomalies, symbols).drain(recorder.take);
    const buffers = new ReorderBuffers((this.#memory.reorder as ReorderMemory).buffers, 8);
    let held = 0;
    let different = 0;
    for (const symbol of SYMBOLS) {
      const id = symbols.findName(symbol);
      held += buffers.size(id);
      const own = recorder.of(id);
      const sequences = own.map(({ sequence }) => sequence);
      expect(sequences, when).toEqual(sequences.map((_, i) => i + 1));
      expect(table.anomalies(id), when).toBe(own.length);
      const oracle = new EventTimeOracle({ ...RULES, ...WAIT, reorderTicks: REORDER_TICKS });
      for (const tick of BEFORE) if (tick.symbol === symbol) oracle.apply(tick, 1);
      oracle.clock(1_000_000);
      for (const tick of BEHIND) if (tick.symbol === symbol) oracle.apply(tick, 1);
      expect(oracle.anomalies.length).toBeGreaterThan(1);
      if (JSON.stringify(own) !== JSON.stringify(oracle.anomalies)) different++;
    }
    expect(new Counters(this.#memory.counters).get(Counter.HELD), when).toBe(held);
    expect(new ClockProducer(this.#memory.clocks).waiting, when).toBe(0);
    return different;
  }
}

it('a worker that dies while the clock releases ticks takes those of one symbol, whenever', () => {
  const { stores, harmless } = dieBeforeEachStore(new Drill());
  expect(stores).toBeGreaterThan(200);
  expect(harmless).toBeGreaterThan(20);
});

it('so do several deaths, one after the other', () => {
  dieTwice(new Drill(), 3, 61);
});
