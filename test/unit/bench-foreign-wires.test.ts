import { describe, expect, it } from 'vitest';
import { mqttWire } from '../../bench/wires/mqtt.ts';
import { natsWire } from '../../bench/wires/nats.ts';
import { socketIoWire } from '../../bench/wires/socket-io.ts';
import type { Payload, PublisherSide, SubscriberSide } from '../../bench/wires/wire.ts';
import { fc } from '../../testkit/fast-check.ts';
import { RecordedReceipt, updatesOf } from '../support/wire-client.ts';

const MARKET = { symbols: Array.from({ length: 1200 }, (_, index) => `S${index}`) };
const PAYLOAD_BYTES = 40;

const symbols = fc.array(fc.nat(MARKET.symbols.length - 1), { maxLength: 12 });
const cuts = fc.array(fc.nat(), { maxLength: 12 });

/** A subscriber's reading of a stream in pieces, and its answers. */
function readPieces(side: SubscriberSide, pieces: readonly Uint8Array[]) {
  const receipt = new RecordedReceipt();
  const answers: (Payload | undefined)[] = [];
  for (const piece of pieces) {
    // The socket reuses its buffer once the message is read.
    const buffer = Uint8Array.from(piece);
    answers.push(side.receive(buffer, receipt));
    buffer.fill(0xff);
  }
  return { ...receipt, answers: answers.filter((answer) => answer !== undefined).map(String) };
}

function piecesOf(stream: Uint8Array, cutsAt: readonly number[]): Uint8Array[] {
  const ends = cutsAt.map((cut) => cut % (stream.length + 1)).sort((a, b) => a - b);
  return [...ends, stream.length].map((end, index) => stream.subarray(ends[index - 1] ?? 0, end));
}

function encoded(publisher: PublisherSide, published: readonly number[]): Payload {
  return publisher.encode(updatesOf(published), 0, published.length);
}

function bytesOf(payload: Payload): Buffer {
  if (typeof payload === 'string') throw new Error('text instead of bytes');
  return Buffer.from(payload);
}

/** A payload must have the right size, symbol and due time, and non-zero filling. */
function expectPayload(payload: Buffer, symbol: number, due: number): void {
  expect(payload.length).toBe(PAYLOAD_BYTES);
  expect(payload.readDoubleLE(0)).toBe(due);
  expect(payload.readUInt32LE(8)).toBe(symbol);
  expect(payload.subarray(12)).not.toContain(0);
}

