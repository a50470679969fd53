import { entriesOf, type Frame } from './codec.ts';
import { ErrorCode, ProtocolError } from './errors.ts';
import { Op } from './ops.ts';
import { ALL_FIELDS } from './stats-entry.ts';
import { ALIAS_MAX } from './tick-batch.ts';

/** The options of `SUBSCRIBE`; absent ones have their defaults. */
export interface SubscribeOptions {
  readonly stats?: boolean;
  readonly anomalies?: boolean;
  /** Minimum time between two STATS frames of the session, ms. */
  readonly conflateMs?: number;
  /** Mask of the statistics wanted, 1 to 63. */
  readonly fields?: number;
  /** Symbol → last anomaly sequence seen. */
  readonly since?: ReadonlyMap<string, number>;
  readonly alerts?: boolean;
  /** Symbol → last alert sequence seen. */
  readonly alertsSince?: ReadonlyMap<string, number>;
}

/** A subscriber's frame, parsed and validated. */
export type StreamRequest =
  | { readonly op: typeof Op.AUTH; readonly token: string }
  | {
      readonly op: typeof Op.SUBSCRIBE;
      readonly requestId: number;
      readonly patterns: readonly string[];
      readonly options: SubscribeOptions;
    }
  | {
      readonly op: typeof Op.UNSUBSCRIBE;
      readonly requestId: number;
      readonly patterns: readonly string[];
    }
  | { readonly op: typeof Op.PING; readonly clientTime: number }
  | { readonly op: typeof Op.VERIFY; readonly requestId: number }
  | {
      readonly op: typeof Op.HISTORY | typeof Op.ALERT_HISTORY;
      readonly requestId: number;
      readonly symbol: string;
      readonly afterSequence: number;
      readonly limit: number;
    };

/** A publisher's frame other than `TICKS`, parsed and validated. */
export type PublishRequest =
  | { readonly op: typeof Op.AUTH; readonly token: string }
  | {
      readonly op: typeof Op.ALIAS;
      readonly firstAlias: number;
      readonly symbols: readonly unknown[];
    }
  | { readonly op: typeof Op.PING; readonly clientTime: number };

/**
 * Reads a decoded frame on `/v1/stream`.
 *
 * @throws ProtocolError `bad_frame` (naming the element, the expected and the actual value) or
 *   `unknown_op`
 */
export function readStreamRequest(frame: Frame): StreamRequest {
  switch (frame[0]) {
    case Op.AUTH:
      return { op: Op.AUTH, token: text(frame, 1, 'token', null) };
    case Op.PING:
      return { op: Op.PING, clientTime: finite(frame, 1, 'clientTime', null) };
    case Op.SUBSCRIBE:
      return readSubscribe(frame);
    case Op.UNSUBSCRIBE: {
      const requestId = readRequestId(frame);
      return { op: Op.UNSUBSCRIBE, requestId, patterns: readPatterns(frame, requestId) };
    }
    case Op.VERIFY:
      return { op: Op.VERIFY, requestId: readRequestId(frame) };
    case Op.HISTORY:
    case Op.ALERT_HISTORY:
      return readHistory(frame, frame[0]);
    default:
      throw unknownOp(frame, '/v1/stream');
  }
}

/**
 * Reads a decoded frame on `/v1/publish` other than `TICKS`.
 *
 * @throws ProtocolError `bad_frame` or `unknown_op`
 */
export function readPublishRequest(frame: Frame): PublishRequest {
  switch (frame[0]) {
    case Op.AUTH:
      return { op: Op.AUTH, token: text(frame, 1, 'token', null) };
    case Op.PING:
      return { op: Op.PING, clientTime: finite(frame, 1, 'clientTime', null) };
    case Op.ALIAS: {
      const firstAlias = integer(frame, 1, 'firstAlias', null, 0, ALIAS_MAX);
      const symbols = frame[2];
      if (!Array.isArray(symbols)) throw wrong('symbols', 'an array', symbols, null);
      const countMax = ALIAS_MAX + 1 - firstAlias;
      if (symbols.length > countMax) {
        throw wrong('symbols', `at most ${countMax} from this alias on`, symbols, null);
      }
      return { op: Op.ALIAS, firstAlias, symbols };
    }
    default:
      throw unknownOp(frame, '/v1/publish');
  }
}

function readSubscribe(frame: Frame): StreamRequest {
  const requestId = readRequestId(frame);
  const patterns = readPatterns(frame, requestId);
  return { op: Op.SUBSCRIBE, requestId, patterns, options: readOptions(frame[3], requestId) };
}

