import { describe, expect, it } from 'vitest';
import { Counter } from '../../src/engine/memory/counters.ts';
import type { Rules } from '../../src/engine/rules.ts';
import { fc } from '../../testkit/fast-check.ts';
import { EventTimeOracle } from '../../testkit/independent/event-time.ts';
import { expectedSymbol, type Tick } from '../../testkit/independent/statistics.ts';
import { createSmallMemory, PartitionRig, smallRules } from '../support/partition-rig.ts';

interface Arrival extends Tick {
  readonly arrivedAt: number;
}

type Step = Arrival | { readonly clock: number };

const SYMBOLS = 3;

/** Ticks that arrive up to `behindMax` late, and readings of the clock between them. */
function stepsOf(behindMax: number): fc.Arbitrary<readonly Step[]> {
  const step = fc.record({
    after: fc.integer({ min: 0, max: 25 }),
    behind: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: behindMax })),
    price: fc.integer({ min: 950, max: 1050 }),
    isClock: fc.integer({ min: 0, max: 5 }).map((chance) => chance === 0),
  });
  return fc.array(step, { minLength: 1, maxLength: 120 }).map((steps) => {
    let now = 1000;
    return steps.map(({ after, behind, price, isClock }) => {
      now += isClock ? 4 * after : after;
      return isClock ? { clock: now } : { price: price / 10, time: now - behind, arrivedAt: now };
    });
  });
}

const RULES = fc
  .record({
    allowedLatenessMs: fc.integer({ min: 1, max: 60 }),
    reorderTicks: fc.constantFrom(1, 2, 5, 256),
    lateTicks: fc.constantFrom('fold' as const, 'ignore' as const),
  })
  .map((changes) => ({ ...smallRules(changes), ...changes }));

function rigOf(rules: Rules & { readonly reorderTicks: number }): PartitionRig {
  const { movingAverageWindow, reorderTicks } = rules;
  return new PartitionRig(
    createSmallMemory({ symbols: SYMBOLS, movingAverageWindow, reorderTicks }),
    rules,
  );
}

function take(rig: PartitionRig, step: Step, symbolId = 0): void {
  if ('clock' in step) {
    rig.advanceClock(step.clock);
  } else {
    rig.receivedAt = step.arrivedAt;
    rig.apply(symbolId, step);
  }
}

function tell(oracle: EventTimeOracle, step: Step): void {
  if ('clock' in step) oracle.clock(step.clock);
  else oracle.apply(step, step.arrivedAt);
}

