import {
  CloseCode,
  ErrorCode,
  type ErrorName,
  isReconnectable,
  isRetryable,
} from '../../protocol/index.ts';

/** The cause of each error. */
const ERROR_REASONS: Readonly<Record<ErrorName, string>> = {
  bad_frame: 'not MessagePack or JSON, not an array, wrong shape for its op',
  unknown_op: 'op not known to this endpoint',
  bad_symbol: 'breaks the rules for symbols',
  bad_price: 'not a finite number above zero',
  bad_time: 'not a finite number, below zero, or too far in the future or past',
  unknown_alias: 'alias not declared on this connection',
  symbol_limit: "the server's limit of symbols is reached",
  subscription_limit: "the session's limit of patterns is reached",
  rate_limited: "over the session's rate; see `retryAfterMs`",
  unauthorized: 'no token, or an invalid one',
  forbidden: 'the token does not allow this symbol or action',
  backpressure: 'beyond credit under `wait`; see `retryAfterMs`',
  sequence_gap: 'a publisher skipped a sequence',
  not_available: 'the part that answers is down or not configured',
  internal: 'an error in the server',
};

interface Closing {
  readonly meaning: string;
  /** What a client should do. */
  readonly client: string;
}

/** The meaning of each close code. */
const CLOSINGS: Readonly<Record<keyof typeof CloseCode, Closing>> = {
  GOING_AWAY: {
    meaning: 'the server is going away',
    client: 'reconnect within the announced jitter',
  },
  UNRESPONSIVE: {
    meaning: 'no answer to pings, or no bytes read for too long',
    client: 'reconnect',
  },
  TAKEN_OVER: {
    meaning: 'another connection took over this publisher name',
    client: 'stop and report',
  },
  SEQUENCE_GAP: { meaning: 'a sequence was skipped', client: 'reconnect and resume' },
  TOKEN_EXPIRED: { meaning: 'the token expired', client: 'get a new token, reconnect' },
  UNAUTHORIZED: { meaning: 'token missing or invalid', client: 'stop' },
  PROTOCOL_ERROR: { meaning: 'too many unreadable frames', client: 'stop' },
  TOO_MANY_CONNECTIONS: { meaning: 'too many connections', client: 'stop, or retry much later' },
  FORBIDDEN: { meaning: 'forbidden', client: 'stop' },
};

/** An error code as the document lists it. */
export interface ErrorRow {
  readonly code: number;
  readonly name: string;
  readonly retryable: boolean;
  readonly when: string;
}

/** A close code as the document lists it. */
export interface CloseRow extends Closing {
  readonly code: number;
  readonly name: string;
  readonly reconnect: boolean;
}

/** Every error code of the protocol. */
export function listErrors(): readonly ErrorRow[] {
  return Object.entries(ErrorCode).map(([name, code]) => ({
    code,
    name,
    retryable: isRetryable(code),
    when: ERROR_REASONS[name as ErrorName],
  }));
}

/** Every close code of the protocol. */
export function listClosings(): readonly CloseRow[] {
  return Object.entries(CloseCode).map(([name, code]) => ({
    code,
    name,
    reconnect: isReconnectable(code),
    ...CLOSINGS[name as keyof typeof CloseCode],
  }));
}

/** A table in Markdown, for a description. */
function markdownTable(
  header: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): string {
  const lines = [header, header.map(() => '---'), ...rows];
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** The error codes as a table in Markdown. */
export function errorTable(): string {
  const rows = listErrors().map(({ code, name, retryable, when }) => [
    code,
    `\`${name}\``,
    retryable ? 'yes' : 'no',
    when,
  ]);
  return markdownTable(['code', 'name', 'retryable', 'when'], rows);
}

/** The close codes as a table in Markdown. */
export function closeTable(): string {
  const rows = listClosings().map(({ code, name, meaning, client }) => [
    code,
    `\`${name}\``,
    meaning,
    client,
  ]);
  return markdownTable(['close code', 'name', 'meaning', 'client'], rows);
}
