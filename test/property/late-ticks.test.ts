import { describe, expect, it } from 'vitest';
import { Counter } from '../../src/engine/memory/counters.ts';
import type { Rules } from '../../src/engine/rules.ts';
import { fc } from '../../testkit/fast-check.ts';
import { EventTimeOracle } from '../../testkit/independent/event-time.ts';
import { expectedSymbol, type Tick } from '../../testkit/independent/statistics.ts';
import { createSmallMemory, PartitionRig, smallRules } from '../support/partition-rig.ts';

const FOLD = smallRules({ lateTicks: 'fold' });
const NO_BUFFER = { allowedLatenessMs: 0, reorderTicks: 1 };

/** Times around a time that goes on: some ticks are late, by less and by more than the window. */
const TICKS = fc
  .array(
    fc.record({
      step: fc.integer({ min: 0, max: 30 }),
      behind: fc.oneof(
        { weight: 3, arbitrary: fc.constant(0) },
        { weight: 2, arbitrary: fc.integer({ min: 0, max: 130 }) },
      ),
      price: fc.integer({ min: 950, max: 1050 }),
    }),
    { minLength: 1, maxLength: 150 },
  )
  .map((steps): Tick[] => {
    let now = 1000;
    return steps.map(({ step, behind, price }) => {
      now += step;
      return { price: price / 10, time: now - behind };
    });
  });

function detect(ticks: readonly Tick[], rules: Rules, growBytes?: number): PartitionRig {
  const options = growBytes === undefined ? {} : { growBytes };
  const memory = createSmallMemory({ symbols: 1, movingAverageWindow: 4, ...options });
  const rig = new PartitionRig(memory, rules);
  for (const tick of ticks) rig.apply(0, tick);
  return rig;
}

function moveOf(anomaly: { direction: number; reference: number; price: number; time: number }) {
  const { direction, reference, price, time } = anomaly;
  return `${direction} ${reference} ${price} ${time}`;
}

type Moves = ReadonlySet<string>;

/** The tick that moved, and where to. */
function tickOf({ direction, price, time }: { direction: number; price: number; time: number }) {
  return `${direction} ${price} ${time}`;
}

function movesOf(rig: PartitionRig): Moves {
  return new Set(rig.anomalies.of(0).map(tickOf));
}

describe('late ticks that are folded in', () => {
  it('enter the window as by a plain search of it', () => {
    let folded = 0;
    fc.assert(
      fc.property(TICKS, (ticks) => {
        const rig = detect(ticks, FOLD);
        const oracle = new EventTimeOracle({ ...FOLD, ...NO_BUFFER, lateTicks: 'fold' });
        for (const tick of ticks) oracle.apply(tick);
        expect(rig.anomalies.of(0)).toEqual(oracle.anomalies);
        expect(rig.counters.get(Counter.FOLDED)).toBe(oracle.folded);
        folded += oracle.folded;
      }),
      { numRuns: 500 },
    );
    expect(folded).toBeGreaterThan(1000);
  });

  it('leave the statistics as they are, and every move is one between two ticks', () => {
    fc.assert(
      fc.property(TICKS, (ticks) => {
        const rig = detect(ticks, FOLD);
        const { after } = expectedSymbol(ticks, FOLD);
        expect(rig.statistics(0)).toMatchObject({ ...after.at(-1), average: expect.anything() });
        for (const { reference, price, time } of rig.anomalies.of(0)) {
          const isReal = ticks.some(
            (from) => from.price === reference && from.time >= time - 100 && from.time <= time,
          );
          expect(isReal && ticks.some((to) => to.price === price && to.time === time)).toBe(true);
        }
      }),
    );
  });

  it('raise moves that are raised without them, and none that sorted ticks do not', () => {
    let more = 0;
    fc.assert(
      fc.property(TICKS, (ticks) => {
        const sorted = ticks.toSorted((a, b) => a.time - b.time);
        const ignoring = movesOf(detect(ticks, smallRules()));
        const folding = movesOf(detect(ticks, FOLD));
        const all = movesOf(detect(sorted, smallRules()));
        for (const move of ignoring) expect(folding).toContain(move);
        for (const move of folding) expect(all).toContain(move);
        more += folding.size - ignoring.size;
      }),
    );
    expect(more).toBeGreaterThan(0);
  });

  it('shorten the window where it cannot grow, and invent nothing', () => {
    const rules = smallRules({ lateTicks: 'fold', windowCapacity: 4 });
    let truncated = 0;
    fc.assert(
      fc.property(TICKS, (ticks) => {
        const rig = detect(ticks, rules);
        const whole = new EventTimeOracle({ ...rules, ...NO_BUFFER, lateTicks: 'fold' });
        for (const tick of ticks) whole.apply(tick);
        const times = new Set(whole.anomalies.map(({ time }) => time));
        for (const anomaly of rig.anomalies.of(0)) {
          expect(times).toContain(anomaly.time);
          const { reference, price, time } = anomaly;
          const isReal = ticks.some(
            (from) => from.price === reference && from.time >= time - 100 && from.time <= time,
          );
          expect(isReal, moveOf(anomaly)).toBe(true);
          expect(Math.abs(price - reference) / reference).toBeGreaterThan(0.02);
        }
        truncated += rig.counters.get(Counter.TRUNCATED);
        if (rig.counters.get(Counter.TRUNCATED) === 0) {
          expect(rig.anomalies.of(0)).toEqual(whole.anomalies);
        }
      }),
    );
    expect(truncated).toBeGreaterThan(100);
  });

  it('judge a jump that a late tick shows', () => {
    const ticks = [
      { price: 100, time: 1000 },
      { price: 103, time: 1150 },
      { price: 100.5, time: 1049 },
      { price: 100.6, time: 1050 },
    ];
    const anomalies = detect(ticks, FOLD).anomalies.of(0);
    expect(anomalies.map(moveOf)).toEqual(['1 100.6 103 1150']);
    expect(detect(ticks, smallRules()).anomalies.of(0)).toEqual([]);
  });
});

it('without the anomaly rule there are no anomalies, and all else is the same', () => {
  fc.assert(
    fc.property(TICKS, fc.constantFrom('fold' as const, 'ignore' as const), (ticks, lateTicks) => {
      const on = detect(ticks, smallRules({ lateTicks }));
      const off = detect(ticks, smallRules({ lateTicks, anomalyRule: 'off' }));
      expect(off.anomalies.of(0)).toEqual([]);
      expect(off.statistics(0)).toEqual(on.statistics(0));
      for (const counter of [Counter.APPLIED, Counter.LATE, Counter.FOLDED]) {
        expect(off.counters.get(counter)).toBe(on.counters.get(counter));
      }
      expect(off.counters.get(Counter.UP) + off.counters.get(Counter.DOWN)).toBe(0);
    }),
  );
});
