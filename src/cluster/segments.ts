/*
 * A message of a shard's log: segments of publishers' frames, in order. A segment has those ticks
 * of one frame that are of this shard. Little-endian, not aligned.
 *
 *   0         1     2            4         6          8
 *   ├ version ┼ 0 ──┼ publishers ┼ symbols ┼ segments ┤  uint8, then uint16 each
 *   names     of publishers, then of symbols: bytes uint8 · UTF-8
 *   segment   frame f64 · previous f64 · received f64 · part u16 · previous part u16 ·
 *             publisher u16 · ticks u16 · each: price f64 · time f64 · symbol u16
 *
 * `frame` counts a publisher's frames; `previous` is its last one before with ticks of this shard,
 * as far as the writer knows, else 0. A frame of more than {@link PART_TICKS} ticks is divided into
 * *parts* by the places of its ticks as they came, refused ones included: who sends it again has
 * the same parts.
 */

const VERSION = 1;
const HEADER_BYTES = 8;
const SEGMENT_BYTES = 32;
const TICK_BYTES = 18;
/** Ticks of a frame in one of its parts, those of all shards together. */
export const PART_TICKS = 1024;
const CAPACITY_MIN = 4096;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

/** Place of a frame, or a part of one, among those of a publisher. */
export interface FramePlace {
  readonly frame: number;
  readonly part: number;
}

/** Before every frame. */
export const NO_PLACE: FramePlace = { frame: 0, part: 0 };

/** Whether one place is before another, or the same. */
export function isAtMost(a: FramePlace, b: FramePlace): boolean {
  return a.frame < b.frame || (a.frame === b.frame && a.part <= b.part);
}

/** Collects segments for one message. */
export class SegmentBatch {
  #view = new DataView(new ArrayBuffer(CAPACITY_MIN));
  #length = 0;
  #segments = 0;
  #segmentAt = 0;
  #ticks = 0;
  readonly #publishers = new NameList();
  readonly #symbols = new NameList();

  get isEmpty(): boolean {
    return this.#segments === 0;
  }

  /** Bytes of the message so far. */
  get bytes(): number {
    return HEADER_BYTES + this.#publishers.bytes + this.#symbols.bytes + this.#length;
  }

