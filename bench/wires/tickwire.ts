import {
  decodeFrame,
  encodeFrame,
  type Frame,
  Op,
  PUBLISH_PATH,
  STREAM_PATH,
  SUBPROTOCOL_BINARY,
  SUBPROTOCOL_JSON,
  type SubscribeOptions,
} from '../../src/protocol/index.ts';
import { type EntrySink, PackedEntries, readEntries } from './stats-entries.ts';
import { TickwirePublisher } from './tickwire-publisher.ts';
import type { Payload, Receipt, SubscriberSide, Wire } from './wire.ts';

export interface TickwireWireOptions {
  /** Frames as JSON instead of MessagePack. */
  readonly json?: boolean;
  /** What subscribers ask for; the server's own setting where absent. */
  readonly conflateMs?: number;
  /**
   * False for a server that neither greets nor acknowledges: publishers begin at once and never
   * wait.
   */
  readonly hasWelcome?: boolean;
}

/**
 * Tickwire's own protocol. Both sides throw when the server refuses something: figures of a run
 * with refusals would say nothing.
 */
export function tickwireWire(options: TickwireWireOptions = {}): Wire {
  const { json = false, hasWelcome = true, conflateMs } = options;
  const encoding = json ? 'json' : 'binary';
  const subscribeOptions = { anomalies: true, ...(conflateMs === undefined ? {} : { conflateMs }) };
  return {
    publishPath: PUBLISH_PATH,
    streamPath: STREAM_PATH,
    protocol: json ? SUBPROTOCOL_JSON : SUBPROTOCOL_BINARY,
    publisher: ({ symbols }) => new TickwirePublisher(symbols, encoding, hasWelcome),
    subscriber: (market, symbols) => {
      const names = symbols.map((index) => market.symbols[index] as string);
      return new TickwireSubscriber(
        (frame) => encodeFrame(frame, encoding),
        names,
        subscribeOptions,
      );
    },
  };
}

// Read at once and to the end: one does for all sessions.
const packedEntries = new PackedEntries();

/** Counts what the STATS frames of a session deliver. */
class TickwireSubscriber implements SubscriberSide, EntrySink {
  isReady = false;
  readonly #encode: (frame: Frame) => Payload;
  readonly #names: readonly string[];
  readonly #options: SubscribeOptions;
  /**
   * Where a symbol's count and time stand, by symbol id: sessions are many, and each holds few of
   * the symbols.
   */
  readonly #places = new Map<number, number>();
  readonly #counts: Float64Array;
  readonly #times: Float64Array;
  #receipt: Receipt | undefined;

  constructor(
    encode: (frame: Frame) => Payload,
    names: readonly string[],
    options: SubscribeOptions,
  ) {
    this.#encode = encode;
    this.#names = names;
    this.#options = options;
    this.#counts = new Float64Array(names.length);
    this.#times = new Float64Array(names.length);
  }

  opening(): Payload[] {
    return [this.#encode([Op.SUBSCRIBE, 1, this.#names, this.#options])];
  }

  /** @throws Error when the server refuses the subscription, or anything else */
  receive(payload: Payload, receipt: Receipt): undefined {
    this.#receipt = receipt;
    if (typeof payload !== 'string' && packedEntries.read(payload, this)) return;
    const frame = decodeFrame(payload);
    switch (frame[0]) {
      case Op.STATS:
        readEntries(frame[2] as readonly number[], this);
        break;
      case Op.SUBSCRIBED:
        if ((frame[2] as readonly number[]).some((code) => code !== 0)) throw refusal(frame);
        this.isReady = true;
        break;
      case Op.ERROR:
        throw refusal(frame);
      default:
    }
  }

  entry(symbolId: number, isFull: boolean, count: number, time: number): void {
    const known = this.#places.get(symbolId);
    const place = known ?? this.#places.size;
    if (known === undefined) this.#places.set(symbolId, place);
    if (!Number.isNaN(count)) {
      const before = this.#counts[place] as number;
      const now = isFull ? count : before + count;
      this.#counts[place] = now;
      // Updates from before the session began were not delivered here.
      const increase = known === undefined ? 1 : now - before;
      if (increase > 0) this.#receipt?.update(increase);
    }
    if (!Number.isNaN(time)) {
      const before = this.#times[place] as number;
      const now = isFull ? time : before + time;
      this.#times[place] = now;
      if (now !== before) this.#receipt?.dueAt(now);
    }
  }
}

function refusal(frame: Frame): Error {
  return new Error(`the server refuses: ${JSON.stringify(frame)}`);
}
