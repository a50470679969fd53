import { Buffer } from 'node:buffer';
import type { Payload } from '../wires/wire.ts';

const START_BYTES = 1 << 16;
/** Two bytes, a 64-bit length, the mask. */
const HEADER_BYTES_MAX = 14;
const MASK_BYTES = 4;
const FINAL = 0x80;
const MASKED = 0x80;
const LENGTH_16 = 126;
const LENGTH_64 = 127;
const UINT16_MAX = 0xffff;
const UINT32_SPAN = 2 ** 32;

export const OPCODE = {
  continuation: 0,
  text: 1,
  binary: 2,
  close: 8,
  ping: 9,
  pong: 10,
} as const;

/**
 * Client WebSocket frames in one buffer for one system call. The masking key is zero, so payloads
 * stay as they are: masking costs only the client, and the server unmasks with any key alike.
 */
export class FrameBatch {
  #buffer = Buffer.allocUnsafeSlow(START_BYTES);
  #length = 0;

  /** Bytes in the batch. */
  get length(): number {
    return this.#length;
  }

  /** Adds a message: text where the payload is a string. */
  add(payload: Payload): void {
    if (typeof payload === 'string') {
      const length = Buffer.byteLength(payload);
      this.#header(OPCODE.text, length);
      this.#length += this.#buffer.write(payload, this.#length);
    } else {
      this.addFrame(OPCODE.binary, payload);
    }
  }

  addFrame(opcode: number, payload: Uint8Array): void {
    this.#header(opcode, payload.length);
    this.#buffer.set(payload, this.#length);
    this.#length += payload.length;
  }

  /** View of the frames so far, valid until the next `add`. */
  view(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  /** Reuses the buffer. */
  clear(): void {
    this.#length = 0;
  }

  /** Starts a new buffer: the old one is still being read. */
  renew(): void {
    this.#buffer = Buffer.allocUnsafeSlow(START_BYTES);
    this.#length = 0;
  }

  #header(opcode: number, length: number): void {
    this.#reserve(HEADER_BYTES_MAX + length);
    const buffer = this.#buffer;
    let at = this.#length;
    buffer[at++] = FINAL | opcode;
    if (length < LENGTH_16) {
      buffer[at++] = MASKED | length;
    } else if (length <= UINT16_MAX) {
      buffer[at++] = MASKED | LENGTH_16;
      at = buffer.writeUInt16BE(length, at);
    } else {
      buffer[at++] = MASKED | LENGTH_64;
      at = buffer.writeUInt32BE(Math.floor(length / UINT32_SPAN), at);
      at = buffer.writeUInt32BE(length % UINT32_SPAN, at);
    }
    buffer[at] = 0;
    buffer[at + 1] = 0;
    buffer[at + 2] = 0;
    buffer[at + 3] = 0;
    this.#length = at + MASK_BYTES;
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#buffer.length));
    larger.set(this.view());
    this.#buffer = larger;
  }
}
