import type { IncomingMessage } from 'node:http';
import type { ReconnectReason } from '../feed-counts.ts';

/** Why a connection ends. */
export interface EndCause {
  readonly reason: ReconnectReason;
  /** For people; holds no secret. */
  readonly detail: string;
  /** No other connection is to be made. */
  readonly isFinal: boolean;
  /** What the venue wants to pass before the next, ms. */
  readonly retryAfterMs: number;
}

/** How a connection ended. */
export interface ConnectionEnd extends EndCause {
  /** How long it was open, ms. */
  readonly lastedMs: number;
}

/** A venue that asks to slow down and does not say for how long. */
const SLOW_DOWN_MS = 5000;

const UNAUTHORIZED = 401;
const FORBIDDEN = 403;
const TEAPOT = 418;
const TOO_MANY = 429;
const LEGAL_REASONS = 451;
const UNAVAILABLE = 503;

/** A failure after which another connection may be made. */
export function failure(reason: ReconnectReason, detail: string): EndCause {
  return { reason, detail, isFinal: false, retryAfterMs: 0 };
}

/**
 * What a status says that came in the place of a WebSocket.
 *
 * @param hasKey whether the feed has a key, which 403 then is about
 * @param slowDownMs the wait after a refusal that names none
 */
export function refusalOf(
  { statusCode: status = 0, headers }: IncomingMessage,
  hasKey: boolean,
  slowDownMs = SLOW_DOWN_MS,
): EndCause {
  const isFinal =
    status === UNAUTHORIZED || status === LEGAL_REASONS || (status === FORBIDDEN && hasKey);
  const asksToWait = status === TOO_MANY || status === TEAPOT;
  const given = status === UNAVAILABLE || asksToWait ? retryAfter(headers['retry-after']) : 0;
  const detail =
    status === LEGAL_REASONS
      ? 'HTTP 451: not available from this place for legal reasons'
      : `HTTP ${status}`;
  return {
    reason: status === UNAVAILABLE || status < 400 ? 'connect' : 'refused',
    detail,
    isFinal,
    retryAfterMs: given || (asksToWait ? slowDownMs : 0),
  };
}

/** Seconds, or a date; ms. */
function retryAfter(header: string | undefined): number {
  if (header === undefined) return 0;
  const seconds = Number(header);
  const ms = Number.isNaN(seconds) ? Date.parse(header) - Date.now() : seconds * 1000;
  return Number.isFinite(ms) ? Math.max(0, ms) : 0;
}
