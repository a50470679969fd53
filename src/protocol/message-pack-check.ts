/*
 * MessagePack formats by first byte (what this protocol takes; the rest is refused):
 *
 *   00-7f e0-ff  integer in the byte itself      cc-d3  unsigned and signed integers, 1 2 4 8 bytes
 *   80-8f de df  map                             ca cb  float32, float64
 *   90-9f dc dd  array                           c0     nil      c2 c3  boolean
 *   a0-bf d9-db  string                          c4-c6  binary
 *
 *   c1 is unused; c7-c9 and d4-d8 are extension types.
 */

/** Bytes after the tag of the scalars c0 to d3 with a fixed size; -1 for other formats. */
const SCALAR_BYTES: readonly number[] = [
  0, -1, 0, 0, -1, -1, -1, -1, -1, -1, 4, 8, 1, 2, 4, 8, 1, 2, 4, 8,
];
const LENGTH_BYTES: Readonly<Record<number, number>> = {
  196: 1,
  197: 2,
  198: 4,
  217: 1,
  218: 2,
  219: 4,
  220: 2,
  221: 4,
  222: 2,
  223: 4,
};

/** Far more maps than any frame has: decoding a megabyte of empty ones would take 200 MB. */
const MAPS_MAX = 64;

const utf8 = new TextDecoder('utf-8', { fatal: true });

function isUtf8(bytes: Uint8Array): boolean {
  try {
    utf8.decode(bytes);
    return true;
  } catch {
    return false;
  }
}

/** Walks one message without building values, so that no declared length costs memory. */
class Walk {
  readonly #bytes: Uint8Array;
  readonly #depthMax: number;
  #at = 0;
  #maps = 0;

  constructor(bytes: Uint8Array, depthMax: number) {
    this.#bytes = bytes;
    this.#depthMax = depthMax;
  }

  fault(): string | undefined {
    const fault = this.#value(1);
    if (fault !== undefined) return fault;
    const rest = this.#bytes.length - this.#at;
    return rest === 0 ? undefined : `${rest} bytes follow the message`;
  }

  #value(depth: number): string | undefined {
    const start = this.#at;
    const tag = this.#bytes[this.#at++];
    if (tag === undefined) return `cut off at byte ${start}`;
    if (tag <= 0x7f || tag >= 0xe0) return undefined;
    if (tag <= 0x8f) return this.#map(tag & 0x0f, depth);
    if (tag <= 0x9f) return this.#values(tag & 0x0f, depth);
    if (tag <= 0xbf) return this.#text(tag & 0x1f);
    const scalarBytes = SCALAR_BYTES[tag - 0xc0] ?? -1;
    if (scalarBytes >= 0) return this.#skip(scalarBytes);
    const lengthBytes = LENGTH_BYTES[tag];
    if (lengthBytes === undefined) return `unsupported type 0x${tag.toString(16)} at byte ${start}`;
    const length = this.#length(lengthBytes);
    if (length < 0) return `cut off at byte ${start}`;
    if (tag >= 0xde) return this.#map(length, depth);
    if (tag >= 0xdc) return this.#values(length, depth);
    return tag >= 0xd9 ? this.#text(length) : this.#skip(length);
  }

  #length(size: number): number {
    if (this.#at + size > this.#bytes.length) return -1;
    let length = 0;
    for (let i = 0; i < size; i++) length = length * 256 + (this.#bytes[this.#at++] as number);
    return length;
  }

  #map(count: number, depth: number): string | undefined {
    if (++this.#maps > MAPS_MAX) return `more than ${MAPS_MAX} maps`;
    if (depth > this.#depthMax) return this.#tooDeep();
    for (let i = 0; i < count; i++) {
      const fault = this.#key() ?? this.#value(depth + 1);
      if (fault !== undefined) return fault;
    }
    return undefined;
  }

  // Strings only: V8 hashes numbers without a secret, so numbers could be chosen to collide in the
  // decoded Map, which would then take seconds to fill.
  #key(): string | undefined {
    const start = this.#at;
    const tag = this.#bytes[start];
    if (tag === undefined) return `cut off at byte ${start}`;
    const isText = (tag & 0xe0) === 0xa0 || (tag >= 0xd9 && tag <= 0xdb);
    return isText ? this.#value(0) : `the key at byte ${start} is not a string`;
  }

  #values(count: number, depth: number): string | undefined {
    if (depth > this.#depthMax) return this.#tooDeep();
    for (let i = 0; i < count; i++) {
      const fault = this.#value(depth + 1);
      if (fault !== undefined) return fault;
    }
    return undefined;
  }

  #tooDeep(): string {
    return `nested deeper than ${this.#depthMax} levels`;
  }

  #skip(length: number): string | undefined {
    if (this.#at + length > this.#bytes.length) return `cut off at byte ${this.#bytes.length}`;
    this.#at += length;
    return undefined;
  }

  #text(length: number): string | undefined {
    const start = this.#at;
    const fault = this.#skip(length);
    if (fault !== undefined) return fault;
    // ASCII needs no decoder: a call for each of a million
    // short strings would take longer than all the rest.
    let ascii = start;
    while (ascii < this.#at && (this.#bytes[ascii] as number) < 0x80) ascii++;
    if (ascii === this.#at || isUtf8(this.#bytes.subarray(ascii, this.#at))) return undefined;
    return `bad UTF-8 in the string at byte ${start}`;
  }
}

/**
 * Why `bytes` are not one MessagePack message of this protocol: truncation, bytes after its end,
 * extension types, nesting beyond `depthMax` containers, more than 64 maps, keys that are not
 * strings, bad UTF-8. Undefined if they are. The text names places, never content, so it may be
 * sent to the peer.
 */
export function validateMessagePack(bytes: Uint8Array, depthMax: number): string | undefined {
  return new Walk(bytes, depthMax).fault();
}
