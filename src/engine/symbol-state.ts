import { PLACE_DOUBLES } from './memory/place-arena.ts';
import type { DetectionState } from './memory/reorder-memory.ts';
import type { RuleStates } from './rule-states.ts';

/** The moving average of a symbol. */
export interface AverageState {
  /** Prices the ring holds. */
  readonly window: number;
  /** Prices taken so far: the next one goes to place `taken` mod `window`. */
  readonly taken: number;
  /** By place; fewer than `window` until the ring is full. */
  readonly prices: Float64Array;
}

/** The complete state of a symbol: a new engine continues from it exactly like the old one. */
export interface SymbolState {
  readonly symbol: string;
  /** Anomalies detected: the sequence of the newest. */
  readonly anomalies: number;
  /** Ticks applied. If 0, only `anomalies` is meaningful. */
  readonly count: number;
  readonly price: number;
  readonly average: number;
  /** The greatest time applied, ms since the epoch. */
  readonly time: number;
  readonly min: number;
  readonly max: number;
  readonly averaging: AverageState;
  /**
   * Places of the sliding window's deques, oldest first: time (ms since the epoch) and price each.
   */
  readonly minima: Float64Array;
  readonly maxima: Float64Array;
  /** Undefined: no tick waits for earlier ones, the newest tick is the newest judged. */
  readonly detection?: DetectionState | undefined;
  /** Undefined: no rule has seen it. */
  readonly rules?: RuleStates | undefined;
}

/** The last known sequence of a symbol's anomalies, with or without a state. */
export interface AnomalyCount {
  readonly symbol: string;
  readonly anomalies: number;
}

/** The state of a symbol without ticks. */
export function emptyState(symbol: string, anomalies = 0): SymbolState {
  const none = new Float64Array(0);
  const averaging = { window: 1, taken: 0, prices: none };
  const row = { anomalies, count: 0, price: 0, average: 0, time: 0, min: 0, max: 0 };
  return { symbol, ...row, averaging, minima: none, maxima: none };
}

/** Why the state is impossible; undefined if it is valid. */
export function validateState(state: SymbolState): string | undefined {
  const { anomalies, count, averaging, minima, maxima } = state;
  if (!isCount(anomalies)) return `${anomalies} anomalies`;
  if (!isCount(count)) return `${count} ticks`;
  const { window, taken, prices } = averaging;
  if (count === 0) return taken + prices.length > 0 ? 'prices, but no tick' : undefined;
  if (!isCount(taken) || taken > count) return `${taken} prices averaged after ${count} ticks`;
  if (prices.length === 0 || prices.length !== Math.min(taken, window)) {
    return `${prices.length} prices in a ring of ${window} after ${taken}`;
  }
  const fault = validateRow(state);
  if (fault !== undefined) return fault;
  const invalid = prices.find((price) => !isPrice(price));
  if (invalid !== undefined) return `averages a price of ${invalid}`;
  return (
    validatePlaces('minima', minima, 1) ??
    validatePlaces('maxima', maxima, -1) ??
    validateDetection(state)
  );
}

function validateDetection({ detection, minima, maxima }: SymbolState): string | undefined {
  if (detection === undefined) return undefined;
  const { newest, arrivedAt, held } = detection;
  if (!Number.isFinite(arrivedAt)) return `its last tick arrived at ${arrivedAt}`;
  if (newest !== undefined && !(isTime(newest.time) && isPrice(newest.price))) {
    return `judged ${newest.price} at time ${newest.time}`;
  }
  const judged = newest?.time ?? Number.NEGATIVE_INFINITY;
  for (const places of [minima, maxima]) {
    const time = places.at(-PLACE_DOUBLES);
    if (time !== undefined && time > judged) return `judged a tick of ${time} after its newest`;
  }
  for (let i = 0; i < held.length; i += PLACE_DOUBLES) {
    const time = held[i] as number;
    const price = held[i + 1] as number;
    const isInOrder = i === 0 || time >= (held[i - PLACE_DOUBLES] as number);
    if (!isTime(time) || !isPrice(price) || !isInOrder) return `holds ${price} at time ${time}`;
  }
  return undefined;
}

/** The average is not checked: it follows from the prices. */
function validateRow(state: SymbolState): string | undefined {
  for (const field of ['price', 'min', 'max'] as const) {
    if (!isPrice(state[field])) return `${field} is ${state[field]}, not a finite number above 0`;
  }
  if (!isTime(state.time)) return `time is ${state.time}, not a finite number at or above 0`;
  return undefined;
}

/** @param sign 1 if prices rise from place to place, -1 if they fall */
function validatePlaces(
  name: 'minima' | 'maxima',
  places: Float64Array,
  sign: 1 | -1,
): string | undefined {
  for (let i = 0; i < places.length; i += PLACE_DOUBLES) {
    const time = places[i] as number;
    const price = places[i + 1] as number;
    if (!isTime(time) || !isPrice(price)) return `${name} hold ${price} at time ${time}`;
    if (i === 0) continue;
    const isInOrder =
      time >= (places[i - PLACE_DOUBLES] as number) &&
      sign * price > sign * (places[i - 1] as number);
    if (!isInOrder) return `${name} are out of order at time ${time}`;
  }
  return undefined;
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function isPrice(value: number): boolean {
  return Number.isFinite(value) && value > 0;
}

function isTime(value: number): boolean {
  return Number.isFinite(value) && value >= 0;
}
