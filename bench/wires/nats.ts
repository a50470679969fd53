import { JoinedPackets, UnreadBytes } from './joined-packets.ts';
import { PAYLOAD_BYTES } from './records.ts';
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

const CONNECT = 'CONNECT {"verbose":false,"pedantic":false,"headers":false}\r\n';
const PING = 'PING\r\n';
const PONG = Buffer.from('PONG\r\n');

const LETTER_M = 0x4d;
const LINE_FEED = 0x0a;
const SPACE = 0x20;
const DIGIT_ZERO = 0x30;
const LINE_END_BYTES = 2;

/** NATS' text protocol in binary messages. A symbol's subject is its index. */
export const natsWire: Wire = {
  publishPath: '/',
  streamPath: '/',
  publisher: (market) => new NatsPublisher(market),
  subscriber: (_market, symbols) => new NatsSubscriber(symbols),
};

class NatsPublisher implements PublisherSide {
  readonly credit = Number.POSITIVE_INFINITY;
  readonly acknowledged = 0;
  readonly #reader = new NatsReader();
  readonly #packets: JoinedPackets;

  constructor(market: Market) {
    const after = Buffer.from('\r\n');
    this.#packets = new JoinedPackets(market.symbols.length, (symbol) => ({
      before: Buffer.from(`PUB ${symbol} ${PAYLOAD_BYTES}\r\n`),
      after,
    }));
  }

  get isReady(): boolean {
    return this.#reader.ponged;
  }

  opening(): Payload[] {
    return [Buffer.from(CONNECT + PING)];
  }

  receive(payload: Payload): Payload | undefined {
    return this.#reader.read(payload);
  }

  encode(updates: Updates, from: number, to: number): Payload {
    return this.#packets.join(updates, from, to);
  }
}

class NatsSubscriber implements SubscriberSide {
  readonly #reader = new NatsReader();
  readonly #symbols: readonly number[];

  constructor(symbols: readonly number[]) {
    this.#symbols = symbols;
  }

  /** The server answers in order: its PONG comes when all subscriptions are made. */
  get isReady(): boolean {
    return this.#reader.ponged;
  }

  opening(): Payload[] {
    const subscriptions = this.#symbols.map((symbol, index) => `SUB ${symbol} ${index + 1}\r\n`);
    return [Buffer.from(CONNECT + subscriptions.join('') + PING)];
  }

  receive(payload: Payload, receipt: Receipt): Payload | undefined {
    return this.#reader.read(payload, receipt);
  }
}

/** Reads what the server says. */
class NatsReader {
  /** The server answered a PING. */
  ponged = false;
  readonly #unread = new UnreadBytes();

  /**
   * @returns what is to be sent back
   * @throws Error when the server complains
   */
  read(payload: Payload, receipt?: Receipt): Payload | undefined {
    const bytes = this.#unread.followedBy(payload);
    let answer: Payload | undefined;
    let at = 0;
    for (;;) {
      const lineEnd = endOfLine(bytes, at);
      if (lineEnd < 0) break;
      if (bytes[at] !== LETTER_M) {
        if (this.#isPing(bytes, at, lineEnd)) answer = PONG;
        at = lineEnd;
        continue;
      }
      const end = lineEnd + sizeBefore(bytes, lineEnd) + LINE_END_BYTES;
      if (end > bytes.length) break;
      receipt?.update(1);
      receipt?.dueAt(dueTimeAt(bytes, lineEnd));
      at = end;
    }
    this.#unread.keep(bytes, at);
    return answer;
  }

  #isPing(bytes: Uint8Array, from: number, to: number): boolean {
    const line = Buffer.from(bytes.subarray(from, to)).toString().trimEnd();
    if (line === 'PONG') this.ponged = true;
    else if (line !== 'PING' && !line.startsWith('INFO ')) throw new Error(`NATS says ${line}`);
    return line === 'PING';
  }
}

/** Where the line that begins at `from` is over, or −1 when it goes on in the next message. */
function endOfLine(bytes: Uint8Array, from: number): number {
  for (let at = from; at < bytes.length; at += 1) if (bytes[at] === LINE_FEED) return at + 1;
  return -1;
}

/** The number at the end of a line `MSG subject sid size`, which is over at `lineEnd`. */
function sizeBefore(bytes: Uint8Array, lineEnd: number): number {
  let size = 0;
  let scale = 1;
  for (let at = lineEnd - LINE_END_BYTES - 1; ; at -= 1) {
    const byte = bytes[at] ?? SPACE;
    if (byte === SPACE) return size;
    size += (byte - DIGIT_ZERO) * scale;
    scale *= 10;
  }
}
