import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import {
  type Capture,
  type CaptureReport,
  Counter,
  decodeSymbolStates,
  type SymbolState,
} from '../../src/engine/index.ts';
import { statesOf, statisticsOfState } from '../support/capture-rig.ts';
import { EngineRun, marketTicks } from '../support/engine-run.ts';
import type { StoryTick } from '../support/tick-story.ts';
import { startPeer } from './peers/start-peer.ts';

const SYMBOLS = 300;

function sumOf(capture: Capture, key: keyof CaptureReport): number {
  return capture.reports.reduce((sum, report) => sum + report[key], 0);
}

/** A capture, and the index of the first tick offered after it. */
interface Cut {
  readonly at: number;
  readonly accepted: number;
  readonly capture: Capture;
  readonly states: readonly SymbolState[];
}

/** Successive captures, each requested by {@link next} while none is running. */
class Cutter {
  readonly cuts: Cut[] = [];
  readonly #run: EngineRun;
  #isBusy = false;

  constructor(run: EngineRun) {
    this.#run = run;
  }

  next(at: number): void {
    if (!this.#isBusy) void this.#cut(at);
  }

  async #cut(at: number): Promise<void> {
    this.#isBusy = true;
    const { accepted, engine } = this.#run;
    const capture = await engine.capture();
    this.cuts.push({ at, accepted, capture, states: statesOf(capture) });
    engine.releaseCapture(capture);
    this.#isBusy = false;
  }

