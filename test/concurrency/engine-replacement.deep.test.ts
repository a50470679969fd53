import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Counter, type SkippedTick } from '../../src/engine/index.ts';
import { EngineRun, marketTicks } from '../support/engine-run.ts';
import type { StoryTick } from '../support/tick-story.ts';

/** Promised time on an idle processor. */
const REPLACED_MS = 200;
/** The fastest of these counts: a busy machine slows only some. */
const DEATHS = 5;
const DEADLINE_MS = 30_000;
const PARTITIONS = 2;
const SYMBOLS = 60;
const TICKS = marketTicks(SYMBOLS, 50_000, 9);
/** Out of range: no gateway offers such a tick, and the worker must fail on it. */
const POISON: StoryTick = { symbolId: 900, price: 12.5, time: 1_700_000_000_123 };

interface Death {
  readonly at: number;
  readonly tick: SkippedTick | undefined;
}

/** An engine under load that records deaths. */
class LoadedEngine {
  readonly run: EngineRun;
  readonly deaths: readonly Death[];
  #isEnding = false;
  #load: Promise<void> = Promise.resolve();

  private constructor(run: EngineRun, deaths: readonly Death[]) {
    this.run = run;
    this.deaths = deaths;
  }

  static async start(): Promise<LoadedEngine> {
    const deaths: Death[] = [];
    const workerRestarted = (_: number, __: Error, tick: SkippedTick | undefined) => {
      deaths.push({ at: performance.now(), tick });
    };
    const run = await EngineRun.start(
      { partitions: PARTITIONS, maxSymbols: SYMBOLS },
      { workerRestarted },
    );
    run.register(SYMBOLS);
    const loaded = new LoadedEngine(run, deaths);
    loaded.#load = loaded.#offerTicks();
    return loaded;
  }

  applied(partition: number): number {
    return this.run.engine.status(partition).counters.get(Counter.APPLIED);
  }

  /** Polls until `isTrue`; returns the elapsed ms. */
  async until(isTrue: () => boolean): Promise<number> {
    const from = performance.now();
    while (!isTrue()) {
      if (performance.now() - from > DEADLINE_MS) throw new Error('it did not come');
      await delay(1);
    }
    return performance.now() - from;
  }

  /**
   * Replaces a worker by a spare thread.
   *
   * @returns ms from the death caused by `kill` to the successor's first applied tick
   */
  async replacement(partition: number, kill: () => Promise<void>): Promise<number> {
    await this.until(() => this.run.engine.hasStandby);
    const { restarts } = this.run.engine.status(partition);
    const from = performance.now();
    // Only using a spare leaves one missing for a while.
    let isMissing = false;
    const { engine } = this.run;
    const sees = (isTrue: () => boolean) =>
      this.until(() => {
        isMissing ||= !engine.hasStandby;
        return isTrue();
      });
    await kill();
    await sees(() => engine.status(partition).restarts > restarts);
    const before = this.applied(partition);
    await sees(() => this.applied(partition) > before);
    const replacedMs = performance.now() - from;
    await sees(() => isMissing);
    return replacedMs;
  }

  async stop(): Promise<void> {
    this.#isEnding = true;
    await this.#load;
    await this.run.stop();
  }

  async #offerTicks(): Promise<void> {
    for (let i = 0; !this.#isEnding; i = (i + 100) % TICKS.length) {
      for (const tick of TICKS.slice(i, i + 100)) this.run.offer(tick);
      await this.run.turn();
      await delay(2);
    }
  }
}

const shown = (values: readonly number[]) => values.map((value) => Math.round(value)).join(' ');

describe('a worker that dies under load', () => {
  it('is replaced in time by a thread kept ready, killed or failed; others go on', async () => {
    const loaded = await LoadedEngine.start();
    const { engine } = loaded.run;
    const killed: number[] = [];
    const failed: number[] = [];
    for (let death = 0; death < DEATHS; death++) {
      const others = loaded.applied(1);
      killed.push(await loaded.replacement(0, () => engine.killWorker(0)));
      failed.push(
        await loaded.replacement(0, async () => {
          loaded.run.offer(POISON);
          await Promise.resolve();
        }),
      );
      expect(loaded.applied(1), 'ticks of the other partition').toBeGreaterThan(others);
    }
    process.stderr.write(`replaced after ms: ${shown(killed)}; ${shown(failed)} after errors\n`);
    await loaded.stop();
    expect(engine.status(1)).toMatchObject({ restarts: 0, quarantined: 0, queueDepth: 0 });
    expect(Math.min(...killed)).toBeLessThan(REPLACED_MS);
    expect(Math.min(...failed)).toBeLessThan(REPLACED_MS);
    expect(loaded.run.refused).toBe(0);
    const lost = loaded.run.sum(Counter.SKIPPED);
    expect(loaded.run.sum(Counter.APPLIED)).toBe(loaded.run.accepted - lost);
    expect(lost).toBeLessThanOrEqual(engine.status(0).restarts);
  });
});

describe('a tick that its worker dies of', () => {
  it('is quarantined: told, counted, and not applied again', async () => {
    const loaded = await LoadedEngine.start();
    const { engine } = loaded.run;
    for (let poisons = 1; poisons <= 2; poisons++) {
      loaded.run.offer(POISON);
      await loaded.until(() => engine.status(0).quarantined === poisons);
      const before = loaded.applied(0);
      await loaded.until(() => loaded.applied(0) > before);
    }
    await loaded.stop();
    expect(engine.status(0).quarantined).toBe(2);
    expect(loaded.run.sum(Counter.SKIPPED)).toBe(2);
    const told = loaded.deaths.flatMap(({ tick }) => (tick === undefined ? [] : [tick]));
    const { price, time } = POISON;
    const expected = { symbol: undefined, price, time, isQuarantined: true };
    expect(told).toEqual([expected, expected]);
  });
});
