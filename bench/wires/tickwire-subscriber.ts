import { decodeFrame, type Frame, Op, type SubscribeOptions } from '../../src/protocol/index.ts';
import type { Receipt } from '../load/receipt.ts';
import { type EntrySink, PackedEntries, readEntries } from './stats-entries.ts';
import type { Payload, SubscriberSide } from './wire.ts';

// Read at once and to the end: one does for all sessions.
const packedEntries = new PackedEntries();

/** Counts what the STATS frames of a session deliver. */
export class TickwireSubscriber implements SubscriberSide, EntrySink {
  isReady = false;
  readonly #encode: (frame: Frame) => Payload;
  readonly #names: readonly string[];
  readonly #options: SubscribeOptions;
  /** Where a symbol's count and time stand, by symbol id: sessions are many, and each holds few of the symbols. */
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
      // What the symbol had seen before the session began was delivered to nobody here.
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
