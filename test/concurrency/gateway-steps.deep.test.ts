import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Counter, type SkippedTick } from '../../src/engine/index.ts';
import { expectedSymbol } from '../../testkit/independent/statistics.ts';
import { Random } from '../../testkit/random.ts';
import { EngineRun, marketTicks } from '../support/engine-run.ts';
import { isSameStatistics } from '../support/partition-rig.ts';
import type { StoryTick } from '../support/tick-story.ts';

const SYMBOLS = 60;
const DEADLINE_MS = 30_000;
/** Long enough for the workers to fall asleep. */
const ASLEEP_MS = 20;
const POISON: StoryTick = { symbolId: 900, price: 12.5, time: 1_700_000_000_123 };

async function until(isTrue: () => boolean): Promise<void> {
  const end = performance.now() + DEADLINE_MS;
  while (!isTrue()) {
    if (performance.now() > end) throw new Error('it did not come');
    await delay(1);
  }
}

/** Offers a tick and applies it as the gateway does when it has time. */
function applyOne(run: EngineRun, tick: StoryTick): void {
  run.offer(tick);
  run.engine.applyTicks();
}

describe('a partition that gateway and worker step in turn', () => {
  it('loses no tick, applies none twice, and has every statistic right', async () => {
    const run = await EngineRun.start({ maxSymbols: SYMBOLS });
    run.register(SYMBOLS);
    const random = new Random(5);
    const ticks = marketTicks(SYMBOLS, 150_000);
    for (let from = 0; from < ticks.length; ) {
      // Few ticks, mostly, now and then a batch for the worker; pauses in which it falls asleep.
      const count = random.chance(0.1) ? random.between(129, 2000) : random.between(1, 128);
      for (const tick of ticks.slice(from, from + count)) run.offer(tick);
      from += count;
      run.engine.applyTicks();
      run.take();
      const spins = random.chance(0.5) ? 0 : random.below(60_000);
      for (let moment = 0; moment < spins; moment++);
      if (random.chance(0.2)) await run.turn();
      if (random.chance(0.1)) await delay(2);
    }
    await run.settle();
    expect(run.refused).toBe(0);
    expect(run.sum(Counter.APPLIED)).toBe(ticks.length);
    expect(run.sum(Counter.GATEWAY_BATCHES)).toBeGreaterThan(100);
    expect(run.sum(Counter.WORKER_BATCHES)).toBeGreaterThan(100);
    expect(run.backwards).toBe(0);
    for (let symbolId = 0; symbolId < SYMBOLS; symbolId++) {
      const own = ticks.filter((tick) => tick.symbolId === symbolId);
      const { after, anomalies } = expectedSymbol(own, run.options);
      const row = run.rows.get(symbolId);
      const last = after.at(-1);
      if (row === undefined || last === undefined) throw new Error(`no row of ${symbolId}`);
      expect(isSameStatistics(row, last), `symbol ${symbolId}`).toBe(true);
      expect(run.anomalies.of(symbolId)).toEqual(anomalies);
    }
    await run.stop();
  }, 60_000);

  it('is stepped by the gateway while its worker is being replaced', async () => {
    let deaths = 0;
    const workerRestarted = () => {
      deaths++;
    };
    const run = await EngineRun.start({ partitions: 1 }, { workerRestarted });
    run.register(1);
    await until(() => run.engine.hasStandby);
    for (let round = 1; round <= 5; round++) {
      await delay(ASLEEP_MS);
      const killed = run.engine.killWorker(0);
      for (let i = 0; i < 50; i++) {
        applyOne(run, { symbolId: 0, price: 10, time: 1_700_000_000_000 });
        await delay(1);
      }
      await killed;
      await until(() => {
        run.take();
        return deaths === round && !run.engine.isBusy();
      });
    }
    expect(run.sum(Counter.APPLIED)).toBe(250);
    expect(run.sum(Counter.SKIPPED)).toBe(0);
    await run.stop();
  }, 60_000);
});

describe('a tick that throws while the gateway steps', () => {
  it('is left to the worker: quarantined, told and skipped; the gateway goes on', async () => {
    const deaths: { cause: Error; tick: SkippedTick | undefined }[] = [];
    const run = await EngineRun.start(
      { partitions: 1, maxSymbols: SYMBOLS },
      {
        workerRestarted: (_, cause, tick) => {
          // Such a tick kills the one that cleans up, too.
          if (cause.stack?.includes('stepBriefly')) deaths.push({ cause, tick });
        },
      },
    );
    run.register(SYMBOLS);
    for (let poisons = 1; poisons <= 3; poisons++) {
      await delay(ASLEEP_MS);
      applyOne(run, { symbolId: 1, price: 10, time: 1_700_000_000_000 });
      applyOne(run, POISON);
      await until(() => run.sum(Counter.SKIPPED) === poisons);
      const death = deaths[poisons - 1];
      expect(death?.cause.message).toBe('no symbol 900');
      expect(death?.tick).toMatchObject({ price: 12.5, time: POISON.time, isQuarantined: true });
      expect(run.engine.status(0).quarantined).toBe(poisons);
      expect(deaths).toHaveLength(poisons);
      await until(() => {
        applyOne(run, { symbolId: 2, price: 10, time: 1_700_000_000_000 });
        run.take();
        return run.sum(Counter.APPLIED) > 2 * poisons;
      });
      await run.settle();
    }
    expect(run.sum(Counter.GATEWAY_BATCHES)).toBeGreaterThan(0);
    expect(run.sum(Counter.APPLIED) + 3).toBe(run.accepted);
    await run.stop();
  }, 60_000);
});
