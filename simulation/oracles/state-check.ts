import { expectThat } from '../core/violation.ts';
import type { SymbolModel } from './symbol-model.ts';

/** Where the running sum may be off by its last bits, relatively. */
const AVERAGE_ERROR_MAX = 1e-12;

/** The statistics of a symbol but for its update count. */
export interface StateValues {
  readonly price: number;
  readonly average: number;
  readonly time: number;
  readonly min: number;
  readonly max: number;
}

/** Whether an average is the right one, as far as doubles allow. */
export function isAverage(average: number, expected: number): boolean {
  return Math.abs(average / expected - 1) <= AVERAGE_ERROR_MAX;
}

/** Checks that values are those after `count` updates. */
export function checkState(
  symbol: string,
  model: SymbolModel,
  count: number,
  values: StateValues,
): void {
  const state = model.states[count - 1];
  const isRight =
    state !== undefined &&
    state.price === values.price &&
    state.time === values.time &&
    state.min === values.min &&
    state.max === values.max &&
    isAverage(values.average, state.average);
  expectThat(
    isRight,
    'every state is one that the symbol had',
    () =>
      `${symbol} after ${count} updates: ${JSON.stringify(values)}, not ${JSON.stringify(state)}`,
  );
}
