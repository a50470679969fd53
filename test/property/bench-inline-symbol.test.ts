import { expect, it } from 'vitest';
import { InlineSymbol } from '../../bench/servers/inline-symbol.ts';
import { Counter } from '../../src/engine/memory/counters.ts';
import { fc } from '../../testkit/fast-check.ts';
import {
  DEFAULT_RULES,
  type ExpectedAnomaly,
  type Statistics,
  type Tick,
} from '../../testkit/independent/statistics.ts';
import { seededMarket } from '../../testkit/ticks.ts';
import { createSmallMemory, isSameStatistics, PartitionRig } from '../support/partition-rig.ts';
import { type StoryTick, stories } from '../support/tick-story.ts';

const SYMBOLS = 3;
const RULES = { ...DEFAULT_RULES, windowCapacity: 65_536 };

/** The baseline's symbols behind the engine rig's interface. */
class InlineRig {
  readonly symbols = Array.from({ length: SYMBOLS }, (_, id) => new InlineSymbol(id, `SYM-${id}`));
  readonly anomalies: ExpectedAnomaly[][] = this.symbols.map(() => []);

  apply(symbolId: number, { price, time }: Tick): void {
    this.anomalies[symbolId]?.push(...(this.symbols[symbolId]?.apply(price, time) ?? []));
  }

  statistics(symbolId: number): Statistics {
    const { price, average, count, time, min, max } = this.symbols[symbolId] as InlineSymbol;
    return { price, average, count, time, min, max };
  }
}

/** Applies ticks to the engine's partition and to the baseline, and compares after each. */
function compare(ticks: readonly StoryTick[], ulps: number): { anomalies: number; late: number } {
  const memory = createSmallMemory({ symbols: SYMBOLS, movingAverageWindow: 64 });
  const engine = new PartitionRig(memory, RULES);
  const inline = new InlineRig();
  for (const [index, tick] of ticks.entries()) {
    engine.apply(tick.symbolId, tick);
    inline.apply(tick.symbolId, tick);
    const own = inline.statistics(tick.symbolId);
    const theirs = engine.statistics(tick.symbolId);
    if (!isSameStatistics(own, theirs, ulps)) expect(own, `tick ${index}`).toEqual(theirs);
  }
  for (const [symbolId, anomalies] of inline.anomalies.entries()) {
    expect(anomalies).toEqual(engine.anomalies.of(symbolId));
  }
  const late = inline.symbols.reduce((sum, symbol) => sum + symbol.late, 0);
  expect(late).toBe(engine.counters.get(Counter.LATE));
  return { anomalies: inline.anomalies.flat().length, late };
}

it('the benchmark baseline has the statistics of the engine through thousands of ticks', () => {
  const names = ['SYM-0', 'SYM-1', 'SYM-2'];
  const ticks = seededMarket({ seed: 3, symbols: names, ticks: 20_000 }).map(
    ({ symbol, price, time }) => ({ symbolId: names.indexOf(symbol), price, time }),
  );
  const { anomalies, late } = compare(ticks, 10_000);
  expect(anomalies).toBeGreaterThan(100);
  expect(late).toBeGreaterThan(100);
});

it('the benchmark baseline finds the anomalies of the engine at every edge of the rule', () => {
  // Averages are excluded: without compensated summation, a price a million times its neighbours
  // ruins them.
  const relative = Number.POSITIVE_INFINITY;
  fc.assert(
    fc.property(stories(SYMBOLS, 1000, { maxLength: 300 }), (ticks) => {
      compare(ticks, relative);
    }),
  );
});
