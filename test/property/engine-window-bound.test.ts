import { describe, expect, it } from 'vitest';
import { Counter } from '../../src/engine/memory/counters.ts';
import { usedPlaceBytes } from '../../src/engine/memory/place-arena.ts';
import type { Rules } from '../../src/engine/rules.ts';
import { fc } from '../../testkit/fast-check.ts';
import {
  type ExpectedAnomaly,
  expectedSymbol,
  type Tick,
} from '../../testkit/independent/statistics.ts';
import { createSmallMemory, PartitionRig } from '../support/partition-rig.ts';
import { stories } from '../support/tick-story.ts';

const MOVING_AVERAGE_WINDOW = 2;

function rulesFor(slidingWindowMilliseconds: number, windowCapacity: number): Rules {
  return {
    movingAverageWindow: MOVING_AVERAGE_WINDOW,
    anomalyThresholdPercent: 2,
    slidingWindowMilliseconds,
    windowCapacity,
  };
}

function rigFor(rules: Rules, growBytes: number, symbols = 1): PartitionRig {
  const memory = createSmallMemory({
    symbols,
    movingAverageWindow: MOVING_AVERAGE_WINDOW,
    growBytes,
  });
  return new PartitionRig(memory, rules);
}

/** Falling or rising prices, so that a deque takes an entry a tick, with reversals. */
function runs(wait: fc.Arbitrary<number>): fc.Arbitrary<Tick[]> {
  const step = fc.record({ wait, by: fc.constantFrom(-30, -9, -1, -1, 1, 1, 9, 30) });
  const run = fc.record({ step: fc.array(step, { maxLength: 60 }), repeat: fc.nat({ max: 3 }) });
  return fc.array(run, { maxLength: 6 }).map((all) => {
    let price = 5000;
    let time = 1000;
    return all
      .flatMap(({ step: steps, repeat }) => Array.from({ length: repeat + 1 }, () => steps).flat())
      .map((next) => {
        price = Math.max(1, price + next.by);
        time += next.wait;
        return { price, time };
      });
  });
}

/** Every reported anomaly is real: same tick and direction, no larger than it was. */
function expectReal(own: readonly ExpectedAnomaly[], real: readonly ExpectedAnomaly[]): void {
  let from = 0;
  for (const [index, anomaly] of own.entries()) {
    const { direction, price, time } = anomaly;
    const found = real.findIndex(
      (other, place) =>
        place >= from &&
        other.direction === direction &&
        other.price === price &&
        other.time === time,
    );
    expect(found, `anomaly ${index} is real`).toBeGreaterThanOrEqual(0);
    from = found + 1;
    const limit = Math.abs(real[found]?.changePercent as number);
    expect(Math.abs(anomaly.changePercent)).toBeLessThanOrEqual(limit);
    expect(anomaly.sequence).toBe(index + 1);
  }
}

describe('a deque at its bound', () => {
  const fractions = runs(fc.constantFrom(0, 0.01, 0.1, 0.5, 3));

  it('tells no anomaly that is none, and counts what it gives up', () => {
    let truncatedRuns = 0;
    const bounds = fc.record({
      capacity: fc.constantFrom(4, 8, 16),
      growBytes: fc.constantFrom(0, 1 << 16),
    });
    fc.assert(
      fc.property(fractions, bounds, (ticks, { capacity, growBytes }) => {
        const rules = rulesFor(10, capacity);
        const rig = rigFor(rules, growBytes);
        for (const tick of ticks) rig.apply(0, tick);
        const real = expectedSymbol(ticks, rules).anomalies;
        expectReal(rig.anomalies.of(0), real);
        const truncated = rig.counters.get(Counter.TRUNCATED);
        if (truncated === 0) expect(rig.anomalies.of(0)).toEqual(real);
        else truncatedRuns++;
      }),
      { numRuns: 150 },
    );
    expect(truncatedRuns).toBeGreaterThan(10);
  });

  it('behaves the same where the arena has no block left', () => {
    fc.assert(
      fc.property(fractions, (ticks) => {
        // Without room to grow both keep their first four entries, whatever their maximum.
        const bounded = rigFor(rulesFor(10, 4), 1 << 16);
        const exhausted = rigFor(rulesFor(10, 1024), 0);
        for (const tick of ticks) {
          bounded.apply(0, tick);
          exhausted.apply(0, tick);
        }
        expect(exhausted.anomalies.of(0)).toEqual(bounded.anomalies.of(0));
        expect(exhausted.counters.get(Counter.TRUNCATED)).toBe(
          bounded.counters.get(Counter.TRUNCATED),
        );
      }),
    );
  });

  it('gives up nothing with whole milliseconds and a place for each of the window', () => {
    const windows = fc.constantFrom([3, 4], [7, 8], [8, 16], [31, 32], [50, 64]);
    fc.assert(
      fc.property(runs(fc.constantFrom(0, 1, 1, 1, 2)), windows, (ticks, sizes) => {
        const [window, capacity] = sizes as [number, number];
        const rules = rulesFor(window, capacity);
        const rig = rigFor(rules, 1 << 16);
        for (const tick of ticks) rig.apply(0, tick);
        expect(rig.counters.get(Counter.TRUNCATED)).toBe(0);
        expect(rig.anomalies.of(0)).toEqual(expectedSymbol(ticks, rules).anomalies);
      }),
      { numRuns: 100 },
    );
  });

  it('keeps many symbols right that share a small arena', () => {
    const rules = rulesFor(10, 64);
    fc.assert(
      fc.property(stories(6, 10), (ticks) => {
        const rig = rigFor(rules, 20 * 64, 6);
        for (const tick of ticks) rig.apply(tick.symbolId, tick);
        for (let symbolId = 0; symbolId < 6; symbolId++) {
          const own = ticks.filter((tick) => tick.symbolId === symbolId);
          expectReal(rig.anomalies.of(symbolId), expectedSymbol(own, rules).anomalies);
        }
      }),
    );
  });
});

