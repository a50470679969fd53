import type { Socket } from 'node:net';

/** What a link does to the bytes on their way to the client; may be changed at any time. */
export interface LinkConditions {
  /** Infinity: no limit. */
  bytesPerSecond: number;
  /** Time on the way, either direction, ms. */
  delayMs: number;
  /** Bytes that wait in front of the limit; then the sender waits, with the kernel's buffers. */
  bufferBytes: number;
}

/** Interval in which bytes are passed on, ms. */
const EVERY_MS = 5;

/** Passes on bytes in one direction, late and no faster than its conditions say. */
export class SlowLink {
  readonly #conditions: Readonly<LinkConditions>;
  readonly #from: Socket;
  readonly #to: Socket;
  #chunks: { bytes: Buffer; readonly dueAt: number }[] = [];
  #buffered = 0;
  #allowance = 0;
  #at = performance.now();
  readonly #timer: NodeJS.Timeout;

  constructor(from: Socket, to: Socket, conditions: Readonly<LinkConditions>) {
    this.#conditions = conditions;
    this.#from = from;
    this.#to = to;
    from.on('data', (bytes) => this.#take(bytes));
    this.#timer = setInterval(() => this.#passOn(), EVERY_MS);
    to.on('close', () => clearInterval(this.#timer));
  }

  #take(bytes: Buffer): void {
    this.#chunks.push({ bytes, dueAt: performance.now() + this.#conditions.delayMs });
    this.#buffered += bytes.length;
    if (this.#buffered >= this.#conditions.bufferBytes) this.#from.pause();
  }

  #passOn(): void {
    const now = performance.now();
    const { bufferBytes, bytesPerSecond } = this.#conditions;
    const earned = (bytesPerSecond * (now - this.#at)) / 1000;
    this.#at = now;
    // What the link did not carry while it was idle is lost.
    this.#allowance = Math.min(this.#allowance + earned, Math.max(earned, 1500));
    while (this.#chunks.length > 0 && this.#allowance >= 1) {
      const [first] = this.#chunks as [{ bytes: Buffer; readonly dueAt: number }];
      if (first.dueAt > now) break;
      const part = first.bytes.subarray(0, Math.min(first.bytes.length, this.#allowance));
      this.#to.write(part);
      this.#allowance -= part.length;
      this.#buffered -= part.length;
      first.bytes = first.bytes.subarray(part.length);
      if (first.bytes.length === 0) this.#chunks.shift();
    }
    if (this.#buffered < bufferBytes && this.#from.isPaused()) this.#from.resume();
  }
}
