import { Packr, Unpackr } from 'msgpackr';
import { ErrorCode, ProtocolError } from './errors.ts';
import { validateMessagePack } from './message-pack-check.ts';
import { SUBPROTOCOL_BINARY, SUBPROTOCOL_JSON } from './ops.ts';

/** The encoding of a session's frames: MessagePack in binary messages, or JSON in text messages. */
export type Encoding = 'binary' | 'json';

/** One frame: the op and its operands. */
export type Frame = readonly [op: number, ...rest: unknown[]];

/**
 * Maximum nesting of a frame: that of the deepest frame (frame, list or options, tuple or `since`)
 * and one to spare.
 */
export const FRAME_DEPTH_MAX = 4;

// Marked as pure, so that bundlers drop msgpackr from programs that do not use it. Plain
// MessagePack for any decoder: no records, shortest map headers, no extension types.

// Plain MessagePack for any decoder: no records, shortest map headers, no extension types.
const packr = /* @__PURE__ */ new Packr({ useRecords: false, variableMapSize: true });

// Maps become Map objects, in which "__proto__" is a key like any other.
const unpackr = /* @__PURE__ */ new Unpackr({
  useRecords: false,
  mapsAsObjects: false,
  int64AsType: 'number',
});

/** The encoding of a subprotocol; undefined for an unknown one. */
export function encodingOf(subprotocol: string): Encoding | undefined {
  if (subprotocol === SUBPROTOCOL_BINARY) return 'binary';
  return subprotocol === SUBPROTOCOL_JSON ? 'json' : undefined;
}

/** A frame as one WebSocket message: bytes go out as a binary message, text as a text message. */
export function encodeFrame(frame: Frame, encoding: Encoding): Uint8Array | string {
  return encoding === 'json' ? JSON.stringify(frame) : packr.pack(frame);
}

function badFrame(reason: string): ProtocolError {
  return new ProtocolError(ErrorCode.bad_frame, reason);
}

/**
 * Decodes a WebSocket message: an array that starts with an op. MessagePack maps become `Map`, JSON
 * objects become objects (see {@link entriesOf}).
 *
 * @throws ProtocolError `bad_frame` for anything else; the message says what is wrong and where,
 *   without quoting content
 */
export function decodeFrame(message: Uint8Array | string): Frame {
  const value = typeof message === 'string' ? parseJson(message) : unpack(message);
  if (!Array.isArray(value)) throw badFrame('a frame is an array [op, ...]');
  if (!Number.isInteger(value[0])) throw badFrame('a frame starts with its op, an integer');
  return value as unknown as Frame;
}

function unpack(bytes: Uint8Array): unknown {
  const fault = validateMessagePack(bytes, FRAME_DEPTH_MAX);
  if (fault !== undefined) throw badFrame(`not MessagePack of this protocol: ${fault}`);
  try {
    return unpackr.unpack(bytes);
  } catch {
    throw badFrame('not MessagePack');
  }
}

function parseJson(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw badFrame('not JSON');
  }
  if (isDeeperThan(value, FRAME_DEPTH_MAX)) {
    throw badFrame(`nested deeper than ${FRAME_DEPTH_MAX} levels`);
  }
  return value;
}

function isDeeperThan(value: unknown, depthMax: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (depthMax === 0) return true;
  return Object.values(value).some((inner) => isDeeperThan(inner, depthMax - 1));
}

/** The entries of a map decoded from either encoding; undefined when `value` is not a map. */
export function entriesOf(value: unknown): [string, unknown][] | undefined {
  if (value instanceof Map) return [...value].map(([key, inner]) => [String(key), inner]);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  if (ArrayBuffer.isView(value)) return undefined;
  return Object.entries(value);
}
