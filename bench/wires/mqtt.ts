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

// Types of packets with the flags of their first byte.
const CONNECT = 0x10;
const CONNACK = 0x20;
const PUBLISH_AT_QOS_0 = 0x30;
const SUBSCRIBE = 0x82;
const SUBACK = 0x90;

const CLEAN_SESSION = 0x02;
const LEVEL_3_1_1 = 4;
const KEEP_ALIVE_OFF = 0;
const QOS_0 = 0;
const LEAST_REFUSAL = 0x80;
const PACKET_ID = 1;
const PACKET_ID_BYTES = 2;
const TOPIC_LENGTH_BYTES = 2;
const MORE_LENGTH = 0x80;

/** MQTT 3.1.1 at QoS 0 in binary messages. A symbol's topic is its index. */
export const mqttWire: Wire = {
  publishPath: '/mqtt',
  streamPath: '/mqtt',
  protocol: 'mqtt',
  publisher: (market) => new MqttPublisher(market),
  subscriber: (_market, symbols) => new MqttSubscriber(symbols),
};

class MqttPublisher implements PublisherSide {
  readonly credit = Number.POSITIVE_INFINITY;
  readonly acknowledged = 0;
  readonly #reader = new MqttReader();
  readonly #packets: JoinedPackets;

  constructor(market: Market) {
    this.#packets = new JoinedPackets(market.symbols.length, (symbol) => {
      const topic = utf8String(String(symbol));
      const length = encodeLength(topic.length + PAYLOAD_BYTES);
      return { before: Buffer.concat([[PUBLISH_AT_QOS_0], length, topic].map(bytesOf)) };
    });
  }

  get isReady(): boolean {
    return this.#reader.isConnected;
  }

  opening(): Payload[] {
    return [connectPacket()];
  }

  receive(payload: Payload): undefined {
    this.#reader.read(payload);
  }

  encode(updates: Updates, from: number, to: number): Payload {
    return this.#packets.join(updates, from, to);
  }
}

class MqttSubscriber implements SubscriberSide {
  readonly #reader = new MqttReader();
  readonly #symbols: readonly number[];

  constructor(symbols: readonly number[]) {
    this.#symbols = symbols;
  }

  get isReady(): boolean {
    return this.#reader.isSubscribed;
  }

  /** A client need not wait for the CONNACK before it goes on. */
  opening(): Payload[] {
    return [connectPacket(), subscribePacket(this.#symbols)];
  }

  receive(payload: Payload, receipt: Receipt): undefined {
    this.#reader.read(payload, receipt);
  }
}

/** Reads what the broker says. */
class MqttReader {
  isConnected = false;
  isSubscribed = false;
  readonly #unread = new UnreadBytes();

  /** @throws Error when the broker refuses something or sends what was not asked for */
  read(payload: Payload, receipt?: Receipt): void {
    const bytes = this.#unread.followedBy(payload);
    let at = 0;
    for (;;) {
      const lengthEnd = endOfLength(bytes, at + 1);
      if (lengthEnd < 0) break;
      const end = lengthEnd + lengthBefore(bytes, at + 1, lengthEnd);
      if (end > bytes.length) break;
      if (bytes[at] === PUBLISH_AT_QOS_0) {
        const topicLength = 256 * (bytes[lengthEnd] ?? 0) + (bytes[lengthEnd + 1] ?? 0);
        receipt?.update(1);
        receipt?.dueAt(dueTimeAt(bytes, lengthEnd + TOPIC_LENGTH_BYTES + topicLength));
      } else {
        this.#readAnswer(bytes[at] ?? 0, bytes.subarray(lengthEnd, end));
      }
      at = end;
    }
    this.#unread.keep(bytes, at);
  }

  #readAnswer(type: number, body: Uint8Array): void {
    if (type === CONNACK && body[1] === 0) {
      this.isConnected = true;
    } else if (type === SUBACK && body.every((code, at) => isTaken(code, at))) {
      this.isSubscribed = true;
    } else {
      const hex = Buffer.from(body).toString('hex');
      throw new Error(`the broker answers with packet 0x${type.toString(16)}: ${hex}`);
    }
  }
}

function isTaken(code: number, at: number): boolean {
  return at < PACKET_ID_BYTES || code < LEAST_REFUSAL;
}

/** Without a name for the client: the broker gives each one of its own. */
function connectPacket(): Uint8Array {
  const rest = [LEVEL_3_1_1, CLEAN_SESSION, 0, KEEP_ALIVE_OFF];
  return packet(CONNECT, [utf8String('MQTT'), rest, utf8String('')]);
}

function subscribePacket(symbols: readonly number[]): Uint8Array {
  const filters = symbols.flatMap((symbol) => [utf8String(String(symbol)), [QOS_0]]);
  return packet(SUBSCRIBE, [[0, PACKET_ID], ...filters]);
}

function packet(type: number, parts: readonly ArrayLike<number>[]): Uint8Array {
  const body = Buffer.concat(parts.map(bytesOf));
  return Buffer.concat([[type], encodeLength(body.length), body].map(bytesOf));
}

function bytesOf(part: ArrayLike<number>): Uint8Array {
  return Uint8Array.from(part);
}

function utf8String(text: string): Uint8Array {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes]);
}

/** Seven bits a byte, the lowest first. */
function encodeLength(length: number): number[] {
  const low = length & (MORE_LENGTH - 1);
  return length < MORE_LENGTH ? [low] : [low | MORE_LENGTH, ...encodeLength(length >> 7)];
}

/** Where the length that begins at `from` is over, or −1 when it goes on in the next message. */
function endOfLength(bytes: Uint8Array, from: number): number {
  for (let at = from; at < bytes.length; at += 1) {
    if (((bytes[at] ?? 0) & MORE_LENGTH) === 0) return at + 1;
  }
  return -1;
}

function lengthBefore(bytes: Uint8Array, from: number, to: number): number {
  let length = 0;
  for (let at = to - 1; at >= from; at -= 1) {
    length = (length << 7) | ((bytes[at] ?? 0) & (MORE_LENGTH - 1));
  }
  return length;
}
