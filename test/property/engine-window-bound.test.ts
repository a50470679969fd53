import { describe, expect, it } from 'vitest';
import { Counter } from '../../src/engine/memory/counters.ts';
import type { Rules } from '../../src/engine/partition.ts';
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
  /** An uncut arena's first unit: its first word. */
  const usedUnits = (places: SharedArrayBuffer) => new Int32Array(places)[0] as number;

  it('uses blocks again: bursts and quiet in turn take no more than the first did', () => {
    const memory = createSmallMemory({
      symbols: 8,
      movingAverageWindow: MOVING_AVERAGE_WINDOW,
      growBytes: 1 << 22,
    });
    const rules = { ...rulesFor(1000, 1024), anomalyThresholdPercent: 1000 };
    const rig = new PartitionRig(memory, rules);
    let time = 0;
    let used = 0;
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
      // Two rounds: one grows the maxima, one the minima.
      if (round === 1) used = usedUnits(memory.places);
    }
    expect(usedUnits(memory.places)).toBe(used);
    expect(rig.counters.get(Counter.TRUNCATED)).toBe(0);
  });
});
