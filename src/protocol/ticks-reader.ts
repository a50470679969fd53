import { ErrorCode, ProtocolError } from './errors.ts';
import { Op } from './ops.ts';
import { isAlias, NameKind, type TickBatch, withoutSign } from './tick-batch.ts';

/*
 * The frame this file reads, the only one that comes a million times a second:
 *
 *   93 03 <sequence> <array of 3n> (<symbol | alias> <price> <time | nil>) × n
 *
 * Nothing is built on the way: numbers go from the bytes to the columns of a TickBatch. Any other
 * shape of the same frame (more trailing elements, odd headers) is left to the general codec.
 */

/** Longer frames are read through a view: making one takes as long as reading several numbers. */
const VIEW_FROM_BYTES = 256;
/** The index of a double's upper word: 1 on little-endian machines. */
const HIGH_WORD = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1 ? 1 : 0;

/**
 * Reads TICKS frames from MessagePack straight into a {@link TickBatch}. Not reentrant; allocates
 * nothing but a view for each long frame.
 */
export class TicksReader {
  readonly #ticksMax: number;
  #bytes: Uint8Array = new Uint8Array(0);
  /** Null for a short frame. */
  #view: DataView | null = null;
  #at = 0;
  #receiptTime = 0;
  /** Scratch space that converts bytes to a double. */
  readonly #double = new Float64Array(1);
  readonly #words = new Uint32Array(this.#double.buffer);
  readonly #single = new Float32Array(this.#double.buffer);

  /** @param ticksMax most ticks in a frame */
  constructor(ticksMax: number) {
    this.#ticksMax = ticksMax;
  }

  /**
   * Reads a frame into `batch`; ticks without a time get `receiptTime` (ms since the epoch).
   *
   * @returns false when this is not a TICKS frame in its plain shape: use the general codec
   * @throws ProtocolError `bad_frame` when it is one but broken; the batch is then undefined
   */
  read(bytes: Uint8Array, batch: TickBatch, receiptTime: number): boolean {
    if (bytes[0] !== 0x93 || bytes[1] !== Op.TICKS) return false;
    this.#bytes = bytes;
    const isShort = bytes.length < VIEW_FROM_BYTES;
    this.#view = isShort ? null : new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#at = 2;
    const sequence = checkSequence(this.#scalar());
    const values = this.#arrayLength();
    const count = tickCount(values, this.#ticksMax);
    // Each value takes at least a byte: no declared length reserves more than the frame's size.
    if (values > bytes.length - this.#at) throw cutOff();
    batch.start(sequence, count, bytes);
    this.#receiptTime = receiptTime;
    for (let i = 0; i < count; i++) this.#tick(batch);
    if (this.#at !== bytes.length) throw badTicks(`${bytes.length - this.#at} bytes follow it`);
    return true;
  }

  #tick(batch: TickBatch): void {
    const index = this.#name(batch);
    this.#readInto(batch.prices, index);
    if (this.#bytes[this.#at] === 0xc0) {
      this.#at++;
      batch.times[index] = this.#receiptTime;
    } else {
      this.#readInto(batch.times, index);
      batch.times[index] = withoutSign(batch.times[index] as number);
    }
  }

  /** Adds a tick named by the next value; returns its index. */
  #name(batch: TickBatch): number {
    const tag = this.#bytes[this.#at] as number;
    if (tag < 0x80) {
      this.#at++;
      return batch.add(NameKind.ALIAS, tag, 0);
    }
    if ((tag & 0xe0) === 0xa0 || (tag >= 0xd9 && tag <= 0xdb)) {
      const length = this.#textLength(tag);
      const start = this.#at;
      this.#at += length;
      return batch.add(NameKind.TEXT, start, length);
    }
    const alias = this.#scalar();
    return isAlias(alias) ? batch.add(NameKind.ALIAS, alias, 0) : batch.add(NameKind.NEITHER, 0, 0);
  }

  /**
   * Reads the next value into a column, NaN for any scalar that is not a number. (A double returned
   * from a call that the compiler does not inline is boxed.)
   */
  #readInto(column: Float64Array, index: number): void {
    if (this.#bytes[this.#at] === 0xcb && this.#at + 9 <= this.#bytes.length) {
      const at = this.#at + 1;
      this.#at += 9;
      if (this.#view === null) {
        this.#load(at);
        column[index] = this.#double[0] as number;
      } else {
        column[index] = this.#view.getFloat64(at);
      }
    } else {
      column[index] = this.#scalar();
    }
  }

  /**
   * Reads the next value as a number; NaN for any other scalar.
   *
   * @throws ProtocolError for containers and extension types
   */
  #scalar(): number {
    const at = this.#at;
    const tag = this.#bytes[at];
    if (tag === undefined) throw cutOff();
    if (tag < 0x80) return this.#past(1, tag);
    if (tag >= 0xe0) return this.#past(1, tag - 256);
    const size = SCALAR_SIZE[tag - 0xc0] ?? 0;
    if (size > 0 && at + size > this.#bytes.length) throw cutOff();
    switch (tag) {
      case 0xca:
        return this.#past(size, this.#float32(at + 1));
      case 0xcb:
        return this.#past(size, this.#float64(at + 1));
      case 0xcc:
        return this.#past(size, this.#bytes[at + 1] as number);
      case 0xcd:
        return this.#past(size, this.#uint16(at + 1));
      case 0xce:
        return this.#past(size, this.#int32(at + 1) >>> 0);
      case 0xcf:
        return this.#past(size, (this.#int32(at + 1) >>> 0) * 0x1_0000_0000 + this.#low(at));
      case 0xd0:
        return this.#past(size, ((this.#bytes[at + 1] as number) << 24) >> 24);
      case 0xd1:
        return this.#past(size, (this.#uint16(at + 1) << 16) >> 16);
      case 0xd2:
        return this.#past(size, this.#int32(at + 1));
      case 0xd3:
        return this.#past(size, this.#int32(at + 1) * 0x1_0000_0000 + this.#low(at));
      default:
        this.#skipNonNumber(tag);
        return Number.NaN;
    }
  }

  #float64(at: number): number {
    this.#load(at);
    return this.#double[0] as number;
  }

