import { PAYLOAD_BYTES, writePayload } from './records.ts';
import type { Payload, Updates } from './wire.ts';

/** What goes around a symbol's payload to make a packet of it. */
export interface Wrapping {
  readonly before: Uint8Array;
  readonly after?: Uint8Array;
}

const NOTHING = new Uint8Array(0);

/**
 * Updates as packets, one behind the other. A symbol's packet is made once, so that an update costs
 * a copy and a due time.
 */
export class JoinedPackets {
  readonly #packets: Uint8Array[] = [];
  /** Offset of the due time in each packet. */
  readonly #dueOffsets: number[] = [];
  readonly #longest: number;
  #bytes = Buffer.alloc(0);
  #view = viewOf(this.#bytes);

  constructor(symbolCount: number, wrap: (symbol: number) => Wrapping) {
    let longest = 0;
    for (let symbol = 0; symbol < symbolCount; symbol += 1) {
      const { before, after = NOTHING } = wrap(symbol);
      const packet = Buffer.concat([before, payloadOf(symbol), after]);
      this.#packets.push(packet);
      this.#dueOffsets.push(before.length);
      longest = Math.max(longest, packet.length);
    }
    this.#longest = longest;
  }

  /** The packets of updates `from` to `to` (exclusive), valid until the next call. */
  join(updates: Updates, from: number, to: number): Buffer {
    this.#reserve((to - from) * this.#longest);
    let at = 0;
    for (let index = from; index < to; index += 1) {
      const symbol = updates.symbols[index] ?? 0;
      const packet = this.#packets[symbol];
      if (packet === undefined) throw new Error(`no symbol ${symbol} in the market`);
      this.#bytes.set(packet, at);
      this.#view.setFloat64(at + (this.#dueOffsets[symbol] ?? 0), updates.times[index] ?? 0, true);
      at += packet.length;
    }
    return this.#bytes.subarray(0, at);
  }

  #reserve(length: number): void {
    if (length <= this.#bytes.length) return;
    this.#bytes = Buffer.alloc(2 * length);
    this.#view = viewOf(this.#bytes);
  }
}

function payloadOf(symbol: number): Uint8Array {
  const payload = new Uint8Array(PAYLOAD_BYTES);
  writePayload(payload, viewOf(payload), 0, symbol, 0);
  return payload;
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

const NONE = new Uint8Array(0);

/**
 * Makes one stream of bytes of the messages of a connection: a packet may begin in one and end in
 * another.
 */
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