describe('NATS', () => {
  const publisher = natsWire.publisher(MARKET);

  it('publishes PUB commands one behind the other', () => {
    fc.assert(
      fc.property(symbols, (published) => {
        const due = updatesOf(published).times;
        let rest = bytesOf(encoded(publisher, published));
        for (const [index, symbol] of published.entries()) {
          const head = `PUB ${symbol} 40\r\n`;
          expect(rest.toString('latin1', 0, head.length)).toBe(head);
          const end = head.length + PAYLOAD_BYTES;
          expectPayload(rest.subarray(head.length, end), symbol, due[index] ?? 0);
          expect(rest.toString('latin1', end, end + 2)).toBe('\r\n');
          rest = rest.subarray(end + 2);
        }
        expect(rest.length).toBe(0);
      }),
    );
  });

  /** The server's bytes: greetings, then published commands as messages, a PING after each. */
  function natsStream(published: readonly number[]): Buffer {
    const parts: Uint8Array[] = [Buffer.from('INFO {"server_id":"MSG 1 1 1"}\r\nPONG\r\n')];
    for (const [index, symbol] of published.entries()) {
      const due = updatesOf(published).times[index] ?? 0;
      const pub = bytesOf(publisher.encode(updatesOf([symbol], due), 0, 1));
      const message = Buffer.from(`MSG ${symbol} ${index + 1} 40\r\n`);
      parts.push(message, pub.subarray(pub.indexOf('\n') + 1), Buffer.from('PING\r\n'));
    }
    return Buffer.concat(parts);
  }

  it('reads messages however they are cut', () => {
    fc.assert(
      fc.property(symbols, cuts, (published, cutsAt) => {
        const side = natsWire.subscriber(MARKET, published);
        const read = readPieces(side, piecesOf(natsStream(published), cutsAt));
        expect(side.isReady).toBe(true);
        expect(read.updates).toBe(published.length);
        expect(read.dueTimes).toEqual([...updatesOf(published).times]);
        expect(new Set(read.answers)).toEqual(new Set(published.length > 0 ? ['PONG\r\n'] : []));
      }),
    );
  });

  it('reads messages that arrive byte by byte, and answers every PING', () => {
    const stream = natsStream([7, 1199]);
    const side = natsWire.subscriber(MARKET, [7, 1199]);
    const read = readPieces(
      side,
      [...stream].map((byte) => Uint8Array.of(byte)),
    );
    expect(read.updates).toBe(2);
    expect(read.answers).toEqual(['PONG\r\n', 'PONG\r\n']);
  });

  it('subscribes to indexes, and is not ready before the PONG', () => {
    const side = natsWire.subscriber(MARKET, [3, 9]);
    const text = side.opening().map(String).join('');
    expect(text).toMatch(/^CONNECT \{.*\}\r\nSUB 3 1\r\nSUB 9 2\r\nPING\r\n$/);
    side.receive(Buffer.from('INFO {}\r\n'), new RecordedReceipt());
    expect(side.isReady).toBe(false);
    side.receive(Buffer.from('PONG\r\n'), new RecordedReceipt());
    expect(side.isReady).toBe(true);
  });

  it('throws what the server complains of', () => {
    const side = natsWire.publisher(MARKET);
    expect(() => side.receive(Buffer.from("-ERR 'Slow Consumer'\r\n"))).toThrow('Slow Consumer');
  });
});

describe('MQTT', () => {
  const publisher = mqttWire.publisher(MARKET);
  const CONNACK = [0x20, 2, 0, 0];
  const SUBACK = [0x90, 5, 0, 1, 0, 0, 0];

  it('publishes packets one behind the other', () => {
    fc.assert(
      fc.property(symbols, (published) => {
        const due = updatesOf(published).times;
        let rest = bytesOf(encoded(publisher, published));
        for (const [index, symbol] of published.entries()) {
          const topic = String(symbol);
          expect(rest[0]).toBe(0x30);
          expect(rest[1]).toBe(2 + topic.length + PAYLOAD_BYTES);
          expect(rest.readUInt16BE(2)).toBe(topic.length);
          const from = 4 + topic.length;
          expect(rest.toString('latin1', 4, from)).toBe(topic);
          expectPayload(rest.subarray(from, from + PAYLOAD_BYTES), symbol, due[index] ?? 0);
          rest = rest.subarray(from + PAYLOAD_BYTES);
        }
        expect(rest.length).toBe(0);
      }),
    );
  });

  it('reads packets however they are cut', () => {
    fc.assert(
      fc.property(symbols, cuts, (published, cutsAt) => {
        const packets = bytesOf(encoded(publisher, published));
        const stream = Buffer.concat([Buffer.from([...CONNACK, ...SUBACK]), packets]);
        const side = mqttWire.subscriber(MARKET, published);
        const read = readPieces(side, piecesOf(stream, cutsAt));
        expect(side.isReady).toBe(true);
        expect(read.updates).toBe(published.length);
        expect(read.dueTimes).toEqual([...updatesOf(published).times]);
      }),
    );
  });

  it('reads lengths of two bytes, byte by byte', () => {
    const topic = Buffer.alloc(200, 'x');
    const payload = Buffer.alloc(PAYLOAD_BYTES);
    payload.writeDoubleLE(12.5);
    const stream = [0x30, 0x80 | (242 & 0x7f), 1, 0, 200, ...topic, ...payload, ...CONNACK];
    const read = readPieces(
      mqttWire.subscriber(MARKET, []),
      stream.map((byte) => Uint8Array.of(byte)),
    );
    expect(read.dueTimes).toEqual([12.5]);
  });

  it('connects with a clean session and subscribes at QoS 0, in packets of any length', () => {
    const [connect, few] = mqttWire.subscriber(MARKET, [3, 42]).opening().map(bytesOf);
    expect(connect?.toString('hex')).toBe('100c00044d515454040200000000');
    expect(few?.toString('hex')).toBe('820b0001000133000002343200');
    const all = MARKET.symbols.map((_name, symbol) => symbol);
    const many = bytesOf(mqttWire.subscriber(MARKET, all).opening()[1] ?? '');
    const length = 128 * (many[2] ?? 0) + ((many[1] ?? 0) & 0x7f);
    expect(many.length).toBe(3 + length);
  });

  it('is ready when the broker took it, and throws when it refuses', () => {
    const publishing = mqttWire.publisher(MARKET);
    expect(publishing.isReady).toBe(false);
    publishing.receive(Buffer.from(CONNACK));
    expect(publishing.isReady).toBe(true);
    const refusals = [
      [0x20, 2, 0, 5],
      [0x90, 4, 0, 1, 0, 0x80],
    ];
    for (const refusal of refusals) {
      const side = mqttWire.subscriber(MARKET, [1, 2]);
      expect(() => side.receive(Buffer.from(refusal), new RecordedReceipt())).toThrow('broker');
      expect(side.isReady).toBe(false);
    }
  });
});

