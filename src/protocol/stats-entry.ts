import type { NumberWriter } from './byte-writer.ts';

/*
 * An entry of a STATS frame: [symbolId, mask, one value for each set bit, lowest first].
 *
 *   bit      1       2        4       8      16     32     64
 *   field    price   average  count   time   min    max    full
 *
 * In a delta entry count and time are increases, the rest are new values. The order of the bits is
 * also the order in which values stand in memory (VALUES doubles from a base index), so bit i is
 * value i.
 */

/**
 * The statistics of one symbol. Prices are positive; `time` is ms since the epoch; `count` is ticks
 * applied.
 */
export interface SymbolValues {
  price: number;
  average: number;
  count: number;
  time: number;
  min: number;
  max: number;
}

/** The fields of an entry, as bits. */
export const Field = { PRICE: 1, AVERAGE: 2, COUNT: 4, TIME: 8, MIN: 16, MAX: 32 } as const;

/** Every field: the default of a session. */
export const ALL_FIELDS = 63;
/** The mask bit of an entry that replaces everything known of its symbol. */
export const FULL = 64;
/** Doubles that hold one symbol's values, in the order of their bits. */
export const VALUES = 6;

const COUNT_INDEX = 2;
const TIME_INDEX = 3;
/** The increase being written. */
const increase = /* @__PURE__ */ new Float64Array(1);

/**
 * The mask of the entry that leads from the values at `from` to those at `to`: the wanted fields
 * that differ; 0 if there is nothing to send; with {@link FULL} if an increase of time would not
 * give the new time exactly.
 */
export function deltaMask(
  values: Float64Array,
  from: number,
  to: number,
  fields: number = ALL_FIELDS,
): number {
  let mask = 0;
  for (let i = 0; i < VALUES; i++) {
    if (values[from + i] !== values[to + i]) mask |= 1 << i;
  }
  mask &= fields;
  if ((mask & Field.TIME) === 0) return mask;
  const oldTime = values[from + TIME_INDEX] as number;
  const newTime = values[to + TIME_INDEX] as number;
  return oldTime + (newTime - oldTime) === newTime ? mask : fields | FULL;
}

/**
 * Writes an entry as numbers. Reads `from` only for the increases of a delta. Returns the number of
 * values written.
 */
export function writeEntry(
  writer: NumberWriter,
  symbolId: number,
  mask: number,
  values: Float64Array,
  from: number,
  to: number,
): number {
  writer.number(symbolId);
  writer.number(mask);
  const isFull = (mask & FULL) !== 0;
  let written = 2;
  for (let i = 0; i < VALUES; i++) {
    if ((mask & (1 << i)) === 0) continue;
    if (!isFull && (i === COUNT_INDEX || i === TIME_INDEX)) {
      increase[0] = (values[to + i] as number) - (values[from + i] as number);
      writer.numberAt(increase, 0);
    } else {
      writer.numberAt(values, to + i);
    }
    written++;
  }
  return written;
}
