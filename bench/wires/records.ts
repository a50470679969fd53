import {
  dueTimeAt,
  type Market,
  type Payload,
  type PublisherSide,
  type Receipt,
  type SubscriberSide,
  type Updates,
  type Wire,
} from './wire.ts';

/*
 * The wire of servers that deliver ready bytes. All integers and doubles are little-endian.
 *
 *   publisher's message    records joined
 *   record                 ┌ symbol index: uint32 ┬ payload: 40 bytes ┐
 *   payload                ┌ due, epoch ms: float64 ┬ symbol index: uint32 ┬ filler: 28 bytes ┐
 *   delivered message      payloads joined, one an update
 *
 * A subscriber sends one text message, a JSON array of symbol indexes, and gets the text `ok` when
 * it is subscribed.
 */

/** What is delivered of an update: about the size of a STATS entry with its frame. */
export const PAYLOAD_BYTES = 40;
/** Where the payload begins in its record. */
export const RECORD_HEADER_BYTES = 4;
export const RECORD_BYTES = RECORD_HEADER_BYTES + PAYLOAD_BYTES;
/** What a server answers to a subscription. */
export const SUBSCRIBED_TEXT = 'ok';

const SYMBOL_AT = 8;
const FILLER_AT = 12;
const FILLER = 0x55;

/** Writes a payload at a place of `bytes`; `view` is of the same bytes. */
export function writePayload(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  symbol: number,
  dueAt: number,
): void {
  view.setFloat64(at, dueAt, true);
  view.setUint32(at + SYMBOL_AT, symbol, true);
  bytes.fill(FILLER, at + FILLER_AT, at + PAYLOAD_BYTES);
}

/**
 * Counts the payloads of a delivered message, from a byte of it on.
 *
 * @throws RangeError when it is not whole payloads
 */
export function countPayloads(bytes: Uint8Array, receipt: Receipt, from = 0): void {
  if ((bytes.length - from) % PAYLOAD_BYTES !== 0) {
    throw new RangeError(`${bytes.length - from} bytes are no whole payloads`);
  }
  for (let at = from; at < bytes.length; at += PAYLOAD_BYTES) {
    receipt.update(1);
    receipt.dueAt(dueTimeAt(bytes, at));
  }
}

export const recordsWire: Wire = {
  publishPath: '/publish',
  streamPath: '/stream',
  publisher: () => new RecordsPublisher(),
  subscriber: (_market: Market, symbols: readonly number[]) => new RecordsSubscriber(symbols),
};

class RecordsPublisher implements PublisherSide {
  readonly isReady = true;
  readonly credit = Number.POSITIVE_INFINITY;
  readonly acknowledged = 0;
  #bytes = new Uint8Array(0);
  #view = new DataView(this.#bytes.buffer);

  opening(): Payload[] {
    return [];
  }

  receive(): undefined {
    return undefined;
  }

  encode({ symbols, times }: Updates, from: number, to: number): Payload {
    const length = (to - from) * RECORD_BYTES;
    if (length > this.#bytes.length) this.#grow(length);
    const view = this.#view;
    let at = 0;
    for (let i = from; i < to; i++) {
      const symbol = symbols[i] as number;
      view.setUint32(at, symbol, true);
      view.setFloat64(at + RECORD_HEADER_BYTES, times[i] as number, true);
      view.setUint32(at + RECORD_HEADER_BYTES + SYMBOL_AT, symbol, true);
      at += RECORD_BYTES;
    }
    return length === this.#bytes.length ? this.#bytes : this.#bytes.subarray(0, length);
  }

  /** The filler never changes: it is written once. */
  #grow(length: number): void {
    this.#bytes = new Uint8Array(length);
    this.#view = new DataView(this.#bytes.buffer);
    for (let at = RECORD_HEADER_BYTES; at < length; at += RECORD_BYTES) {
      writePayload(this.#bytes, this.#view, at, 0, 0);
    }
  }
}

class RecordsSubscriber implements SubscriberSide {
  isReady = false;
  readonly #symbols: readonly number[];

  constructor(symbols: readonly number[]) {
    this.#symbols = symbols;
  }

  opening(): Payload[] {
    return [JSON.stringify(this.#symbols)];
  }

  receive(payload: Payload, receipt: Receipt): undefined {
    if (typeof payload !== 'string') countPayloads(payload, receipt);
    else if (payload === SUBSCRIBED_TEXT) this.isReady = true;
    else throw new Error(`the server says: ${payload}`);
  }
}
