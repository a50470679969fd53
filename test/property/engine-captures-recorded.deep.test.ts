import { expect, it } from 'vitest';
import { DEFAULT_RULES } from '../../testkit/independent/statistics.ts';
import { recordedTicks, TICKS_VARIABLE } from '../../testkit/ticks.ts';
import { CaptureRig, statesOf } from '../support/capture-rig.ts';

const recorded = recordedTicks();
if (recorded === undefined) {
  process.stderr.write(
    `\n*** NOT TESTED: captures amid recorded ticks. ${TICKS_VARIABLE} names no file. ***\n\n`,
  );
}

it.skipIf(recorded === undefined && !process.env.CI)(
  recorded === undefined
    ? `goes on amid recorded ticks (skipped: ${TICKS_VARIABLE} is not set)`
    : 'goes on amid recorded ticks of real markets',
  async () => {
    const ticks = recorded ?? [];
    const rules = { ...DEFAULT_RULES, anomalyThresholdPercent: 0.05, windowCapacity: 1024 };
    const sizes = { rules, symbols: 4096, growBytes: 1 << 22 };
    const whole = new CaptureRig({ ...sizes, partitions: 1 });
    whole.apply(ticks);
    let rig = new CaptureRig({ ...sizes, partitions: 2 });
    const anomalies = new Map<string, unknown[]>();
    const keep = () => {
      for (const symbol of rig.symbols.names as string[]) {
        const own = rig.anomalies.of(rig.idOf(symbol));
        anomalies.set(symbol, [...(anomalies.get(symbol) ?? []), ...own]);
      }
    };
    const step = Math.ceil(ticks.length / 5);
    for (let from = 0; from < ticks.length; from += step) {
      rig.apply(ticks.slice(from, from + step));
      const captured = rig.capture();
      rig.work();
      keep();
      rig = new CaptureRig({
        ...sizes,
        partitions: 1 + (from % 3),
        restored: statesOf(await captured),
      });
    }
    const symbols = whole.symbols.names as string[];
    expect(rig.symbols.size).toBe(symbols.length);
    for (const symbol of symbols) {
      expect(rig.statistics(symbol)).toEqual(whole.statistics(symbol));
      expect(anomalies.get(symbol)).toEqual(whole.anomalies.of(whole.idOf(symbol)));
    }
    expect([...anomalies.values()].flat().length).toBeGreaterThan(100);
  },
);
