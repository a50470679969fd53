import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Counter } from '../../src/engine/index.ts';
import { expectedSymbol } from '../../testkit/independent/statistics.ts';
import { EngineRun, marketTicks } from '../support/engine-run.ts';
import { createSmallMemory, PartitionRig } from '../support/partition-rig.ts';
import type { StoryTick } from '../support/tick-story.ts';

const SYMBOLS = 60;
const TICKS = marketTicks(SYMBOLS, 400_000, 5);

/** Kills a partition's workers in turn, each soon after it begins to apply ticks. */
async function killAtWork(run: EngineRun, partition: number, deaths: number): Promise<void> {
  const { counters } = run.engine.status(partition);
  for (let death = 0; death < deaths; death++) {
    const before = counters.get(Counter.APPLIED);
    while (counters.get(Counter.APPLIED) === before) await delay(1);
    await delay((death * 7 + partition * 3) % 11);
    await run.engine.killWorker(partition);
  }
}

/** Offers ever later ticks until `done` and records the outcome of each. */
async function flood(run: EngineRun, done: Promise<unknown>): Promise<StoryTick[]> {
  const progress = { isDone: false };
  void done.then(() => {
    progress.isDone = true;
  });
  const accepted: StoryTick[] = [];
  for (let from = 0; !progress.isDone; from = (from + 1000) % TICKS.length) {
    const late = Math.floor(accepted.length / TICKS.length) * 200_000;
    for (const { symbolId, price, time } of TICKS.slice(from, from + 1000)) {
      const tick = { symbolId, price, time: time + late };
      if (run.offer(tick)) accepted.push(tick);
    }
    await run.turn();
    await delay(1);
  }
  return accepted;
}

function expectAccounted(run: EngineRun, accepted: readonly StoryTick[]): void {
  for (let partition = 0; partition < run.engine.partitions; partition++) {
    const { counters, queueDepth } = run.engine.status(partition);
    const own = accepted.filter(
      ({ symbolId }) => run.engine.symbols.partition(symbolId) === partition,
    );
    expect(queueDepth).toBe(0);
    expect(counters.taken()).toBe(own.length);
  }
}

/** Symbols that differ from what their ticks yield. */
function disturbed(run: EngineRun, accepted: readonly StoryTick[]): number {
  const memory = createSmallMemory({
    symbols: SYMBOLS,
    movingAverageWindow: run.options.movingAverageWindow,
    growBytes: 1 << 22,
  });
  const rig = new PartitionRig(memory, run.options);
  for (const tick of accepted) rig.apply(tick.symbolId, tick);
  let count = 0;
  for (let symbolId = 0; symbolId < SYMBOLS; symbolId++) {
    const row = run.rows.get(symbolId);
    const exact = rig.statistics(symbolId);
    const anomalies = run.anomalies.of(symbolId);
    expect(anomalies.map(({ sequence }) => sequence)).toEqual(anomalies.map((_, i) => i + 1));
    const isSame =
      JSON.stringify(row) === JSON.stringify(exact) &&
      JSON.stringify(anomalies) === JSON.stringify(rig.anomalies.of(symbolId));
    if (!isSame) count++;
  }
  return count;
}

function expectSumNear(run: EngineRun): void {
  const updates = [...run.rows.values()].reduce((sum, row) => sum + row.count, 0);
  const applied = run.sum(Counter.APPLIED);
  // A skipped tick's row may have been finished.
  expect(updates).toBeGreaterThanOrEqual(applied);
  expect(updates).toBeLessThanOrEqual(applied + run.sum(Counter.SKIPPED));
}

describe('an engine whose workers are killed again and again', () => {
  it.each([false, true])(
    'goes on and accounts for every tick, overwriting: %s',
    async (overwrites) => {
      const deaths = 4;
      const causes: number[] = [];
      const run = await EngineRun.start(
        { partitions: 2, channelCapacity: 8192, overwrites },
        { workerRestarted: (partition) => causes.push(partition) },
      );
      run.register(SYMBOLS);
      const kills = Promise.all([killAtWork(run, 0, deaths), killAtWork(run, 1, deaths)]);
      const accepted = await flood(run, kills);
      await run.stop();
      expect(causes.length).toBe(run.engine.status(0).restarts + run.engine.status(1).restarts);
      expect(causes.length).toBeGreaterThanOrEqual(deaths);
      expectAccounted(run, accepted);
      expectSumNear(run);
      expect(run.backwards).toBe(0);
      expect(run.sum(Counter.SKIPPED)).toBeLessThanOrEqual(causes.length);
      for (let symbolId = 0; symbolId < SYMBOLS; symbolId++) {
        expect(run.engine.statistics.version(symbolId) % 2).toBe(0);
      }
      if (!overwrites) {
        expect(disturbed(run, accepted)).toBeLessThanOrEqual(run.sum(Counter.SKIPPED));
      }
    },
  );
});

describe('a tick that kills the worker that applies it', () => {
  it('is skipped, and the rest of the queue applied', async () => {
    const causes: Error[] = [];
    const run = await EngineRun.start(
      { partitions: 1, maxSymbols: 4 },
      { workerRestarted: (_, cause) => causes.push(cause) },
    );
    run.register(2);
    const good = Array.from({ length: 100 }, (_, i): StoryTick => {
      return { symbolId: i % 2, price: 100 + i, time: 1000 + i };
    });
    // Out of range: no gateway offers such a tick, and the worker must fail on it.
    const poison = { symbolId: 900, price: 1, time: 1 };
    for (const tick of [...good.slice(0, 50), poison, ...good.slice(50)]) run.offer(tick);
    await run.settle();
    await run.stop();
    expect(run.sum(Counter.SKIPPED)).toBe(1);
    expect(run.sum(Counter.APPLIED)).toBe(good.length);
    // One dies of the tick, one repairing its symbol.
    expect(causes.map(({ name }) => name)).toEqual(['RangeError', 'RangeError']);
    for (const symbolId of [0, 1]) {
      const own = good.filter((tick) => tick.symbolId === symbolId);
      const oracle = expectedSymbol(own, run.options);
      expect(run.rows.get(symbolId)).toEqual(oracle.after.at(-1));
      expect(run.anomalies.of(symbolId)).toEqual(oracle.anomalies);
    }
  });
});

describe('an engine that is stopped while a worker is dead', () => {
  it('has the queue applied by the one that takes its place', async () => {
    const run = await EngineRun.start({ partitions: 1 }, { workerRestarted: () => undefined });
    run.register(SYMBOLS);
    await run.engine.killWorker(0);
    const some = TICKS.slice(0, 5000);
    for (const tick of some) run.offer(tick);
    expect(run.refused).toBe(0);
    await run.stop();
    expect(run.sum(Counter.APPLIED)).toBe(some.length);
    expect(run.engine.status(0)).toMatchObject({ queueDepth: 0, restarts: 1 });
  });
});
