import { expectThat } from '../core/violation.ts';
import type { ExpectedAnomaly } from './symbol-model.ts';

/** Checks an anomaly's direction, reference, price, change and time. */
export function checkAnomaly(
  symbol: string,
  sequence: number,
  values: readonly number[],
  expected: ExpectedAnomaly | undefined,
): void {
  const [direction, reference, price, changePercent, time] = values;
  expectThat(
    expected !== undefined &&
      expected.direction === direction &&
      expected.reference === reference &&
      expected.price === price &&
      expected.changePercent === changePercent &&
      expected.time === time,
    'anomalies are those that the ticks raise',
    () => `${symbol} ${sequence}: ${JSON.stringify(values)}, expected ${JSON.stringify(expected)}`,
  );
}