  begin(publisher: string, place: FramePlace, previous: FramePlace, receivedAt: number): void {
    this.#reserve(SEGMENT_BYTES);
    const at = this.#length;
    const view = this.#view;
    view.setFloat64(at, place.frame, true);
    view.setFloat64(at + 8, previous.frame, true);
    view.setFloat64(at + 16, receivedAt, true);
    view.setUint16(at + 24, place.part, true);
    view.setUint16(at + 26, previous.part, true);
    view.setUint16(at + 28, this.#publishers.indexOf(publisher), true);
    view.setUint16(at + 30, 0, true);
    this.#segmentAt = at;
    this.#length = at + SEGMENT_BYTES;
    this.#ticks = 0;
    this.#segments++;
  }

  add(symbol: string, price: number, time: number): void {
    this.#reserve(TICK_BYTES);
    const view = this.#view;
    view.setFloat64(this.#length, price, true);
    view.setFloat64(this.#length + 8, time, true);
    view.setUint16(this.#length + 16, this.#symbols.indexOf(symbol), true);
    this.#length += TICK_BYTES;
    view.setUint16(this.#segmentAt + 30, ++this.#ticks, true);
  }

  /** Returns the message and starts over. */
  take(): Uint8Array {
    const message = new Uint8Array(this.bytes);
    const view = new DataView(message.buffer);
    view.setUint8(0, VERSION);
    view.setUint16(2, this.#publishers.count, true);
    view.setUint16(4, this.#symbols.count, true);
    view.setUint16(6, this.#segments, true);
    let at = this.#publishers.write(message, HEADER_BYTES);
    at = this.#symbols.write(message, at);
    message.set(new Uint8Array(this.#view.buffer, 0, this.#length), at);
    this.#length = 0;
    this.#segments = 0;
    this.#ticks = 0;
    this.#publishers.clear();
    this.#symbols.clear();
    return message;
  }

  #reserve(bytes: number): void {
    const capacity = this.#view.byteLength;
    if (this.#length + bytes <= capacity) return;
    const grown = new Uint8Array(2 * capacity);
    grown.set(new Uint8Array(this.#view.buffer));
    this.#view = new DataView(grown.buffer);
  }
}

/** Names of a message, in the order of their first use. */
class NameList {
  bytes = 0;
  readonly #indexes = new Map<string, number>();
  readonly #encoded: Uint8Array[] = [];

  get count(): number {
    return this.#encoded.length;
  }

  indexOf(name: string): number {
    const known = this.#indexes.get(name);
    if (known !== undefined) return known;
    const encoded = encoder.encode(name);
    const index = this.#encoded.length;
    this.#indexes.set(name, index);
    this.#encoded.push(encoded);
    this.bytes += 1 + encoded.length;
    return index;
  }

  /** Returns where it ends. */
  write(into: Uint8Array, start: number): number {
    let at = start;
    for (const name of this.#encoded) {
      into[at] = name.length;
      into.set(name, at + 1);
      at += 1 + name.length;
    }
    return at;
  }

  clear(): void {
    this.bytes = 0;
    this.#indexes.clear();
    this.#encoded.length = 0;
  }
}

/** A segment as it is read; its ticks are passed on by {@link SegmentReader.forEachTick}. */
export interface Segment {
  readonly publisher: string;
  readonly place: FramePlace;
  readonly previous: FramePlace;
  /** ms since the epoch */
  readonly receivedAt: number;
  readonly ticks: number;
}

/** Reads the segments of one message, in order. */
export class SegmentReader {
  /** Names of the symbols, UTF-8, by their index. */
  readonly symbols: readonly Uint8Array[];
  readonly #view: DataView;
  readonly #publishers: readonly string[];
  readonly #segments: number;
  #read = 0;
  #at: number;
  #ticksAt = 0;
  #ticks = 0;

  /** @throws RangeError if the message is of another version, or cut off */
  constructor(message: Uint8Array) {
    const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
    if (view.getUint8(0) !== VERSION) {
      throw new RangeError(`a message of version ${view.getUint8(0)}, expected ${VERSION}`);
    }
    const names: Uint8Array[] = [];
    const publishers = view.getUint16(2, true);
    const symbols = view.getUint16(4, true);
    let at = HEADER_BYTES;
    for (let i = 0; i < publishers + symbols; i++) {
      const end = at + 1 + view.getUint8(at);
      if (end > message.length) throw new RangeError('a message is cut off within its names');
      names.push(message.subarray(at + 1, end));
      at = end;
    }
    this.#view = view;
    this.#publishers = names.slice(0, publishers).map((name) => decoder.decode(name));
    this.symbols = names.slice(publishers);
    this.#segments = view.getUint16(6, true);
    this.#at = at;
  }

  /** @throws RangeError if it is cut off */
  next(): Segment | undefined {
    if (this.#read === this.#segments) return undefined;
    this.#read++;
    const view = this.#view;
    const at = this.#at;
    this.#ticks = view.getUint16(at + 30, true);
    this.#ticksAt = at + SEGMENT_BYTES;
    this.#at = this.#ticksAt + this.#ticks * TICK_BYTES;
    if (this.#at > view.byteLength) throw new RangeError('a message is cut off within its ticks');
    const publisher = this.#publishers[view.getUint16(at + 28, true)];
    if (publisher === undefined) throw new RangeError('a segment names no publisher');
    return {
      publisher,
      place: { frame: view.getFloat64(at, true), part: view.getUint16(at + 24, true) },
      previous: { frame: view.getFloat64(at + 8, true), part: view.getUint16(at + 26, true) },
      receivedAt: view.getFloat64(at + 16, true),
      ticks: this.#ticks,
    };
  }

  /** Passes on the ticks of the segment at hand. */
  forEachTick(take: (symbol: number, price: number, time: number) => void): void {
    const view = this.#view;
    for (let i = 0; i < this.#ticks; i++) {
      const at = this.#ticksAt + i * TICK_BYTES;
      take(view.getUint16(at + 16, true), view.getFloat64(at, true), view.getFloat64(at + 8, true));
    }
  }
}
