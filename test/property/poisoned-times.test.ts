import { expect, it } from 'vitest';
import { Counter } from '../../src/engine/memory/counters.ts';
import { fc } from '../../testkit/fast-check.ts';
import { SymbolOracle } from '../../testkit/independent/statistics.ts';
import {
  createSmallMemory,
  isSameStatistics,
  PartitionRig,
  smallRules,
} from '../support/partition-rig.ts';

const RULES = smallRules({ maxFutureMs: 20 });

it('a newest time that no clock shows gives way to the next tick, whatever the clock did', () => {
  const steps = fc.array(
    fc.record({
      clock: fc.integer({ min: 1000, max: 1200 }),
      time: fc.integer({ min: 900, max: 1200 }),
      price: fc.integer({ min: 95, max: 105 }),
    }),
    { minLength: 2, maxLength: 60 },
  );
  let replaced = 0;
  fc.assert(
    fc.property(steps, (ticks) => {
      const memory = createSmallMemory({ symbols: 1, movingAverageWindow: 4 });
      const rig = new PartitionRig(memory, RULES);
      const oracle = new SymbolOracle(RULES);
      for (const { clock, time, price } of ticks) {
        rig.receivedAt = clock - 20;
        rig.apply(0, { price, time });
        oracle.apply(price, time, clock);
        const own = rig.statistics(0);
        if (!isSameStatistics(own, oracle.statistics)) expect(own).toEqual(oracle.statistics);
      }
      expect(rig.anomalies.of(0)).toEqual(oracle.anomalies);
      expect(rig.counters.get(Counter.LATE)).toBe(oracle.late);
      replaced += rig.counters.get(Counter.TIMES_REPLACED);
    }),
  );
  expect(replaced).toBeGreaterThan(100);
});
