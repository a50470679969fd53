import { expect, it } from 'vitest';
import { Counter } from '../../src/engine/memory/counters.ts';
import { createEngineMemory, type PartitionMemory } from '../../src/engine/memory/engine-memory.ts';
import type { Rules } from '../../src/engine/rules.ts';
import { fc } from '../../testkit/fast-check.ts';
import { exactMean } from '../../testkit/independent/exact-mean.ts';
import {
  DEFAULT_RULES,
  type ExpectedSymbol,
  expectedSymbol,
  type Tick,
} from '../../testkit/independent/statistics.ts';
import {
  createSmallMemory,
  isSameStatistics,
  PartitionRig,
  smallRules,
} from '../support/partition-rig.ts';
import { type StoryTick, stories } from '../support/tick-story.ts';

const SYMBOLS = 3;

const RULES: fc.Arbitrary<Rules> = fc.record({
  movingAverageWindow: fc.constantFrom(1, 2, 3, 64),
  anomalyThresholdPercent: fc.constantFrom(0, 0.5, 2, 50),
  slidingWindowMilliseconds: fc.constantFrom(1, 10, 1000),
  windowCapacity: fc.constant(1024),
});

/** Rules, and ticks at their edges. */
const CASES = RULES.chain((rules) =>
  stories(SYMBOLS, rules.slidingWindowMilliseconds, { maxLength: 300 }).map((ticks) => ({
    rules,
    ticks,
  })),
);

function oraclesOf(ticks: readonly StoryTick[], rules: Rules): ExpectedSymbol[] {
  return Array.from({ length: SYMBOLS }, (_, symbolId) =>
    expectedSymbol(
      ticks.filter((tick) => tick.symbolId === symbolId),
      rules,
    ),
  );
}

/** Applies the ticks and compares each row after each of them. */
function follow(memory: PartitionMemory, rules: Rules, ticks: readonly StoryTick[]): void {
  const rig = new PartitionRig(memory, rules);
  const oracles = oraclesOf(ticks, rules);
  const applied = Array.from({ length: SYMBOLS }, () => 0);
  for (const [index, tick] of ticks.entries()) {
    const { symbolId } = tick;
    rig.apply(symbolId, tick);
    applied[symbolId] = (applied[symbolId] as number) + 1;
    for (let other = 0; other < SYMBOLS; other++) {
      const count = applied[other] as number;
      expect(rig.table.version(other)).toBe(2 * count);
      if (count === 0) continue;
      const own = rig.statistics(other);
      const exact = oracles[other]?.after[count - 1];
      const isSame = exact !== undefined && isSameStatistics(own, exact);
      if (!isSame) expect(own, `symbol ${other} after tick ${index}`).toEqual(exact);
    }
  }
  for (const [symbolId, oracle] of oracles.entries()) {
    expect(rig.anomalies.of(symbolId)).toEqual(oracle.anomalies);
    expect(rig.table.anomalies(symbolId)).toBe(oracle.anomalies.length);
  }
  const sumOf = (number: (oracle: ExpectedSymbol) => number) =>
    oracles.reduce((sum, oracle) => sum + number(oracle), 0);
  const directions = (direction: 1 | -1) =>
    sumOf((oracle) => oracle.anomalies.filter((found) => found.direction === direction).length);
  expect(rig.counters.get(Counter.APPLIED)).toBe(ticks.length);
  expect(rig.counters.get(Counter.LATE)).toBe(sumOf(({ late }) => late));
  expect(rig.counters.get(Counter.UP)).toBe(directions(1));
  expect(rig.counters.get(Counter.DOWN)).toBe(directions(-1));
  expect(rig.counters.get(Counter.TRUNCATED)).toBe(0);
}

it('says what the definition says, after every tick', () => {
  fc.assert(
    fc.property(CASES, ({ rules, ticks }) => {
      const { movingAverageWindow } = rules;
      follow(createSmallMemory({ symbols: SYMBOLS, movingAverageWindow }), rules, ticks);
    }),
    { numRuns: 80 },
  );
});

