import { describe, expect, it } from 'vitest';
import { Counter } from '../../src/engine/index.ts';
import { expectedSymbol } from '../../testkit/independent/statistics.ts';
import { EngineRun, marketTicks } from '../support/engine-run.ts';
import { createSmallMemory, isSameStatistics, PartitionRig } from '../support/partition-rig.ts';
import type { StoryTick } from '../support/tick-story.ts';

const SYMBOLS = 200;
const TICKS = marketTicks(SYMBOLS, 300_000);
/** Cost of a lost wake-up: a worker's longest sleep. */
const WAKE_MS_MAX = 1000;

/**
 * The result on one thread. {@link PartitionRig} itself is checked against the definition
 * elsewhere; a few symbols are checked again here.
 */
function makeReference(run: EngineRun): PartitionRig {
  const memory = createSmallMemory({
    symbols: SYMBOLS,
    movingAverageWindow: run.options.movingAverageWindow,
    growBytes: 1 << 24,
  });
  const rig = new PartitionRig(memory, run.options);
  for (const tick of TICKS) rig.apply(tick.symbolId, tick);
  for (const symbolId of [0, 77, SYMBOLS - 1]) {
    const own = TICKS.filter((tick) => tick.symbolId === symbolId);
    const oracle = expectedSymbol(own, run.options);
    const exact = oracle.after.at(-1);
    expect(exact !== undefined && isSameStatistics(rig.statistics(symbolId), exact)).toBe(true);
    expect(rig.anomalies.of(symbolId)).toEqual(oracle.anomalies);
  }
  return rig;
}

let reference: PartitionRig | undefined;

function expectSame(run: EngineRun): void {
  reference ??= makeReference(run);
  for (let symbolId = 0; symbolId < SYMBOLS; symbolId++) {
    expect(run.rows.get(symbolId)).toEqual(reference.statistics(symbolId));
    expect(run.anomalies.of(symbolId)).toEqual(reference.anomalies.of(symbolId));
  }
}

describe('the engine', () => {
  it.each([2, 4])('says on %i threads what one would', async (partitions) => {
    const run = await EngineRun.start({ partitions });
    run.register(SYMBOLS);
    await run.offerAll(TICKS, { frame: 4096 });
    await run.stop();
    expectSame(run);
    expect(run.backwards).toBe(0);
    expect(run.sum(Counter.APPLIED)).toBe(TICKS.length);
    const found = [...run.rows.keys()].reduce((sum, id) => sum + run.anomalies.of(id).length, 0);
    expect(found).toBe(run.sum(Counter.UP) + run.sum(Counter.DOWN));
    expect(found).toBeGreaterThan(1000);
  });

  it('loses nothing through queues of 64 when refused ticks are offered again', async () => {
    const run = await EngineRun.start({ channelCapacity: 64 });
    run.register(SYMBOLS);
    const some = TICKS.slice(0, 30_000);
    await run.offerAll(some, { frame: 400 });
    await run.stop();
    expect(run.refused).toBeGreaterThan(0);
    expect(run.accepted).toBe(some.length);
    expect(run.sum(Counter.APPLIED)).toBe(some.length);
    expect(run.sum(Counter.LAPPED)).toBe(0);
  });

  it.each([true, false])(
    'accounts for every tick of a flood, overwriting: %s',
    async (overwrites) => {
      const run = await EngineRun.start({ channelCapacity: 64, overwrites });
      run.register(SYMBOLS);
      await run.offerAll(TICKS, { frame: 300, isPatient: false });
      await run.stop();
      expect(run.accepted + run.refused).toBe(TICKS.length);
      expect(run.sum(Counter.APPLIED) + run.sum(Counter.LAPPED)).toBe(run.accepted);
      const lost = overwrites ? run.sum(Counter.LAPPED) : run.refused;
      expect(lost).toBeGreaterThan(0);
      expect(overwrites ? run.refused : run.sum(Counter.LAPPED)).toBe(0);
      const updates = [...run.rows.values()].reduce((sum, row) => sum + row.count, 0);
      expect(updates).toBe(run.sum(Counter.APPLIED));
    },
  );

  it('waits for a gateway that does not take anomalies, without losing any', async () => {
    const run = await EngineRun.start({ partitions: 1 });
    run.register(1);
    const count = 20_000;
    const jumps = Array.from({ length: count }, (_, i): StoryTick => {
      return { symbolId: 0, price: i % 2 === 0 ? 100 : 110, time: 1000 };
    });
    for (const tick of jumps) run.offer(tick);
    expect(run.refused).toBe(0);
    run.engine.publishTicks();
    const raised = () => run.sum(Counter.UP) + run.sum(Counter.DOWN);
    // The ring holds 4096; applying a tick needs room for two.
    while (raised() < 4095) await new Promise((resolve) => setTimeout(resolve, 1));
    expect(raised()).toBeLessThanOrEqual(4096);
    expect(run.engine.status(0).queueDepth).toBeGreaterThan(count - 5000);
    await run.stop();
    const oracle = expectedSymbol(jumps.slice(0, 3), run.options).anomalies;
    expect(run.anomalies.of(0).slice(0, oracle.length)).toEqual(oracle);
    expect(run.anomalies.of(0)).toHaveLength(count - 1);
    expect(run.engine.status(0).queueDepth).toBe(0);
  });

  it('rings the doorbell for a gateway that sleeps', async () => {
    const run = await EngineRun.start({ partitions: 2 });
    run.register(SYMBOLS);
    const waits: number[] = [];
    for (const tick of TICKS.slice(0, 200)) {
      const rung = new Promise<void>((resolve) => run.engine.armDoorbell(resolve));
      run.offer(tick);
      const from = performance.now();
      run.engine.publishTicks();
      await rung;
      waits.push(performance.now() - from);
      await run.settle();
    }
    // A lost wake-up costs a second, which a busy machine takes at most once.
    expect(waits.filter((ms) => ms >= WAKE_MS_MAX).length).toBeLessThanOrEqual(1);
    await run.stop();
    expect(run.sum(Counter.APPLIED)).toBe(200);
  });
});