describe('socket.io', () => {
  const publisher = socketIoWire.publisher(MARKET);

  it('publishes one event of records in Base64', () => {
    fc.assert(
      fc.property(symbols, (published) => {
        const due = updatesOf(published).times;
        const text = String(encoded(publisher, published));
        expect(text.slice(0, 2)).toBe('42');
        const [name, base64] = JSON.parse(text.slice(2)) as [string, string];
        expect(name).toBe('updates');
        const records = Buffer.from(base64, 'base64');
        expect(records.length).toBe(44 * published.length);
        for (const [index, symbol] of published.entries()) {
          const record = records.subarray(44 * index, 44 * (index + 1));
          expect(record.readUInt32LE(0)).toBe(symbol);
          expectPayload(record.subarray(4), symbol, due[index] ?? 0);
        }
      }),
    );
  });

  it('joins, answers pings and counts attachments', () => {
    const side = socketIoWire.subscriber(MARKET, [4, 5]);
    const receipt = new RecordedReceipt();
    expect(side.receive('0{"sid":"a","pingInterval":25000}', receipt)).toBe('40');
    expect(side.receive('40{"sid":"b"}', receipt)).toBe('420["join",[4,5]]');
    expect(side.isReady).toBe(false);
    expect(side.receive('430[]', receipt)).toBeUndefined();
    expect(side.isReady).toBe(true);
    expect(side.receive('2', receipt)).toBe('3');
    const header = '451-["update",{"_placeholder":true,"num":0}]';
    const payload = Buffer.alloc(PAYLOAD_BYTES);
    for (const due of [1.5, 2.5]) {
      payload.writeDoubleLE(due);
      expect(side.receive(header, receipt)).toBeUndefined();
      expect(side.receive(payload, receipt)).toBeUndefined();
    }
    expect({ ...receipt }).toEqual({ updates: 2, dueTimes: [1.5, 2.5] });
  });

  it('is ready to publish when connected, and throws when disconnected', () => {
    const side = socketIoWire.publisher(MARKET);
    expect(side.receive('0{}')).toBe('40');
    expect(side.isReady).toBe(false);
    side.receive('40{"sid":"b"}');
    expect(side.isReady).toBe(true);
    expect(side.receive('2')).toBe('3');
    for (const text of ['41', '44{"message":"no"}']) {
      expect(() => side.receive(text)).toThrow('socket.io says');
    }
  });
});
