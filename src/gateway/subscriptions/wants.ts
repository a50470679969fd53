import { ALL_FIELDS } from '../../protocol/index.ts';

/*
 * What a session wants of a symbol, in one byte, so that it stands in a column:
 *
 *   1 … 32   mask of the statistics
 *   64       anomalies
 *   128      always set: a pattern is held, though it may want nothing. 0: there is none.
 */
const ANOMALIES = 64;
const HELD = 128;

/** Nothing is held. */
export const NOT_HELD = 0;

/** @param fields mask of the statistics wanted; 0 for none */
export function wantsOf(fields: number, anomalies: boolean): number {
  return HELD | fields | (anomalies ? ANOMALIES : 0);
}

/** Everything there is to want: no further pattern can add to it. */
export const WANTS_ALL = wantsOf(ALL_FIELDS, true);

export function fieldsWanted(wants: number): number {
  return wants & ALL_FIELDS;
}

export function areAnomaliesWanted(wants: number): boolean {
  return (wants & ANOMALIES) !== 0;
}
