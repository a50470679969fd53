import type { Alert } from '../../../client-sdk/src/index.ts';

/** An alert of a rule, of the HTTP API. */
export interface AlertRecord extends Omit<Alert, 'time' | 'startTime'> {
  /** RFC 3339. */
  readonly time: string;
  readonly startTime: string;
}

export type AlertLevel = AlertRecord['level'];

/** An alert from either source: the HTTP API or a subscription. */
export interface AlertEvent extends Omit<AlertRecord, 'direction' | 'time' | 'startTime'> {
  readonly direction: 'up' | 'down' | 'none';
  /** ms since the epoch. */
  readonly time: number;
  readonly startTime: number;
}

/** A subscription has numbers where the HTTP API has text. */
export interface GivenAlert extends Omit<AlertRecord, 'time' | 'startTime'> {
  readonly time: string | number;
  readonly startTime: string | number;
}

const DIRECTIONS = { Up: 'up', Down: 'down', None: 'none' } as const;

/** Converts an alert of either source. */
export function toAlertEvent(alert: GivenAlert): AlertEvent {
  return {
    ...alert,
    direction: DIRECTIONS[alert.direction],
    time: msOf(alert.time),
    startTime: msOf(alert.startTime),
  };
}

function msOf(time: string | number): number {
  return typeof time === 'number' ? time : Date.parse(time);
}