  /** Loads the double at `at` into #double. */
  #load(at: number): void {
    this.#words[HIGH_WORD] = this.#int32(at);
    this.#words[1 - HIGH_WORD] = this.#int32(at + 4);
  }

  #float32(at: number): number {
    this.#words[0] = this.#int32(at);
    return this.#single[0] as number;
  }

  /** The lower half of the 64-bit integer whose tag is at `at`. */
  #low(at: number): number {
    return this.#int32(at + 5) >>> 0;
  }

  #int32(at: number): number {
    return (this.#uint16(at) << 16) | this.#uint16(at + 2);
  }

  #uint16(at: number): number {
    return ((this.#bytes[at] as number) << 8) | (this.#bytes[at + 1] as number);
  }

  #past(size: number, value: number): number {
    this.#at += size;
    return value;
  }

  #skipNonNumber(tag: number): void {
    if (tag === 0xc0 || tag === 0xc2 || tag === 0xc3) {
      this.#at++;
    } else if (
      (tag & 0xe0) === 0xa0 ||
      (tag >= 0xd9 && tag <= 0xdb) ||
      (tag >= 0xc4 && tag <= 0xc6)
    ) {
      const length = this.#textLength(tag);
      this.#at += length;
    } else {
      throw badTicks(`unexpected type 0x${tag.toString(16)} at byte ${this.#at}`);
    }
  }

  /** Skips the header of a string or binary; returns its length, all of which is in the frame. */
  #textLength(tag: number): number {
    let length = tag & 0x1f;
    let header = 1;
    if (tag >= 0xc0) {
      const size = tag >= 0xd9 ? tag - 0xd9 : tag - 0xc4;
      header = size === 0 ? 2 : size === 1 ? 3 : 5;
      if (this.#at + header > this.#bytes.length) throw cutOff();
      const at = this.#at + 1;
      if (size === 0) length = this.#bytes[at] as number;
      else length = size === 1 ? this.#uint16(at) : this.#int32(at) >>> 0;
    }
    this.#at += header;
    if (this.#at + length > this.#bytes.length) throw cutOff();
    return length;
  }

  #arrayLength(): number {
    const at = this.#at;
    const tag = this.#bytes[at];
    if (tag === undefined) throw cutOff();
    if ((tag & 0xf0) === 0x90) return this.#past(1, tag & 0x0f);
    const size = tag === 0xdc ? 3 : tag === 0xdd ? 5 : 0;
    if (size === 0) throw badTicks('its third element must be an array');
    if (at + size > this.#bytes.length) throw cutOff();
    return this.#past(size, size === 3 ? this.#uint16(at + 1) : this.#int32(at + 1) >>> 0);
  }
}

/** Bytes of number formats ca to d3 with their tag, by tag - 0xc0. */
const SCALAR_SIZE: readonly number[] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 9, 2, 3, 5, 9, 2, 3, 5, 9];

/**
 * Reads a TICKS frame decoded by the general codec: JSON, or an unusual shape of MessagePack.
 *
 * @throws ProtocolError `bad_frame` when its shape is wrong
 */
export function readTicksFrame(
  frame: readonly unknown[],
  batch: TickBatch,
  receiptTime: number,
  ticksMax: number,
): void {
  const sequence = checkSequence(frame[1]);
  const values = frame[2];
  if (!Array.isArray(values)) throw badTicks('its third element must be an array');
  const count = tickCount(values.length, ticksMax);
  batch.start(sequence, count);
  for (let i = 0; i < values.length; i += 3) {
    const symbol: unknown = values[i];
    const price: unknown = values[i + 1];
    const time: unknown = values[i + 2];
    if (isContainer(symbol) || isContainer(price) || isContainer(time)) {
      throw badTicks('symbols, prices and times must form one flat array');
    }
    const timeOrNaN = typeof time === 'number' ? time : Number.NaN;
    batch.addValues(symbol, price, time === null ? receiptTime : timeOrNaN);
  }
}

/**
 * Binary is an object but not a container: like any scalar of a wrong type it invalidates its tick
 * only.
 */
function isContainer(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !ArrayBuffer.isView(value);
}

function checkSequence(value: unknown): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw badTicks('its sequence must be an integer from 0 to 2^53 - 1');
}

function tickCount(values: number, ticksMax: number): number {
  if (values % 3 !== 0) throw badTicks(`expected three values a tick, got ${values}`);
  if (values / 3 > ticksMax) {
    throw badTicks(`${values / 3} ticks, but at most ${ticksMax} are allowed`);
  }
  return values / 3;
}

function cutOff(): ProtocolError {
  return badTicks('it is cut off');
}

function badTicks(reason: string): ProtocolError {
  return new ProtocolError(ErrorCode.bad_frame, `not a TICKS frame: ${reason}`);
}
