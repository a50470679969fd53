const utf8 = /* @__PURE__ */ new TextEncoder();

/** Bytes of an array header in its shortest form. */
export function arrayHeaderBytes(count: number): number {
  if (count < 16) return 1;
  return count < 0x1_0000 ? 3 : 5;
}

/** Writes numbers in some encoding. */
export interface NumberWriter {
  number(value: number): void;
  /**
   * The same for a number in memory. A double that is passed to a call that the compiler does not
   * inline is boxed, 16 bytes each, and which calls it inlines differs between versions of Node.
   */
  numberAt(values: Float64Array, index: number): void;
}

/**
 * Writes MessagePack into its own buffer, which is reused: no allocation in steady state.
 *
 * Integers from -32 to 2^32 - 1 take their shortest form, other numbers (-0 among them) float32
 * where that is exact, else float64, so every decoder reads back the same double. (Larger integers
 * are float64: uint64 is no shorter, and many decoders turn it into a big integer.)
 */
export class ByteWriter implements NumberWriter {
  bytes: Uint8Array;
  /** Bytes written so far, and where the next one goes. */
  length = 0;
  #view: DataView;
  /** The number being written, for {@link numberAt}. */
  readonly #number = new Float64Array(1);

  constructor(capacity = 4096) {
    this.bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.bytes.buffer);
  }

  reset(): void {
    this.length = 0;
  }

  /** A view of what was written, valid until the next write. */
  view(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }

  number(value: number): void {
    this.#number[0] = value;
    this.numberAt(this.#number, 0);
  }

  numberAt(values: Float64Array, index: number): void {
    this.#reserve(9);
    const value = values[index] as number;
    const at = this.length;
    if (value === 0 && 1 / value < 0) {
      this.#float32(values, index);
    } else if (value >= 0 && value < 128 && Number.isInteger(value)) {
      this.bytes[at] = value;
      this.length = at + 1;
    } else if (value >= -32 && value < 0x1_0000_0000 && Number.isInteger(value)) {
      this.#integer(values, index);
    } else if (Math.fround(value) === value) {
      this.#float32(values, index);
    } else {
      this.#float64(values, index);
    }
  }

  /** A number that always takes nine bytes. */
  float64(value: number): void {
    this.#reserve(9);
    this.#number[0] = value;
    this.#float64(this.#number, 0);
  }

  nil(): void {
    this.#byte(0xc0);
  }

  boolean(value: boolean): void {
    this.#byte(value ? 0xc3 : 0xc2);
  }

  /** Text as UTF-8; a lone surrogate becomes U+FFFD. */
  text(value: string): void {
    const encoded = utf8.encode(value);
    const length = encoded.length;
    this.#reserve(5);
    if (length < 32) this.bytes[this.length++] = 0xa0 | length;
    else if (length < 0x100) this.#header(0xd9, length, 1);
    else if (length < 0x1_0000) this.#header(0xda, length, 2);
    else this.#header(0xdb, length, 4);
    this.copy(encoded, 0, length);
  }

  /** A map header in its shortest form; keys and values follow, alternating. */
  mapHeader(size: number): void {
    this.#reserve(5);
    if (size < 16) this.bytes[this.length++] = 0x80 | size;
    else if (size < 0x1_0000) this.#header(0xde, size, 2);
    else this.#header(0xdf, size, 4);
  }

  /** An array header in its shortest form. */
  arrayHeader(count: number): void {
    this.#reserve(5);
    if (count < 16) this.bytes[this.length++] = 0x90 | count;
    else if (count < 0x1_0000) this.#header(0xdc, count, 2);
    else this.#header(0xdd, count, 4);
  }

  /**
   * Appends `length` bytes of `source` from `start`. A plain loop: entries are too short for `set`
   * to pay.
   */
  copy(source: Uint8Array, start: number, length: number): void {
    this.#reserve(length);
    const bytes = this.bytes;
    const at = this.length;
    for (let i = 0; i < length; i++) bytes[at + i] = source[start + i] as number;
    this.length = at + length;
  }

  #byte(value: number): void {
    this.#reserve(1);
    this.bytes[this.length++] = value;
  }

  /** A type and a length of 1, 2 or 4 bytes. The caller has reserved the space. */
  #header(type: number, length: number, size: number): void {
    const at = this.length;
    this.bytes[at] = type;
    if (size === 1) this.#view.setUint8(at + 1, length);
    else if (size === 2) this.#view.setUint16(at + 1, length);
    else this.#view.setUint32(at + 1, length);
    this.length = at + 1 + size;
  }

  #float32(values: Float64Array, index: number): void {
    this.bytes[this.length] = 0xca;
    this.#view.setFloat32(this.length + 1, values[index] as number);
    this.length += 5;
  }

  #float64(values: Float64Array, index: number): void {
    this.bytes[this.length] = 0xcb;
    this.#view.setFloat64(this.length + 1, values[index] as number);
    this.length += 9;
  }

  #integer(values: Float64Array, index: number): void {
    const value = values[index] as number;
    const at = this.length;
    if (value < 0x100) {
      // One byte for -32 to 127 (only negative ones get here), else a uint8 after its tag.
      if (value >= 0) this.bytes[this.length++] = 0xcc;
      this.bytes[this.length++] = value & 0xff;
    } else if (value < 0x1_0000) {
      this.bytes[at] = 0xcd;
      this.#view.setUint16(at + 1, value);
      this.length = at + 3;
    } else {
      this.bytes[at] = 0xce;
      this.#view.setUint32(at + 1, value);
      this.length = at + 5;
    }
  }

  #reserve(count: number): void {
    if (this.length + count <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.length + count));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}