function readHistory(frame: Frame, op: typeof Op.HISTORY | typeof Op.ALERT_HISTORY): StreamRequest {
  const requestId = readRequestId(frame);
  return {
    op,
    requestId,
    symbol: text(frame, 2, 'symbol', requestId),
    afterSequence: integer(frame, 3, 'afterSequence', requestId, 0),
    limit: integer(frame, 4, 'limit', requestId, 1),
  };
}

function readRequestId(frame: Frame): number {
  return integer(frame, 1, 'requestId', null, Number.MIN_SAFE_INTEGER);
}

function readPatterns(frame: Frame, requestId: number): readonly string[] {
  const patterns = frame[2];
  if (!Array.isArray(patterns)) throw wrong('patterns', 'an array of strings', patterns, requestId);
  const odd = patterns.findIndex((pattern) => typeof pattern !== 'string');
  if (odd >= 0) throw wrong(`patterns[${odd}]`, 'a string', patterns[odd], requestId);
  return patterns as string[];
}

function readOptions(value: unknown, requestId: number): SubscribeOptions {
  if (value === undefined || value === null) return {};
  const entries = entriesOf(value);
  if (entries === undefined) throw wrong('options', 'a map', value, requestId);
  const options: { -readonly [key in keyof SubscribeOptions]: SubscribeOptions[key] } = {};
  for (const [key, inner] of entries) {
    if (inner === null) continue;
    if (key === 'stats' || key === 'anomalies' || key === 'alerts') {
      if (typeof inner !== 'boolean') throw wrong(`options.${key}`, 'a boolean', inner, requestId);
      options[key] = inner;
    } else if (key === 'conflateMs') {
      if (typeof inner !== 'number' || !Number.isFinite(inner) || inner < 0) {
        throw wrong('options.conflateMs', 'a number of ms at or above 0', inner, requestId);
      }
      options.conflateMs = inner;
    } else if (key === 'fields') {
      if (!isIntegerIn(inner, 1, ALL_FIELDS)) {
        throw wrong('options.fields', `an integer from 1 to ${ALL_FIELDS}`, inner, requestId);
      }
      options.fields = inner;
    } else if (key === 'since' || key === 'alertsSince') {
      options[key] = readSince(key, inner, requestId);
    }
  }
  return options;
}

function readSince(
  key: 'since' | 'alertsSince',
  value: unknown,
  requestId: number,
): ReadonlyMap<string, number> {
  const entries = entriesOf(value);
  if (entries === undefined) throw wrong(`options.${key}`, 'a map', value, requestId);
  const since = new Map<string, number>();
  for (const [symbol, sequence] of entries) {
    if (!isIntegerIn(sequence, 0, Number.MAX_SAFE_INTEGER)) {
      throw wrong(`options.${key} values`, 'integers from 0', sequence, requestId);
    }
    since.set(symbol, sequence);
  }
  return since;
}

function text(frame: Frame, index: number, name: string, requestId: number | null): string {
  const value = frame[index];
  if (typeof value !== 'string') throw wrong(name, 'a string', value, requestId);
  return value;
}

function finite(frame: Frame, index: number, name: string, requestId: number | null): number {
  const value = frame[index];
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw wrong(name, 'a finite number', value, requestId);
}

function integer(
  frame: Frame,
  index: number,
  name: string,
  requestId: number | null,
  min: number,
  max: number = Number.MAX_SAFE_INTEGER,
): number {
  const value = frame[index];
  if (isIntegerIn(value, min, max)) return value;
  throw wrong(name, `an integer from ${min} to ${max}`, value, requestId);
}

function isIntegerIn(value: unknown, min: number, max: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max;
}

/** Describes a value by its type, a number by itself: no long content is sent back to the peer. */
function describe(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'nil';
  if (typeof value === 'number') return String(value);
  if (Array.isArray(value)) return 'an array';
  if (ArrayBuffer.isView(value)) return 'binary';
  return typeof value === 'object' ? 'a map' : `a ${typeof value}`;
}

function wrong(
  name: string,
  expected: string,
  came: unknown,
  requestId: number | null,
): ProtocolError {
  const message = `${name}: expected ${expected}, got ${describe(came)}`;
  return new ProtocolError(ErrorCode.bad_frame, message, requestId);
}

function unknownOp(frame: Frame, endpoint: string): ProtocolError {
  const requestId = Number.isSafeInteger(frame[1]) ? (frame[1] as number) : null;
  return new ProtocolError(
    ErrorCode.unknown_op,
    `op ${frame[0]} is not known on ${endpoint}`,
    requestId,
  );
}
