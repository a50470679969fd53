import { Field, FULL, Op } from '../../src/protocol/index.ts';

/** Takes the entries of STATS frames, as far as a count of deliveries needs them. */
export interface EntrySink {
  /**
   * @param isFull whether count and time are values, not increases
   * @param count NaN where the entry has none
   * @param time NaN where the entry has none
   */
  entry(symbolId: number, isFull: boolean, count: number, time: number): void;
}

/** Reads the entries of a decoded frame. */
export function readEntries(values: readonly number[], sink: EntrySink): void {
  let at = 0;
  while (at < values.length) {
    const symbolId = values[at++] as number;
    const mask = values[at++] as number;
    if (mask & Field.PRICE) at++;
    if (mask & Field.AVERAGE) at++;
    const count = mask & Field.COUNT ? (values[at++] as number) : Number.NaN;
    const time = mask & Field.TIME ? (values[at++] as number) : Number.NaN;
    if (mask & Field.MIN) at++;
    if (mask & Field.MAX) at++;
    sink.entry(symbolId, (mask & FULL) !== 0, count, time);
  }
}

const floats = new DataView(new ArrayBuffer(8));

/**
 * Reads the entries of STATS frames from MessagePack and steps over what nobody counts: no array is
 * built and no object made, so that many sessions cost the load generator little.
 */
export class PackedEntries {
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;

  /**
   * Reads a frame; false when it is not a STATS frame, and nothing was read.
   *
   * @throws RangeError when it is cut off or holds anything but numbers
   */
  read(bytes: Uint8Array, sink: EntrySink): boolean {
    if (bytes[0] !== 0x93 || bytes[1] !== Op.STATS) return false;
    this.#bytes = bytes;
    this.#at = 2;
    this.#skip();
    this.#arrayHeader();
    while (this.#at < bytes.length) this.#entry(sink);
    if (this.#at > bytes.length) throw new RangeError('a STATS frame is cut off');
    return true;
  }

  #entry(sink: EntrySink): void {
    const symbolId = this.#number();
    const mask = this.#number();
    if (mask & Field.PRICE) this.#skip();
    if (mask & Field.AVERAGE) this.#skip();
    const count = mask & Field.COUNT ? this.#number() : Number.NaN;
    const time = mask & Field.TIME ? this.#number() : Number.NaN;
    if (mask & Field.MIN) this.#skip();
    if (mask & Field.MAX) this.#skip();
    sink.entry(symbolId, (mask & FULL) !== 0, count, time);
  }

  #skip(): void {
    this.#at += 1 + operandBytes(this.#bytes[this.#at] as number);
  }

  #number(): number {
    const bytes = this.#bytes;
    const tag = bytes[this.#at++] as number;
    if (tag < 0x80) return tag;
    const length = operandBytes(tag);
    const at = this.#at;
    this.#at += length;
    if (tag >= 0xe0) return tag - 0x100;
    for (let i = 0; i < length; i++) floats.setUint8(i, bytes[at + i] as number);
    switch (tag) {
      case 0xca:
        return floats.getFloat32(0);
      case 0xcb:
        return floats.getFloat64(0);
      case 0xcc:
        return floats.getUint8(0);
      case 0xcd:
        return floats.getUint16(0);
      case 0xce:
        return floats.getUint32(0);
      case 0xcf:
        return Number(floats.getBigUint64(0));
      case 0xd0:
        return floats.getInt8(0);
      case 0xd1:
        return floats.getInt16(0);
      case 0xd2:
        return floats.getInt32(0);
      default:
        return Number(floats.getBigInt64(0));
    }
  }

  #arrayHeader(): void {
    const tag = this.#bytes[this.#at] as number;
    if ((tag & 0xf0) === 0x90) this.#at += 1;
    else if (tag === 0xdc) this.#at += 3;
    else if (tag === 0xdd) this.#at += 5;
    else throw new RangeError('the entries of a STATS frame are no array');
  }
}

/** Bytes behind a number's tag: ca to d3 are float32, float64, uint8 to uint64, int8 to int64. */
function operandBytes(tag: number): number {
  if (tag < 0x80 || tag >= 0xe0) return 0;
  const length = OPERAND_BYTES[tag - 0xca];
  if (length === undefined) throw new RangeError('a STATS entry holds something else than numbers');
  return length;
}

const OPERAND_BYTES: readonly number[] = [4, 8, 1, 2, 4, 8, 1, 2, 4, 8];
