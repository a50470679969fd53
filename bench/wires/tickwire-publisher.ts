import {
  decodeFrame,
  type Encoding,
  encodeFrame,
  Op,
  readWelcome,
} from '../../src/protocol/index.ts';
import { TicksWriter } from './ticks-writer.ts';
import type { Payload, PublisherSide, Updates } from './wire.ts';

/** Names in one ALIAS frame at most: keeps frames well below the server's `frameBytesMax`. */
const NAMES_PER_FRAME = 10_000;

/** A publisher without a name. Its aliases are the indexes of the market's symbols. */
export class TickwirePublisher implements PublisherSide {
  isReady: boolean;
  acknowledged = 0;
  readonly #symbols: readonly string[];
  readonly #encoding: Encoding;
  readonly #writer = new TicksWriter();
  #sequence = 0;
  #sent = 0;
  /** Ticks that may be sent in all, by what the server said last. */
  #sendMax: number;
  /**
   * Ticks sent up to each frame from the one last acknowledged on, by its sequence; a power of two
   * of them.
   */
  #sentUpTo = new Float64Array(1024);
  #acknowledgedSequence = 0;

  constructor(symbols: readonly string[], encoding: Encoding, hasWelcome: boolean) {
    this.#symbols = symbols;
    this.#encoding = encoding;
    this.isReady = !hasWelcome;
    this.#sendMax = hasWelcome ? 0 : Number.POSITIVE_INFINITY;
  }

  get credit(): number {
    return this.#sendMax - this.#sent;
  }

  opening(): Payload[] {
    const frames: Payload[] = [];
    for (let first = 0; first < this.#symbols.length; first += NAMES_PER_FRAME) {
      const names = this.#symbols.slice(first, first + NAMES_PER_FRAME);
      frames.push(encodeFrame([Op.ALIAS, first, names], this.#encoding));
    }
    return frames;
  }

  /** @throws Error when the server refused ticks or a frame */
  receive(payload: Payload): undefined {
    const frame = decodeFrame(payload);
    switch (frame[0]) {
      case Op.WELCOME: {
        const { credit = 0, sequence = 0 } = readWelcome(frame);
        this.#sequence = sequence;
        this.#acknowledgedSequence = sequence;
        this.#sendMax = credit;
        this.isReady = true;
        break;
      }
      case Op.ACK:
        this.#acknowledge(frame[1] as number, frame[2] as number, frame[5] as number);
        break;
      case Op.REJECT:
      case Op.ERROR:
        throw new Error(`the server refuses: ${JSON.stringify(frame)}`);
      default:
    }
  }

  encode(updates: Updates, from: number, to: number): Payload {
    this.#sequence++;
    this.#sent += to - from;
    if (this.#sendMax !== Number.POSITIVE_INFINITY) this.#note();
    if (this.#encoding === 'json') return ticksAsJson(this.#sequence, updates, from, to);
    return this.#writer.write(this.#sequence, updates, from, to);
  }

  #note(): void {
    const size = this.#sentUpTo.length;
    if (this.#sequence - this.#acknowledgedSequence >= size) {
      const grown = new Float64Array(2 * size);
      for (let sequence = this.#sequence - size; sequence < this.#sequence; sequence++) {
        grown[sequence & (2 * size - 1)] = this.#sentUpTo[sequence & (size - 1)] as number;
      }
      this.#sentUpTo = grown;
    }
    this.#sentUpTo[this.#sequence & (this.#sentUpTo.length - 1)] = this.#sent;
  }

  #acknowledge(sequence: number, accepted: number, credit: number): void {
    const covered = this.#sentUpTo[sequence & (this.#sentUpTo.length - 1)] as number;
    this.#acknowledgedSequence = sequence;
    this.acknowledged = accepted;
    this.#sendMax = covered + credit;
  }
}

function ticksAsJson(sequence: number, updates: Updates, from: number, to: number): string {
  const { symbols, prices, times } = updates;
  let text = `[${Op.TICKS},${sequence},[`;
  for (let i = from; i < to; i++) {
    if (i > from) text += ',';
    text += `${symbols[i] as number},${prices[i] as number},${times[i] as number}`;
  }
  return `${text}]]`;
}
