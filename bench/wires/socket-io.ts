import { JoinedPackets } from './joined-packets.ts';
import { countPayloads, RECORD_HEADER_BYTES } from './records.ts';
import type {
  Market,
  Payload,
  PublisherSide,
  Receipt,
  SubscriberSide,
  Updates,
  Wire,
} from './wire.ts';

const PATH = '/socket.io/?EIO=4&transport=websocket';

// A packet of Engine.IO begins with a digit; in a message (4), one of Socket.IO follows.
const OPEN = '0';
const PING = '2';
const PONG = '3';
const CONNECT = '40';
const JOIN = '420["join",';
const JOINED = '430[';
const UPDATES = '42["updates","';
/** Announces the binary message that follows: the payload. */
const UPDATE = '451-["update",';

/**
 * Socket.IO 5 on Engine.IO 4, from its first byte over WebSocket. A symbol's room is its index.
 *
 * Records are published as Base64 in the text of one event: an attachment would be a second
 * message, and costs the server as much. What is measured is what it delivers, and those are
 * attachments.
 */
export const socketIoWire: Wire = {
  publishPath: PATH,
  streamPath: PATH,
  publisher: (market) => new SocketIoPublisher(market),
  subscriber: (_market, symbols) => new SocketIoSubscriber(symbols),
};

class SocketIoPublisher implements PublisherSide {
  readonly credit = Number.POSITIVE_INFINITY;
  readonly acknowledged = 0;
  isReady = false;
  readonly #records: JoinedPackets;

  constructor(market: Market) {
    this.#records = new JoinedPackets(market.symbols.length, (symbol) => {
      const before = Buffer.alloc(RECORD_HEADER_BYTES);
      before.writeUInt32LE(symbol);
      return { before };
    });
  }

  opening(): Payload[] {
    return [];
  }

  receive(payload: Payload): Payload | undefined {
    const text = textOf(payload);
    if (text.startsWith(CONNECT)) this.isReady = true;
    else return answerTo(text);
  }

  encode(updates: Updates, from: number, to: number): Payload {
    return `${UPDATES}${this.#records.join(updates, from, to).toString('base64')}"]`;
  }
}

class SocketIoSubscriber implements SubscriberSide {
  isReady = false;
  readonly #symbols: readonly number[];

  constructor(symbols: readonly number[]) {
    this.#symbols = symbols;
  }

  opening(): Payload[] {
    return [];
  }

  receive(payload: Payload, receipt: Receipt): Payload | undefined {
    if (typeof payload !== 'string') {
      countPayloads(payload, receipt);
      return undefined;
    }
    if (payload.startsWith(UPDATE)) return undefined;
    if (payload.startsWith(CONNECT)) return `${JOIN}${JSON.stringify(this.#symbols)}]`;
    if (!payload.startsWith(JOINED)) return answerTo(payload);
    this.isReady = true;
    return undefined;
  }
}

/**
 * What both sides answer alike.
 *
 * @throws Error when it is nothing that the server says unless something is wrong
 */
function answerTo(text: string): Payload {
  if (text === PING) return PONG;
  if (text.startsWith(OPEN)) return CONNECT;
  throw new Error(`socket.io says ${text}`);
}

function textOf(payload: Payload): string {
  if (typeof payload !== 'string') throw new Error('socket.io sends a publisher bytes');
  return payload;
}
