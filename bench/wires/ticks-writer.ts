import type { Updates } from './wire.ts';

/** `93 03 ce sequence dd values` */
const HEADER_BYTES = 12;
/** A tick at most: alias of five bytes, price and time of nine each. */
const TICK_BYTES_MAX = 23;

/** Writes TICKS frames of MessagePack into a buffer that is used again: no object a tick. */
export class TicksWriter {
  #bytes = new Uint8Array(0);
  #view = new DataView(this.#bytes.buffer);

  constructor() {
    this.#grow(1024);
  }

  /**
   * A frame with the updates from `from` to `to` (exclusive), symbol indexes as aliases; valid
   * until the next call.
   */
  write(sequence: number, updates: Updates, from: number, to: number): Uint8Array {
    const { symbols, prices, times } = updates;
    const bytesMax = HEADER_BYTES + (to - from) * TICK_BYTES_MAX;
    if (bytesMax > this.#bytes.length) this.#grow(bytesMax);
    const view = this.#view;
    view.setUint32(3, sequence);
    view.setUint32(8, 3 * (to - from));
    let at = HEADER_BYTES;
    for (let i = from; i < to; i++) {
      const alias = symbols[i] as number;
      if (alias < 0x80) {
        view.setUint8(at, alias);
        at += 1;
      } else if (alias < 0x100) {
        view.setUint16(at, 0xcc00 | alias);
        at += 2;
      } else if (alias < 0x1_0000) {
        view.setUint8(at, 0xcd);
        view.setUint16(at + 1, alias);
        at += 3;
      } else {
        view.setUint8(at, 0xce);
        view.setUint32(at + 1, alias);
        at += 5;
      }
      view.setUint8(at, 0xcb);
      view.setFloat64(at + 1, prices[i] as number);
      view.setUint8(at + 9, 0xcb);
      view.setFloat64(at + 10, times[i] as number);
      at += 18;
    }
    return this.#bytes.subarray(0, at);
  }

  #grow(length: number): void {
    this.#bytes = new Uint8Array(2 * length);
    this.#view = new DataView(this.#bytes.buffer);
    this.#bytes.set([0x93, 0x03, 0xce]);
    this.#bytes[7] = 0xdd;
  }
}
