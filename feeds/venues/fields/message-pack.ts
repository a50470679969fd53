/** Deeper nesting is an attack: market data has three levels. */
const DEPTH_MAX = 16;
const TIMESTAMP = -1;

/**
 * Decodes one MessagePack value, for venues that send it on request.
 *
 * Timestamps (extension −1) become ms since the epoch with fractions, as a number; a `Date`, which
 * libraries make of them, holds whole ms. Integers beyond 2^53 become bigints. Other extensions and
 * binaries become undefined.
 *
 * @returns undefined unless the bytes are exactly one value
 */
export function readMessagePack(bytes: Uint8Array): unknown {
  const decoder = new Decoder(bytes);
  try {
    const value = decoder.value(0);
    return decoder.isAtEnd ? value : undefined;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** Reads forward. Bytes that are missing throw the DataView's RangeError. */
class Decoder {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  value(depth: number): unknown {
    if (depth > DEPTH_MAX) throw new RangeError('nested too deep');
    const head = this.#unsigned(1);
    if (head < 0x80) return head;
    if (head < 0x90) return this.#map(head & 0x0f, depth);
    if (head < 0xa0) return this.#array(head & 0x0f, depth);
    if (head < 0xc0) return this.#text(head & 0x1f);
    if (head >= 0xe0) return head - 0x100;
    switch (head) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
      case 0xc5:
      case 0xc6:
        return this.#skip(this.#unsigned(2 ** (head - 0xc4)));
      case 0xc7:
      case 0xc8:
      case 0xc9:
        return this.#extension(this.#unsigned(2 ** (head - 0xc7)));
      case 0xca:
        return this.#view.getFloat32(this.#take(4));
      case 0xcb:
        return this.#view.getFloat64(this.#take(8));
      case 0xcc:
      case 0xcd:
      case 0xce:
        return this.#unsigned(2 ** (head - 0xcc));
      case 0xcf:
        return exact(this.#view.getBigUint64(this.#take(8)));
      case 0xd0:
        return this.#view.getInt8(this.#take(1));
      case 0xd1:
        return this.#view.getInt16(this.#take(2));
      case 0xd2:
        return this.#view.getInt32(this.#take(4));
      case 0xd3:
        return exact(this.#view.getBigInt64(this.#take(8)));
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.#text(this.#unsigned(2 ** (head - 0xd9)));
      case 0xdc:
      case 0xdd:
        return this.#array(this.#unsigned(2 ** (head - 0xdb)), depth);
      case 0xde:
      case 0xdf:
        return this.#map(this.#unsigned(2 ** (head - 0xdd)), depth);
      default:
        // 0xd4 to 0xd8 are extensions of fixed length; 0xc1 is never used.
        if (head === 0xc1) throw new RangeError('no such type');
        return this.#extension(2 ** (head - 0xd4));
    }
  }

  #unsigned(length: number): number {
    const at = this.#take(length);
    if (length === 1) return this.#view.getUint8(at);
    return length === 2 ? this.#view.getUint16(at) : this.#view.getUint32(at);
  }

  /** Advances, and says from where. */
  #take(length: number): number {
    const at = this.#at;
    if (at + length > this.#bytes.length) throw new RangeError('cut short');
    this.#at = at + length;
    return at;
  }

  #skip(length: number): undefined {
    this.#take(length);
  }

  #text(length: number): string {
    const at = this.#take(length);
    return Buffer.from(this.#bytes.buffer, this.#bytes.byteOffset + at, length).toString();
  }

  #array(length: number, depth: number): unknown[] {
    const items: unknown[] = [];
    for (let i = 0; i < length; i++) items.push(this.value(depth + 1));
    return items;
  }

  #map(length: number, depth: number): Record<string, unknown> {
    const fields: Record<string, unknown> = Object.create(null);
    for (let i = 0; i < length; i++) {
      const name = this.value(depth + 1);
      const value = this.value(depth + 1);
      if (typeof name === 'string') fields[name] = value;
    }
    return fields;
  }

  #extension(length: number): number | undefined {
    const type = this.#view.getInt8(this.#take(1));
    const at = this.#take(length);
    if (type !== TIMESTAMP) return undefined;
    if (length === 4) return this.#view.getUint32(at) * 1000;
    if (length === 12)
      return msOf(Number(this.#view.getBigInt64(at + 4)), this.#view.getUint32(at));
    if (length !== 8) throw new RangeError('no such timestamp');
    // 30 bits of ns above 34 bits of seconds.
    const high = this.#view.getUint32(at);
    return msOf((high & 3) * 2 ** 32 + this.#view.getUint32(at + 4), high >>> 2);
  }
}

function msOf(seconds: number, nanoseconds: number): number {
  return seconds * 1000 + nanoseconds / 1e6;
}

function exact(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
