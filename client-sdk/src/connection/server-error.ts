import { type ErrorCode, type Frame, ProtocolError } from '../../../src/protocol/index.ts';

/** An error that the server sent. */
export class ServerError extends ProtocolError {
  /** Whether the same request may succeed later without a change to it. */
  readonly retryable: boolean;
  /** When to try again, ms from now; undefined where the server does not say. */
  readonly retryAfterMs: number | undefined;

  /** From an `ERROR` frame. */
  constructor([, requestId, code, message, retryable, retryAfterMs]: Frame) {
    const id = typeof requestId === 'number' ? requestId : null;
    super(code as ErrorCode, String(message), id);
    this.retryable = retryable === true;
    this.retryAfterMs = typeof retryAfterMs === 'number' ? retryAfterMs : undefined;
  }
}
