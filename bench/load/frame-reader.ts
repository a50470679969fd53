import { Buffer } from 'node:buffer';
import type { Payload } from '../wires/wire.ts';
import { OPCODE } from './frame-batch.ts';

const FINAL = 0x80;
const RESERVED = 0x70;
const OPCODE_BITS = 0x0f;
const MASKED = 0x80;
const LENGTH_16 = 126;
const LENGTH_64 = 127;
const UINT32_SPAN = 2 ** 32;
const NOTHING = Buffer.alloc(0);

/** Receives a server's frames. Payloads are views, valid until the call returns. */
export interface FrameSink {
  message(payload: Payload): void;
  ping(payload: Uint8Array): void;
  closing(payload: Uint8Array): void;
}

/** Parses server frames however reads split or join them. Copies only a frame cut off by a read. */
export class FrameReader {
  /** Messages so far, and their bytes with headers. */
  messages = 0;
  bytes = 0;
  readonly #sink: FrameSink;
  /** Start of an incomplete frame. */
  #held: Buffer = NOTHING;
  #heldLength = 0;
  readonly #fragments: Buffer[] = [];
  #isText = false;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  /**
   * Reads the first `length` bytes; the buffer may be reused afterwards.
   *
   * @throws Error for anything but frames of a server without extensions
   */
  read(chunk: Buffer, length: number): void {
    if (this.#heldLength === 0) {
      const taken = this.#parse(chunk, length);
      if (taken < length) this.#hold(chunk.subarray(taken, length));
      return;
    }
    this.#hold(chunk.subarray(0, length));
    const taken = this.#parse(this.#held, this.#heldLength);
    this.#held.copyWithin(0, taken, this.#heldLength);
    this.#heldLength -= taken;
  }

  /** Parses whole frames; returns their bytes. */
  #parse(buffer: Buffer, end: number): number {
    let at = 0;
    while (end - at >= 2) {
      const second = buffer[at + 1] as number;
      if ((second & MASKED) !== 0) throw new Error('a masked frame from the server');
      let start = at + 2;
      let length = second;
      if (second === LENGTH_16) {
        start = at + 4;
        if (start > end) break;
        length = buffer.readUInt16BE(at + 2);
      } else if (second === LENGTH_64) {
        start = at + 10;
        if (start > end) break;
        length = buffer.readUInt32BE(at + 2) * UINT32_SPAN + buffer.readUInt32BE(at + 6);
      }
      const next = start + length;
      if (next > end) break;
      this.#frame(buffer, at, start, next);
      at = next;
    }
    return at;
  }

  #frame(buffer: Buffer, at: number, start: number, end: number): void {
    const first = buffer[at] as number;
    if ((first & RESERVED) !== 0)
      throw new Error('a frame of an extension that was not negotiated');
    const opcode = first & OPCODE_BITS;
    if (opcode >= OPCODE.close) {
      if (opcode === OPCODE.ping) this.#sink.ping(buffer.subarray(start, end));
      else if (opcode === OPCODE.close) this.#sink.closing(buffer.subarray(start, end));
      return;
    }
    this.bytes += end - at;
    if (opcode !== OPCODE.continuation) this.#isText = opcode === OPCODE.text;
    const isFinal = (first & FINAL) !== 0;
    if (!isFinal || opcode === OPCODE.continuation) {
      this.#fragments.push(Buffer.from(buffer.subarray(start, end)));
      if (!isFinal) return;
      const whole = Buffer.concat(this.#fragments.splice(0));
      this.#message(whole, 0, whole.length);
    } else {
      this.#message(buffer, start, end);
    }
  }

  #message(buffer: Buffer, start: number, end: number): void {
    this.messages++;
    this.#sink.message(
      this.#isText ? buffer.toString('utf8', start, end) : buffer.subarray(start, end),
    );
  }

  #hold(bytes: Buffer): void {
    const needed = this.#heldLength + bytes.length;
    if (needed > this.#held.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#held.length));
      this.#held.copy(larger, 0, 0, this.#heldLength);
      this.#held = larger;
    }
    bytes.copy(this.#held, this.#heldLength);
    this.#heldLength = needed;
  }
}