describe('ticks that wait for earlier ones', () => {
  it('are judged as a sorted list says, step by step', () => {
    const seen = { early: 0, missed: 0, folded: 0, anomalies: 0, clocked: 0 };
    fc.assert(
      fc.property(RULES, stepsOf(80), (rules, steps) => {
        const rig = rigOf(rules);
        const oracle = new EventTimeOracle(rules);
        for (const step of steps) {
          const before = oracle.held.length;
          take(rig, step);
          tell(oracle, step);
          expect(rig.counters.get(Counter.HELD)).toBe(oracle.held.length);
          if ('clock' in step) seen.clocked += before - oracle.held.length;
        }
        expect(rig.anomalies.of(0)).toEqual(oracle.anomalies);
        expect(rig.counters.get(Counter.RELEASED_EARLY)).toBe(oracle.early);
        expect(rig.counters.get(Counter.MISSED)).toBe(oracle.missed);
        expect(rig.counters.get(Counter.FOLDED)).toBe(oracle.folded);
        seen.early += oracle.early;
        seen.missed += oracle.missed;
        seen.folded += oracle.folded;
        seen.anomalies += oracle.anomalies.length;
      }),
      { numRuns: 600 },
    );
    for (const [what, count] of Object.entries(seen)) expect(count, what).toBeGreaterThan(300);
  });

  it('come to the same as sorted ticks if none is later than allowed', () => {
    const rules = { ...smallRules({ allowedLatenessMs: 40 }), reorderTicks: 256 };
    fc.assert(
      fc.property(stepsOf(40), (steps) => {
        const rig = rigOf(rules);
        const ticks = steps.filter((step): step is Arrival => 'price' in step);
        for (const tick of ticks) take(rig, tick);
        rig.advanceClock(1e9);
        const sorted = ticks.toSorted((a, b) => a.time - b.time);
        expect(rig.anomalies.of(0)).toEqual(expectedSymbol(sorted, rules).anomalies);
        expect(rig.counters.get(Counter.HELD)).toBe(0);
        expect(rig.counters.get(Counter.MISSED)).toBe(0);
      }),
    );
  });

  it('wait in detection alone: statistics are at once what they always are', () => {
    fc.assert(
      fc.property(RULES, stepsOf(80), (rules, steps) => {
        const rig = rigOf(rules);
        const plain = new PartitionRig(
          createSmallMemory({ symbols: 1, movingAverageWindow: 4 }),
          smallRules(),
        );
        for (const step of steps) {
          take(rig, step);
          take(plain, step);
          expect(rig.statistics(0)).toEqual(plain.statistics(0));
          expect(rig.counters.get(Counter.LATE)).toBe(plain.counters.get(Counter.LATE));
        }
      }),
    );
  });

  it('wait in a buffer for each symbol', () => {
    fc.assert(
      fc.property(
        RULES,
        fc.array(stepsOf(60), { minLength: SYMBOLS, maxLength: SYMBOLS }),
        (rules, all) => {
          const rig = rigOf(rules);
          const oracles = all.map(() => new EventTimeOracle(rules));
          const order = all.flatMap((steps, symbolId) =>
            steps.map((step, at) => ({ step, at, symbolId })),
          );
          for (const { step, symbolId } of order.sort((a, b) => a.at - b.at)) {
            take(rig, step, symbolId);
            for (const [i, oracle] of oracles.entries()) {
              if ('clock' in step || i === symbolId) tell(oracle, step);
            }
          }
          for (const [i, { anomalies }] of oracles.entries()) {
            expect(rig.anomalies.of(i)).toEqual(anomalies);
          }
        },
      ),
    );
  });

  it('are judged at once when the clock that let their times through is set right', () => {
    const wait = { allowedLatenessMs: 50, reorderTicks: 8 };
    const rules = { ...smallRules({ maxFutureMs: 20 }), ...wait };
    let replaced = 0;
    const step = fc.record({
      clock: fc.integer({ min: 1000, max: 1300 }),
      behind: fc.integer({ min: -20, max: 100 }),
      price: fc.integer({ min: 95, max: 105 }),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 2, maxLength: 60 }), (steps) => {
        const rig = rigOf(rules);
        const oracle = new EventTimeOracle({ ...rules, lateTicks: 'ignore' });
        for (const { clock, behind, price } of steps) {
          const arrival = { price, time: clock - behind, arrivedAt: clock };
          take(rig, arrival);
          tell(oracle, arrival);
          expect(rig.counters.get(Counter.HELD)).toBe(oracle.held.length);
        }
        expect(rig.anomalies.of(0)).toEqual(oracle.anomalies);
        replaced += rig.counters.get(Counter.TIMES_REPLACED);
      }),
    );
    expect(replaced).toBeGreaterThan(100);
  });

  it('are lost with the window of the tick that a worker died of, no others', () => {
    const rules = { ...smallRules({ allowedLatenessMs: 50 }), reorderTicks: 8 };
    const rig = rigOf(rules);
    for (const symbolId of [0, 1]) {
      take(rig, { price: 100, time: 1000, arrivedAt: 1000 }, symbolId);
      take(rig, { price: 110, time: 1010, arrivedAt: 1010 }, symbolId);
    }
    rig.repair(0);
    expect(rig.counters.get(Counter.HELD)).toBe(2);
    rig.advanceClock(2000);
    expect(rig.anomalies.of(0)).toEqual([]);
    expect(rig.anomalies.of(1)).toHaveLength(1);
  });
});
