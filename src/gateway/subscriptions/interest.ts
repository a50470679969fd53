import { ALL_FIELDS } from '../../protocol/index.ts';
import type { RecordKindName } from './subscription-columns.ts';

/*
 * A session's interest in a symbol, as two bytes of a column:
 *
 *   1 … 32   mask of the statistics
 *   64       anomalies
 *   128      always set: a pattern is held, even if it wants nothing. 0: none is held.
 *   256      alerts
 */
const ANOMALIES = 64;
const HELD = 128;
const ALERTS = 256;

/** No pattern covers the symbol. */
export const NOT_HELD = 0;

/** @param fields mask of the wanted statistics; 0: none */
export function interestIn(fields: number, anomalies: boolean, alerts: boolean): number {
  return HELD | fields | (anomalies ? ANOMALIES : 0) | (alerts ? ALERTS : 0);
}

/** Statistics, anomalies and alerts in full: no pattern can add to it. */
export const FULL_INTEREST = interestIn(ALL_FIELDS, true, true);

export function fieldsWanted(interest: number): number {
  return interest & ALL_FIELDS;
}

export function areRecordsWanted(kind: RecordKindName, interest: number): boolean {
  return (interest & (kind === 'anomalies' ? ANOMALIES : ALERTS)) !== 0;
}
