import type { AlertHistoryTuple } from './alert.ts';
import type { HistoryTuple } from './anomaly.ts';
import { entriesOf, type Frame } from './codec.ts';
import type { ErrorCode, ProtocolError } from './errors.ts';
import { Op } from './ops.ts';

/** The overflow policies. */
export const OVERFLOW_POLICIES = ['dropOldest', 'dropNewest', 'wait'] as const;
/** What a full queue does with further ticks. */
export type OverflowPolicy = (typeof OVERFLOW_POLICIES)[number];

/** The limits of a server. */
export interface Limits {
  /** Bytes of one frame. */
  readonly frameBytesMax: number;
  /** Ticks in one `TICKS` frame. */
  readonly ticksPerFrameMax: number;
  /** Symbols in the server. */
  readonly symbolsMax: number;
  /** Patterns of a session. */
  readonly subscriptionsMax: number;
  /** Those of them with a `*`; undefined from earlier servers. */
  readonly wildcardsMax?: number;
  /** Time to authenticate, if required, ms. */
  readonly authTimeoutMs: number;
}

/** The contents of `WELCOME` for every session. */
export interface WelcomeInfo {
  /** The protocol's version. */
  readonly version: number;
  /** Identifies a lifetime of symbol ids and state: when it changes, discard all ids and state. */
  readonly epoch: string;
  /** Names the session in the server's log. */
  readonly session: string;
  /** The server's clock, ms since the Unix epoch. */
  readonly serverTime: number;
  /** Longest silence of the server, ms. */
  readonly heartbeatMs: number;
  /** The limits of the server. */
  readonly limits: Limits;
}

/** The contents of `WELCOME` for a publisher. */
export interface PublishWelcomeInfo extends WelcomeInfo {
  /** The publisher's name, with which it resumes. */
  readonly publisher: string;
  /** The last sequence accepted from this publisher, 0 if none: resend what follows it. */
  readonly sequence: number;
  /** Ticks that may be sent before the first `ACK`. */
  readonly credit: number;
  /** The policy of full queues. */
  readonly overflow: OverflowPolicy;
}

export function welcomeFrame(info: WelcomeInfo | PublishWelcomeInfo): Frame {
  return [Op.WELCOME, info];
}

/** `ERROR`: answers the error's `requestId` unless that is null. */
export function errorFrame(error: ProtocolError, retryAfterMs: number | null = null): Frame {
  const { requestId, code, message } = error;
  return [Op.ERROR, requestId, code, message, error.isRetryable, retryAfterMs];
}

/**
 * `ACK`: cumulative; the counts are ticks since the connection began, `credit` ticks beyond this
 * sequence.
 */
export function ackFrame(
  sequence: number,
  accepted: number,
  rejected: number,
  dropped: number,
  credit: number,
): Frame {
  return [Op.ACK, sequence, accepted, rejected, dropped, credit];
}

/**
 * `REJECT`: the rejected ticks of a frame; index and error code, alternating.
 *
 * @param detail for people, where a code does not say enough: which limit a new symbol met
 */
export function rejectFrame(sequence: number, faults: readonly number[], detail?: string): Frame {
  const frame = [Op.REJECT, sequence, faults] as const;
  return detail === undefined ? frame : [...frame, detail];
}

export function subscribedFrame(
  requestId: number,
  codes: readonly (ErrorCode | 0)[],
  effective: { readonly conflateMs: number; readonly fields: number },
): Frame {
  return [Op.SUBSCRIBED, requestId, codes, effective];
}

export function unsubscribedFrame(requestId: number, codes: readonly (ErrorCode | 0)[]): Frame {
  return [Op.UNSUBSCRIBED, requestId, codes];
}

/** `SYMBOLS`: ids and their symbols, alternating. */
export function symbolsFrame(idsAndNames: readonly (number | string)[]): Frame {
  return [Op.SYMBOLS, idsAndNames];
}

/**
 * `RETIRED`: the symbols of these ids are gone; the ids mean nothing any more. For streams of
 * events, names instead of ids.
 */
export function retiredFrame(symbolIds: readonly (number | string)[]): Frame {
  return [Op.RETIRED, symbolIds];
}

/** `HEARTBEAT`: `framesSent` counts the frames before it on this connection. */
export function heartbeatFrame(serverTime: number, framesSent: number): Frame {
  return [Op.HEARTBEAT, serverTime, framesSent];
}

export function pongFrame(clientTime: number, serverTime: number): Frame {
  return [Op.PONG, clientTime, serverTime];
}

export function digestFrame(requestId: number, digest: number, symbolCount: number): Frame {
  return [Op.DIGEST, requestId, digest, symbolCount];
}

export function historyPageFrame(
  requestId: number,
  symbol: string,
  anomalies: readonly HistoryTuple[],
  more: boolean,
): Frame {
  return [Op.HISTORY_PAGE, requestId, symbol, anomalies, more];
}

/** `RULES`: ids, and the names and kinds of their rules, in turn. */
export function rulesFrame(rules: readonly (number | string)[]): Frame {
  return [Op.RULES, rules];
}

export function alertPageFrame(
  requestId: number,
  symbol: string,
  alerts: readonly AlertHistoryTuple[],
  more: boolean,
): Frame {
  return [Op.ALERT_PAGE, requestId, symbol, alerts, more];
}

/**
 * `GOAWAY`: a planned close within `deadlineMs`; reconnect after a random time within `jitterMs`.
 */
export function goawayFrame(reason: string, deadlineMs: number, jitterMs: number): Frame {
  return [Op.GOAWAY, reason, deadlineMs, jitterMs];
}

/** The contents of a decoded `WELCOME`, unchecked: it comes from a server. */
export function readWelcome(frame: Frame): WelcomeInfo & Partial<PublishWelcomeInfo> {
  const info = Object.fromEntries(entriesOf(frame[1]) ?? []);
  info.limits = Object.fromEntries(entriesOf(info.limits) ?? []);
  return info as unknown as WelcomeInfo & Partial<PublishWelcomeInfo>;
}
