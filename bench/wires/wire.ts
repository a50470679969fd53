/**
 * What a contender's clients speak. The same load generator drives all of them: it owns the
 * sockets, the schedule and the counting; a wire only makes and reads the payloads of WebSocket
 * messages.
 */
export interface Wire {
  /** Path and subprotocol of the upgrade request. */
  readonly publishPath: string;
  readonly streamPath: string;
  readonly protocol?: string;
  publisher(market: Market): PublisherSide;
  /** @param symbols indexes of the market's symbols to subscribe to */
  subscriber(market: Market, symbols: readonly number[]): SubscriberSide;
}

/** What is traded: symbol names by index, the same for every contender of a workload. */
export interface Market {
  readonly symbols: readonly string[];
}

/** The payload of a WebSocket message: bytes go as a binary message, a string as text. */
export type Payload = Uint8Array | string;

/** Updates due together, in columns; only those from `from` to `to` (exclusive) are meant. */
export interface Updates {
  readonly symbols: Int32Array;
  readonly prices: Float64Array;
  /** When each was due, ms since the epoch, with fractions: what latencies count from. */
  readonly times: Float64Array;
}

/** One publisher's side of a connection. */
export interface PublisherSide {
  /** Ready to publish: whatever the server has to say first was said. */
  readonly isReady: boolean;
  /** Updates that may be sent now; infinite where the wire knows no credit. */
  readonly credit: number;
  /** Updates that the server said it took; 0 where the wire has no acknowledgements. */
  readonly acknowledged: number;
  /** What to send once the connection is open, before the first update. */
  opening(): Payload[];
  /** Takes a message from the server; what it returns is sent back. */
  receive(payload: Payload): Payload | undefined;
  /**
   * Updates as the payload of one message, valid until the next call. Cheap: no object an update,
   * so that the generator leaves the machine to the server.
   */
  encode(updates: Updates, from: number, to: number): Payload;
}

/** One subscriber's side of a connection. */
export interface SubscriberSide {
  /** Every subscription was confirmed, or cannot be. */
  readonly isReady: boolean;
  opening(): Payload[];
  /** Counts what a message delivers; what it returns is sent back. */
  receive(payload: Payload, receipt: Receipt): Payload | undefined;
}

/** What subscribers got: counted by wires, read by workloads. */
export interface Receipt {
  /**
   * An update arrived at a subscriber: `count` updates of the source in one entry (more than one:
   * conflated).
   */
  update(count: number): void;
  /**
   * The newest update of what was just counted was due at this time, ms since the epoch: records
   * the latency.
   */
  dueAt(timeMs: number): void;
}

const eightBytes = new Uint8Array(8);
const oneDouble = new Float64Array(eightBytes.buffer);

/**
 * When the update whose payload begins at `offset` was due, ms since the epoch. At any address, and
 * makes no object.
 */
export function dueTimeAt(bytes: Uint8Array, offset: number): number {
  for (let index = 0; index < 8; index += 1) eightBytes[index] = bytes[offset + index] ?? 0;
  return oneDouble[0] ?? 0;
}
