import type { Encoding, Frame } from '../../../src/protocol/index.ts';

/** A client's frame: the op and its operands. */
export type ClientFrame = readonly [op: number, ...rest: FrameValue[]];

/** Encodes a frame as one WebSocket message. */
export function encodeClientFrame(
  frame: ClientFrame,
  encoding: Encoding,
): Uint8Array<ArrayBuffer> | string {
  return encoding === 'json' ? JSON.stringify(frame) : writeMessagePack(frame);
}

/**
 * Decodes a message of the server. MessagePack maps become `Map`, JSON objects stay objects.
 *
 * @throws Error if the message is not a frame
 */
export function decodeServerFrame(message: ArrayBuffer | Uint8Array | string): Frame {
  const value =
    typeof message === 'string' ? JSON.parse(message) : readMessagePack(bytesOf(message));
  if (!Array.isArray(value) || typeof value[0] !== 'number') throw new RangeError('not a frame');
  return value as unknown as Frame;
}

function bytesOf(message: ArrayBuffer | Uint8Array): Uint8Array {
  return message instanceof ArrayBuffer ? new Uint8Array(message) : message;
}

/** Keeps byte order marks: they are characters like any other. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Reads one MessagePack value of the protocol's subset: nil, booleans, numbers, strings, binary,
 * arrays and maps (as `Map`). Every integer becomes a number.
 *
 * @throws RangeError for an extension type, truncated bytes, or bytes after the value
 */
export function readMessagePack(bytes: Uint8Array): unknown {
  const reader = new MessagePackReader(bytes);
  const value = reader.value();
  if (reader.at !== bytes.length) throw new RangeError('bytes follow');
  return value;
}

/** Nesting limit, far above that of any frame. Without it, the stack would be the limit. */
const DEPTH_MAX = 32;

// DataView reads beyond the end throw by themselves; #take checks the others.
class MessagePackReader {
  at = 0;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  value(depth = 0): unknown {
    const type = this.#view.getUint8(this.at++);
    if (type < 0x80) return type;
    if (type >= 0xe0) return type - 0x100;
    if (type >= 0xca && type <= 0xd3) return this.#number(type);
    if (type < 0x90) return this.#map(type & 0x0f, depth);
    if (type < 0xa0) return this.#array(type & 0x0f, depth);
    if (type < 0xc0) return this.#text(type & 0x1f);
    return this.#other(type, depth);
  }

  // 4 and 8 bytes for floats; 1, 2, 4 and 8 for unsigned and signed integers.
  #number(type: number): number {
    const at = this.at;
    const view = this.#view;
    if (type < 0xcc) {
      const isShort = type === 0xca;
      this.at = at + (isShort ? 4 : 8);
      return isShort ? view.getFloat32(at) : view.getFloat64(at);
    }
    const size = 1 << (type & 3);
    return type < 0xd0 ? this.#rest(0, size) : this.#rest(view.getInt8(this.at++), size - 1);
  }

  /** The integer of some bytes, after its first ones. */
  #rest(first: number, size: number): number {
    let value = first;
    for (const end = this.at + size; this.at < end; this.at++) {
      value = value * 0x100 + this.#view.getUint8(this.at);
    }
    return value;
  }

  #other(type: number, depth: number): unknown {
    switch (type) {
      case 0xc0:
        return null;
      case 0xc2:
      case 0xc3:
        return type === 0xc3;
      case 0xc4:
      case 0xc5:
      case 0xc6:
        return this.#take(this.#length(type - 0xc4));
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.#text(this.#length(type - 0xd9));
      case 0xdc:
      case 0xdd:
        return this.#array(this.#length(type - 0xdc + 1), depth);
      case 0xde:
      case 0xdf:
        return this.#map(this.#length(type - 0xde + 1), depth);
      default:
        throw new RangeError(`type 0x${type.toString(16)} is not part of this protocol`);
    }
  }

  /** A length of 1, 2 or 4 bytes. */
  #length(size: number): number {
    return this.#rest(0, 1 << size);
  }

  // The array grows as it is read, so a false length costs nothing.
  #array(length: number, depth: number): unknown[] {
    if (depth === DEPTH_MAX) throw new RangeError('nested too deep');
    const values: unknown[] = [];
    for (let i = 0; i < length; i++) values.push(this.value(depth + 1));
    return values;
  }

  // String keys only: numeric keys can be chosen so that filling the Map takes seconds.
  #map(size: number, depth: number): Map<string, unknown> {
    if (depth === DEPTH_MAX) throw new RangeError('nested too deep');
    const map = new Map<string, unknown>();
    for (let i = 0; i < size; i++) {
      const key = this.value(DEPTH_MAX);
      if (typeof key !== 'string') throw new RangeError('the key of a map is not a string');
      map.set(key, this.value(depth + 1));
    }
    return map;
  }

  #take(length: number): Uint8Array {
    const from = this.at;
    this.at = from + length;
    if (this.at > this.#bytes.length) throw new RangeError('cut off');
    return this.#bytes.subarray(from, this.at);
  }

  #text(length: number): string {
    return utf8.decode(this.#take(length));
  }
}

/** A value in a client's frame. */
export type FrameValue =
  | null
  | boolean
  | number
  | string
  | readonly FrameValue[]
  | { readonly [key: string]: FrameValue };

const encoder = new TextEncoder();
const float = new DataView(new ArrayBuffer(8));

/**
 * Encodes a value as MessagePack, in few lines rather than fewest bytes: frames of ticks, which are
 * many, have an encoder of their own.
 */
export function writeMessagePack(value: FrameValue): Uint8Array<ArrayBuffer> {
  const bytes: number[] = [];
  write(value, bytes);
  return new Uint8Array(bytes);
}

function write(value: FrameValue, bytes: number[]): void {
  if (value === null) bytes.push(0xc0);
  else if (typeof value === 'boolean') bytes.push(value ? 0xc3 : 0xc2);
  else if (typeof value === 'number') writeNumber(value, bytes);
  else if (typeof value === 'string') {
    const text = encoder.encode(value);
    writeLength(text.length, 0xa0, 32, 0xdb, bytes);
    for (const byte of text) bytes.push(byte);
  } else if (isArray(value)) {
    writeLength(value.length, 0x90, 16, 0xdd, bytes);
    for (const element of value) write(element, bytes);
  } else {
    const entries = Object.entries(value);
    writeLength(entries.length, 0x80, 16, 0xdf, bytes);
    for (const element of entries.flat()) write(element, bytes);
  }
}

/** One byte for 0 to 127, else a float64, which may stand for an integer. */
function writeNumber(value: number, bytes: number[]): void {
  if (value === (value & 0x7f) && !Object.is(value, -0)) bytes.push(value);
  else {
    float.setFloat64(0, value);
    bytes.push(0xcb, ...new Uint8Array(float.buffer));
  }
}

/** In the type's byte below `end`, else in four bytes, which the array of bytes cuts to size. */
function writeLength(length: number, short: number, end: number, long: number, bytes: number[]) {
  if (length < end) bytes.push(short | length);
  else bytes.push(long, length >>> 24, length >>> 16, length >>> 8, length);
}

// Array.isArray does not narrow a readonly array.
function isArray(value: object): value is readonly FrameValue[] {
  return Array.isArray(value);
}
