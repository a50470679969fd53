/** A token was rejected. The message says why; it is safe to log and to send to the client. */
export class AccessError extends Error {
  override readonly name = 'AccessError';
}

/**
 * A token cannot be verified now, because keys are unavailable. It may be valid: the client should
 * retry.
 */
export class UncheckedTokenError extends Error {
  override readonly name = 'UncheckedTokenError';
}

/**
 * A key file is unusable. The message names the configuration key, the expected and the actual
 * value, and never contains key material.
 */
export class KeyFileError extends Error {
  override readonly name = 'KeyFileError';
}

/** A token or API key cannot be issued as requested. The message says why. */
export class IssueError extends Error {
  override readonly name = 'IssueError';
}

/** The part of a pino logger that this folder uses. */
export interface AccessLog {
  warn(fields: object, message: string): void;
  info(fields: object, message: string): void;
}