it('goes on with an empty window after a repair, and all else as it was', () => {
  fc.assert(
    fc.property(CASES, fc.nat(), ({ rules, ticks }, part) => {
      const own = ticks.filter(({ symbolId }) => symbolId === 0);
      const cut = part % (own.length + 1);
      const { movingAverageWindow } = rules;
      const memory = createSmallMemory({ symbols: SYMBOLS, movingAverageWindow });
      const rig = new PartitionRig(memory, rules);
      for (const tick of own.slice(0, cut)) rig.apply(0, tick);
      const raised = rig.anomalies.of(0).length;
      rig.repair(0);
      for (const tick of own.slice(cut)) rig.apply(0, tick);
      const newest = Math.max(0, ...own.slice(0, cut).map(({ time }) => time));
      const inTime = own.slice(cut).filter(({ time }) => time >= newest);
      const expected = expectedSymbol(inTime, rules).anomalies;
      expect(rig.anomalies.of(0).slice(raised)).toEqual(
        expected.map((anomaly) => ({ ...anomaly, sequence: raised + anomaly.sequence })),
      );
      const last = expectedSymbol(own, rules).after.at(-1);
      if (last !== undefined) expect(isSameStatistics(rig.statistics(0), last)).toBe(true);
    }),
    { numRuns: 80 },
  );
});

it('does so on the memory that the engine makes', () => {
  const rules = { ...DEFAULT_RULES, windowCapacity: 1024 };
  const samples = fc.sample(stories(SYMBOLS, 1000, { maxLength: 600 }), { numRuns: 10, seed: 1 });
  const [ticks] = samples.toSorted((a, b) => b.length - a.length);
  const sizes = { partitions: 1, symbols: SYMBOLS, channelCapacity: 64, movingAverageWindow: 64 };
  const [memory] = createEngineMemory(sizes);
  expect(ticks?.length).toBeGreaterThan(300);
  follow(memory as PartitionMemory, rules, ticks as StoryTick[]);
});

const EDGES: [string, Tick[]][] = [
  ['prices near the largest double', [1.7e308, 1.6e308, 1.75e308, 3, 1.7e308, 1e-3, 5, 5].map(at)],
  ['exactly two percent as a decimal', [10.1, 10.302, 10.1, 10.5, 10.71].map(at)],
  ['one price for long', Array.from({ length: 200 }, (_, i) => at(7.3, i))],
  ['a fall that goes on', Array.from({ length: 200 }, (_, i) => 1000 - i * 4.9).map(at)],
  ['a rise that goes on', Array.from({ length: 200 }, (_, i) => 10 + i * 0.37).map(at)],
];

function at(price: number, index: number): Tick {
  return { price, time: 1000 + index };
}

it.each(EDGES)('is right about %s', (_, ticks) => {
  const rules = smallRules({ slidingWindowMilliseconds: 50 });
  const memory = createSmallMemory({ symbols: SYMBOLS, movingAverageWindow: 4 });
  const rig = new PartitionRig(memory, rules);
  const oracle = expectedSymbol(ticks, rules);
  for (const [index, tick] of ticks.entries()) {
    rig.apply(0, tick);
    const exact = exactMean(ticks.slice(Math.max(0, index - 3), index + 1).map((t) => t.price));
    expect(Math.abs(rig.statistics(0).average / exact - 1)).toBeLessThan(1e-12);
  }
  expect(rig.statistics(0).count).toBe(oracle.after.length);
  const capped = oracle.anomalies.map(({ changePercent, ...rest }) => ({
    // A change beyond the largest double is reported as that.
    changePercent: Math.min(changePercent, Number.MAX_VALUE),
    ...rest,
  }));
  expect(rig.anomalies.of(0)).toEqual(capped);
});