describe('the arena in a long run', () => {
  const quietRules = (window: number, capacity: number) => ({
    ...rulesFor(window, capacity),
    anomalyThresholdPercent: 1000,
  });

  /** Bytes of blocks in use. */
  const usedBytes = (places: SharedArrayBuffer) => usedPlaceBytes(new Int32Array(places));

  it('uses blocks again: after bursts and quiet in turn none is in use', () => {
    const memory = createSmallMemory({
      symbols: 8,
      movingAverageWindow: MOVING_AVERAGE_WINDOW,
      // What one round takes.
      growBytes: 8 * 2 * 1024 * 16,
    });
    const rig = new PartitionRig(memory, quietRules(1000, 1024));
    let time = 0;
    for (let round = 0; round < 30; round++) {
      const isFalling = round % 2 === 0;
      for (let i = 0; i < 900; i++) {
        time += 1;
        for (let symbolId = 0; symbolId < 8; symbolId++) {
          rig.apply(symbolId, { price: isFalling ? 5000 - i : 3000 + i, time });
        }
      }
      for (let i = 0; i < 20; i++) {
        time += 2000;
        for (let symbolId = 0; symbolId < 8; symbolId++) rig.apply(symbolId, { price: 4000, time });
      }
      expect(usedBytes(memory.places)).toBe(0);
    }
    expect(rig.counters.get(Counter.TRUNCATED)).toBe(0);
  });

  const SYMBOLS = 500;
  const WINDOW = 1000;
  const RULES = quietRules(WINDOW, 4096);
  /** Blocks of 256 places fill the arena. */
  const GROW_BYTES = 512 * 256 * 16;

  /** Every symbol has 129 falling prices; then comes `quiet`, and a symbol that needs 2 000. */
  function story(quiet: (rig: PartitionRig, from: number) => void): PartitionRig {
    const rig = rigFor(RULES, GROW_BYTES, SYMBOLS + 1);
    for (let i = 0; i < 129; i++) {
      for (let symbolId = 0; symbolId < SYMBOLS; symbolId++) {
        rig.apply(symbolId, { price: 500 - i, time: 1000 + i });
      }
    }
    quiet(rig, 1129);
    for (let i = 0; i < 2000; i++) {
      rig.apply(SYMBOLS, { price: 9000 - i, time: 3500 + i / 4 });
    }
    return rig;
  }

  it('gives a symbol 2 000 places after all others went back to few', () => {
    const rig = story((quiet, from) => {
      for (const time of [from + WINDOW, from + 2 * WINDOW]) {
        for (let id = 0; id < SYMBOLS; id++) quiet.apply(id, { price: 400, time });
      }
    });
    expect(rig.counters.get(Counter.TRUNCATED)).toBe(0);
  });

  it('takes blocks from symbols without ticks, whose windows have passed', () => {
    const rig = story(() => undefined);
    expect(rig.counters.get(Counter.TRUNCATED)).toBe(0);
    // A tick behind the window finds nothing missing.
    for (let id = 0; id < SYMBOLS; id++) rig.apply(id, { price: 400, time: 4000 });
    expect(rig.counters.get(Counter.TRUNCATED)).toBe(0);
    for (let id = 0; id < SYMBOLS; id++) expect(rig.statistics(id).count).toBe(130);
  });

  it('counts the places that a tick inside the old window finds missing', () => {
    const rig = story(() => undefined);
    const late = (symbolId: number) => rig.apply(symbolId, { price: 300, time: 1200 });
    for (let symbolId = 0; symbolId < SYMBOLS; symbolId++) late(symbolId);
    const truncated = rig.counters.get(Counter.TRUNCATED);
    // Some gave up all but the newest of their places; the others have all.
    expect(truncated).toBeGreaterThan(0);
    expect(truncated % 128).toBe(0);
    for (let symbolId = 0; symbolId < SYMBOLS; symbolId++) late(symbolId);
    expect(rig.counters.get(Counter.TRUNCATED)).toBe(truncated);
  });

  it('takes none from symbols whose windows have not passed', () => {
    const rig = rigFor(RULES, GROW_BYTES, SYMBOLS + 1);
    const fall = (symbolId: number, from: number, count: number, price: number) => {
      for (let i = 0; i < count; i++) rig.apply(symbolId, { price: price - i, time: from + i / 4 });
    };
    for (let symbolId = 0; symbolId < SYMBOLS; symbolId++) fall(symbolId, 1000, 129, 500);
    fall(SYMBOLS, 1100, 2000, 9000);
    const truncated = rig.counters.get(Counter.TRUNCATED);
    expect(truncated).toBeGreaterThan(0);
    for (let symbolId = 0; symbolId < SYMBOLS; symbolId++) fall(symbolId, 1150, 20, 300);
    expect(rig.counters.get(Counter.TRUNCATED)).toBe(truncated);
  });
});
