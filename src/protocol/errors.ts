/**
 * The error codes of `ERROR`, `REJECT`, `SUBSCRIBED` and `UNSUBSCRIBED`, where 0 means no error.
 */
export const ErrorCode = {
  bad_frame: 1,
  unknown_op: 2,
  bad_symbol: 3,
  bad_price: 4,
  bad_time: 5,
  unknown_alias: 6,
  symbol_limit: 7,
  subscription_limit: 8,
  rate_limited: 9,
  unauthorized: 10,
  forbidden: 11,
  backpressure: 12,
  sequence_gap: 13,
  not_available: 14,
  internal: 15,
} as const;
/** The name of an error code, such as `bad_symbol`. */
export type ErrorName = keyof typeof ErrorCode;
/** The number of an error, 1 to 15. */
export type ErrorCode = (typeof ErrorCode)[ErrorName];

const RETRYABLE: ReadonlySet<ErrorCode> = new Set([
  ErrorCode.unknown_alias,
  ErrorCode.rate_limited,
  ErrorCode.backpressure,
  ErrorCode.sequence_gap,
  ErrorCode.not_available,
  ErrorCode.internal,
]);

/** Whether the same request may succeed later, unchanged. */
export function isRetryable(code: ErrorCode): boolean {
  return RETRYABLE.has(code);
}

// By code: they are numbered from 1 without a gap, in their order above.
const NAMES = Object.keys(ErrorCode) as readonly ErrorName[];

/** The name of an error code; undefined for an unknown one. */
export function errorName(code: number): ErrorName | undefined {
  return NAMES[code - 1];
}

/* Those that clients use, apart: bundlers then leave out the table. */
const TAKEN_OVER = 4004;
export const PROTOCOL_ERROR = 4501;

/**
 * WebSocket close codes. The number alone decides what a client does: 4000 to 4499 means come back,
 * 4500 to 4999 means something must change first.
 */
export const CloseCode = {
  GOING_AWAY: 4001,
  UNRESPONSIVE: 4002,
  TAKEN_OVER,
  SEQUENCE_GAP: 4005,
  TOKEN_EXPIRED: 4010,
  UNAUTHORIZED: 4500,
  PROTOCOL_ERROR,
  TOO_MANY_CONNECTIONS: 4503,
  FORBIDDEN: 4507,
} as const;
export type CloseCode = (typeof CloseCode)[keyof typeof CloseCode];

/**
 * Whether a client should reconnect after this close code: everything but 4500 to 4999, and never
 * after a takeover.
 */
export function isReconnectable(closeCode: number): boolean {
  if (closeCode === TAKEN_OVER) return false;
  return closeCode < 4500 || closeCode > 4999;
}

/** A peer's mistake, answered with an `ERROR` frame or a problem document. */
export class ProtocolError extends Error {
  /** The name of the class. */
  override readonly name = 'ProtocolError';
  /** The kind of mistake. */
  readonly code: ErrorCode;
  /** The request at fault, if its id could be read. */
  readonly requestId: number | null;
  /** Whether the same request may succeed later. */
  readonly isRetryable: boolean;

  /**
   * @param message what is wrong, with the value
   * @param mayRetry false where the request cannot succeed later though its code says so
   */
  constructor(
    code: ErrorCode,
    message: string,
    requestId: number | null = null,
    mayRetry = isRetryable(code),
  ) {
    super(message);
    this.code = code;
    this.requestId = requestId;
    this.isRetryable = mayRetry;
  }
}
