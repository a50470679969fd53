/*
 * The ticks of one frame in columns, reused for every frame:
 *
 *   kinds    Uint8     how the symbol is named: text, alias, or neither
 *   names    Uint32    the alias, or the start of the text in `text`
 *   lengths  Uint16    bytes of the text (capped: no valid symbol comes near)
 *   prices   Float64   NaN where the frame held no number
 *   times    Float64   likewise; the receipt time where the frame held nil
 */

/** The form of a tick's symbol. */
export const NameKind = { NEITHER: 0, TEXT: 1, ALIAS: 2 } as const;
export type NameKind = (typeof NameKind)[keyof typeof NameKind];

/** The largest alias: the limit of the names column. */
export const ALIAS_MAX = 0xffff_ffff;

const LENGTH_MAX = 0xffff;
const encoder = new TextEncoder();

/** The ticks of one frame, decoded but not validated: a bad price must not affect the others. */
export class TickBatch {
  /** The frame's sequence; 0 opts out of acknowledgements. */
  sequence = 0;
  count = 0;
  /** When the frame was received, ms since the epoch, and by a monotonic clock, µs. */
  receivedAt = 0;
  receivedUs = 0;
  kinds = new Uint8Array(256);
  names = new Uint32Array(256);
  lengths = new Uint16Array(256);
  prices = new Float64Array(256);
  times = new Float64Array(256);
  /** The bytes that text names refer to: the frame itself, or a scratch buffer. */
  text: Uint8Array = new Uint8Array(0);
  #scratch = new Uint8Array(4096);
  #scratchUsed = 0;

  /** Empties the batch and reserves space for `capacity` ticks whose text names are in `text`. */
  start(sequence: number, capacity: number, text: Uint8Array = this.#scratch): void {
    this.sequence = sequence;
    this.count = 0;
    this.text = text;
    this.#scratchUsed = 0;
    if (capacity <= this.kinds.length) return;
    const size = 2 ** Math.ceil(Math.log2(capacity));
    this.kinds = new Uint8Array(size);
    this.names = new Uint32Array(size);
    this.lengths = new Uint16Array(size);
    this.prices = new Float64Array(size);
    this.times = new Float64Array(size);
  }

  /**
   * Adds a tick whose price and time the caller then writes to their columns.
   *
   * @param name the alias, or the start of a text name in `text`
   * @param length bytes of a text name
   * @returns its index
   */
  add(kind: NameKind, name: number, length: number): number {
    const index = this.count++;
    this.kinds[index] = kind;
    this.names[index] = name;
    this.lengths[index] = Math.min(length, LENGTH_MAX);
    return index;
  }

  /** Adds a tick from decoded values of any type. Only for a batch started without `text`. */
  addValues(symbol: unknown, price: unknown, time: number): void {
    const index = this.#addNamed(symbol);
    this.prices[index] = typeof price === 'number' ? price : Number.NaN;
    this.times[index] = withoutSign(time);
  }

  #addNamed(symbol: unknown): number {
    if (typeof symbol === 'string') {
      const start = this.#scratchUsed;
      return this.add(NameKind.TEXT, start, this.#encode(symbol));
    }
    if (isAlias(symbol)) return this.add(NameKind.ALIAS, symbol, 0);
    // Neither text nor alias: the tick will be rejected, but keeps its index.
    return this.add(NameKind.NEITHER, 0, 0);
  }

  #encode(symbol: string): number {
    // Encoding replaces lone surrogates, which would give another symbol: add an invalid byte.
    const needed = symbol.length * 3 + 1;
    if (this.#scratch.length - this.#scratchUsed < needed) {
      const grown = new Uint8Array((this.#scratchUsed + needed) * 2);
      grown.set(this.#scratch);
      this.#scratch = grown;
      this.text = grown;
    }
    const free = this.#scratch.subarray(this.#scratchUsed);
    let written = encoder.encodeInto(symbol, free).written;
    if (/\p{Cs}/u.test(symbol)) free[written++] = 0xff;
    this.#scratchUsed += written;
    return written;
  }
}

/** Whether a decoded value may be an alias: an integer from 0 to {@link ALIAS_MAX}. */
export function isAlias(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= ALIAS_MAX;
}

/** A time with -0 made 0: JSON cannot carry -0, and the digest of a mirror tells the two apart. */
export function withoutSign(time: number): number {
  return time + 0;
}
