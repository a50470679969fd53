import type { Payload } from './wire.ts';

const NONE = new Uint8Array(0);

/** Makes one stream of bytes of the messages of a connection: a packet may begin in one and end in another. */
export class UnreadBytes {
  #rest: Uint8Array = NONE;

  /**
   * The bytes that are to read now: those kept, then the message.
   *
   * @throws Error when the message is text
   */
  followedBy(payload: Payload): Uint8Array {
    if (typeof payload === 'string') throw new Error(`text instead of bytes: ${payload}`);
    return this.#rest.length === 0 ? payload : Buffer.concat([this.#rest, payload]);
  }

  /** Keeps a copy of what was not read, from `offset` on. */
  keep(bytes: Uint8Array, offset: number): void {
    this.#rest = offset === bytes.length ? NONE : Uint8Array.prototype.slice.call(bytes, offset);
  }
}
