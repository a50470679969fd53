import { ALL_FIELDS } from '../../protocol/index.ts';

/*
 * What a session wants of a symbol, in one byte, so that it fits a column:
 *
 *   1 … 32   mask of the statistics
 *   64       anomalies
 *   128      always set: a pattern is held, though it may want nothing. 0: there is none.
 */
const ANOMALIES = 64;
const HELD = 128;

/** No pattern is held. */
export const NOT_HELD = 0;

/** @param fields mask of the statistics wanted; 0 for none */
export function interestIn(fields: number, anomalies: boolean): number {
  return HELD | fields | (anomalies ? ANOMALIES : 0);
}

/** No further pattern can add to it. */
export const FULL_INTEREST = interestIn(ALL_FIELDS, true);

export function fieldsWanted(interest: number): number {
  return interest & ALL_FIELDS;
}

export function areAnomaliesWanted(interest: number): boolean {
  return (interest & ANOMALIES) !== 0;
}