  async finished(): Promise<void> {
    while (this.#isBusy) await this.#run.turn();
  }
}

/**
 * Any rise is an anomaly: with rising prices, every applied tick but a symbol's first raises one.
 */
const RISES = {
  anomalyThresholdPercent: 0,
  slidingWindowMilliseconds: 1e9,
  windowCapacity: 8,
  captures: true,
};

function rise(n: number): StoryTick {
  return { symbolId: (n * 7) % SYMBOLS, price: 1 + n / 1000, time: n };
}

/** The capture holds every applied tick offered before the cut, and none after. */
function expectExact(run: EngineRun, { at, accepted, capture, states }: Cut): void {
  const byName = new Map(states.map((state) => [state.symbol, state]));
  for (let symbolId = 0; symbolId < SYMBOLS; symbolId++) {
    const before = run.anomalies.of(symbolId).filter(({ time }) => time < at);
    const state = byName.get(`SYM-${symbolId}`);
    if (state === undefined) {
      expect(before).toEqual([]);
      continue;
    }
    expect(state.anomalies).toBe(before.length);
    expect(state.count).toBe(before.length + 1);
    expect(state.time).toBeLessThan(at);
    if (before.length > 0) expect(state.time).toBe(before.at(-1)?.time);
  }
  expect(sumOf(capture, 'applied')).toBe(states.reduce((sum, { count }) => sum + count, 0));
  expect(sumOf(capture, 'applied') + sumOf(capture, 'lost')).toBe(accepted);
}

describe('captures under load', () => {
  it.each([true, false])('are exact, overwriting: %s', async (overwrites) => {
    const run = await EngineRun.start({ ...RISES, channelCapacity: 512, overwrites });
    run.register(SYMBOLS);
    const cutter = new Cutter(run);
    const count = overwrites ? 120_000 : 40_000;
    for (let n = 0; n < count; n++) {
      // Also inside a frame, with unpublished ticks.
      if (n % 37 === 0) cutter.next(n);
      while (!run.offer(rise(n))) await run.turn();
      if (n % 400 === 399) await run.turn();
    }
    await cutter.finished();
    await run.stop();
    expect(cutter.cuts.length).toBeGreaterThan(10);
    expect(cutter.cuts.some(({ capture }) => sumOf(capture, 'lost') > 0)).toBe(overwrites);
    for (const cut of cutter.cuts) expectExact(run, cut);
  });

  it('are made by the successor of a killed worker', async () => {
    const causes: number[] = [];
    const run = await EngineRun.start(
      { ...RISES, channelCapacity: 4096 },
      { workerRestarted: (partition) => causes.push(partition) },
    );
    run.register(SYMBOLS);
    const cutter = new Cutter(run);
    const kills = { done: 0 };
    const killing = (async () => {
      for (let i = 0; i < 10; i++) {
        const { counters } = run.engine.status(i % 2);
        const before = counters.taken();
        while (counters.taken() === before) await delay(1);
        await run.engine.killWorker(i % 2);
        kills.done++;
      }
    })();
    for (let n = 0; kills.done < 10 || cutter.cuts.length < 4; n++) {
      cutter.next(n);
      while (!run.offer(rise(n))) await run.turn();
      if (n % 400 === 399) await run.turn();
    }
    await killing;
    await cutter.finished();
    await run.settle();
    const capture = await run.engine.capture();
    await run.stop();
    expect(causes.length).toBeGreaterThanOrEqual(10);
    const skipped = run.sum(Counter.SKIPPED);
    for (const { capture: own, accepted, at, states } of cutter.cuts) {
      const updates = states.reduce((sum, { count }) => sum + count, 0);
      expect(sumOf(own, 'applied') + sumOf(own, 'lost')).toBe(accepted);
      // A skipped tick's row may have been finished.
      expect(updates).toBeGreaterThanOrEqual(sumOf(own, 'applied'));
      expect(updates).toBeLessThanOrEqual(sumOf(own, 'applied') + skipped);
      for (const { time } of states) expect(time).toBeLessThan(at);
    }
    const last = statesOf(capture);
    expect(last).toHaveLength(SYMBOLS);
    for (const state of last) {
      const symbolId = run.engine.symbols.findName(state.symbol);
      expect(statisticsOfState(state)).toEqual(run.rows.get(symbolId));
    }
  });
});

describe('captures of an idle engine', () => {
  it('wake the workers, and copy what changed and nothing else', async () => {
    const run = await EngineRun.start({ captures: true });
    run.register(SYMBOLS);
    await run.offerAll(marketTicks(SYMBOLS, 20_000), {});
    await run.settle();
    const copied: number[] = [];
    const start = performance.now();
    for (const changed of [0, 0, 5, 1, 0, 0, 0, 0]) {
      for (let id = 0; id < changed; id++) run.offer({ symbolId: id, price: 9, time: 2e12 });
      const capture = await run.engine.capture();
      expect(statesOf(capture)).toHaveLength(SYMBOLS);
      run.engine.releaseCapture(capture);
      copied.push(sumOf(capture, 'copied'));
      // Long enough for the workers to fall asleep.
      await delay(20);
    }
    expect(copied).toEqual([SYMBOLS, 0, 5, 1, 0, 0, 0, 0]);
    // An unwoken worker polls once a second.
    expect(performance.now() - start).toBeLessThan(4000);
    await run.stop();
  });
});

describe('a capture', () => {
  it('is read by another thread while ticks go on', async () => {
    const run = await EngineRun.start({ captures: true });
    run.register(SYMBOLS);
    const ticks = marketTicks(SYMBOLS, 120_000);
    await run.offerAll(ticks.slice(0, 60_000), {});
    const capture = await run.engine.capture();
    const peer = await startPeer('state-reader', { capture });
    await run.offerAll(ticks.slice(60_000), {});
    const chunks = (await peer.next()) as Uint8Array[];
    await run.settle();
    expect(chunks.length).toBeGreaterThan(2);
    for (const chunk of chunks.slice(0, -1)) expect(chunk.length).toBeGreaterThanOrEqual(65_536);
    const states = chunks.flatMap((chunk) => [...decodeSymbolStates(chunk)]);
    expect(states.reduce((sum, { count }) => sum + count, 0)).toBe(60_000);
    expect(states).toEqual(statesOf(capture));
    await run.stop();
  });

  it('is refused before the last one is released, and where there are none', async () => {
    const run = await EngineRun.start({ captures: true });
    const { engine } = run;
    expect(engine.isCapturePossible).toBe(true);
    const first = engine.capture();
    expect(engine.isCapturePossible).toBe(false);
    await expect(engine.capture()).rejects.toThrow('the previous capture is not released');
    engine.releaseCapture(await first);
    const second = await engine.capture();
    expect(second.number).toBe(2);
    // The previous one has no effect.
    engine.releaseCapture(await first);
    await expect(engine.capture()).rejects.toThrow('the previous capture is not released');
    engine.releaseCapture(second);
    await run.stop();
    await expect(engine.capture()).rejects.toThrow('the engine is stopping');
    const without = await EngineRun.start({});
    expect(without.engine.isCapturePossible).toBe(false);
    await expect(without.engine.capture()).rejects.toThrow('started without captures');
    await without.stop();
  });

  it('asked for just before a stop is made', async () => {
    const run = await EngineRun.start({ captures: true });
    run.register(SYMBOLS);
    for (const tick of marketTicks(SYMBOLS, 20_000)) run.offer(tick);
    const captured = run.engine.capture();
    await run.stop();
    const states = statesOf(await captured);
    expect(states.reduce((sum, { count }) => sum + count, 0)).toBe(run.accepted);
  });
});
