import { describe, expect, it } from 'vitest';
import {
  PAYLOAD_BYTES,
  RECORD_BYTES,
  RECORD_HEADER_BYTES,
  recordsWire,
} from '../../bench/wires/records.ts';
import { tickwireWire } from '../../bench/wires/tickwire.ts';
import type { Payload, Receipt, Updates } from '../../bench/wires/wire.ts';
import {
  ByteWriter,
  decodeFrame,
  encodeFrame,
  type Frame,
  NameKind,
  Op,
  readTicksFrame,
  TickBatch,
  TicksReader,
} from '../../src/protocol/index.ts';
import { fc } from '../../testkit/fast-check.ts';

const TICKS_MAX = 1000;

function updatesOf(rows: readonly (readonly [symbol: number, price: number, time: number])[]) {
  return {
    symbols: Int32Array.from(rows, ([symbol]) => symbol),
    prices: Float64Array.from(rows, ([, price]) => price),
    times: Float64Array.from(rows, ([, , time]) => time),
  } satisfies Updates;
}

function steady(count: number): Updates {
  return updatesOf(Array.from({ length: count }, () => [1, 2, 3]));
}

/** A server's reading of a frame, row by row. */
function readByServer(payload: Payload): { sequence: number; rows: number[][] } {
  const batch = new TickBatch();
  if (typeof payload === 'string') readTicksFrame(decodeFrame(payload), batch, 0, TICKS_MAX);
  else expect(new TicksReader(TICKS_MAX).read(payload, batch, 0)).toBe(true);
  const rows = Array.from({ length: batch.count }, (_, i) => {
    expect(batch.kinds[i]).toBe(NameKind.ALIAS);
    return [batch.names[i], batch.prices[i], batch.times[i]] as number[];
  });
  return { sequence: batch.sequence, rows };
}

class CountingReceipt implements Receipt {
  readonly counts: number[] = [];
  readonly dues: number[] = [];

  update(count: number): void {
    this.counts.push(count);
  }

  dueAt(timeMs: number): void {
    this.dues.push(timeMs);
  }
}

const ROW = fc.tuple(
  fc.oneof(fc.nat({ max: 300 }), fc.nat({ max: 70_000 }), fc.nat({ max: 2 ** 31 - 1 })),
  fc.double({ min: 1e-9, max: 1e12, noNaN: true }),
  fc.double({ min: 1.7e12, max: 1.8e12, noNaN: true }),
);

describe.each([
  ['MessagePack', {}],
  ['JSON', { json: true }],
])("a publisher's frames as %s", (_, options) => {
  it('are what a server reads, frame after frame', () => {
    const publisher = tickwireWire({ ...options, hasWelcome: false }).publisher({ symbols: [] });
    let sequence = 0;
    fc.assert(
      fc.property(fc.array(ROW, { minLength: 2, maxLength: 200 }), (rows) => {
        const payload = publisher.encode(updatesOf(rows), 1, rows.length);
        sequence++;
        expect(readByServer(payload)).toEqual({ sequence, rows: rows.slice(1) });
        const whole = typeof payload === 'string' ? payload : Uint8Array.from(payload);
        expect(decodeFrame(whole)).toEqual([Op.TICKS, sequence, rows.slice(1).flat()]);
      }),
    );
  });

  it('declare an alias for every symbol', () => {
    const symbols = Array.from({ length: 25_000 }, (__, i) => `S${i}`);
    const frames = tickwireWire(options).publisher({ symbols }).opening().map(decodeFrame);
    expect(frames.map((frame) => frame.slice(0, 2))).toEqual([
      [Op.ALIAS, 0],
      [Op.ALIAS, 10_000],
      [Op.ALIAS, 20_000],
    ]);
    expect(frames.flatMap((frame) => frame[2])).toEqual(symbols);
  });
});

describe("a publisher's credit", () => {
  const tell = (frame: Frame) => encodeFrame(frame, 'binary');

  it('is the announced credit less what it does not cover yet', () => {
    const publisher = tickwireWire().publisher({ symbols: [] });
    expect(publisher).toMatchObject({ isReady: false, credit: 0 });
    publisher.receive(tell([Op.WELCOME, { sequence: 0, credit: 100 }]));
    expect(publisher).toMatchObject({ isReady: true, credit: 100, acknowledged: 0 });
    publisher.encode(steady(30), 0, 30);
    publisher.encode(steady(20), 0, 20);
    expect(publisher.credit).toBe(50);
    publisher.receive(tell([Op.ACK, 1, 30, 0, 0, 90]));
    expect(publisher).toMatchObject({ credit: 70, acknowledged: 30 });
    publisher.receive(tell([Op.ACK, 1, 30, 0, 0, 95]));
    expect(publisher.credit).toBe(75);
    publisher.receive(tell([Op.ACK, 2, 50, 0, 0, 100]));
    expect(publisher).toMatchObject({ credit: 100, acknowledged: 50 });
  });

  it('is right however many frames wait for their acknowledgement', () => {
    const publisher = tickwireWire().publisher({ symbols: [] });
    publisher.receive(tell([Op.WELCOME, { sequence: 0, credit: 1e6 }]));
    const updates = steady(7);
    for (let i = 1; i <= 5000; i++) publisher.encode(updates, 0, 1 + (i % 7));
    const sentUpTo = (sequence: number) =>
      Array.from({ length: sequence }, (_, i) => 1 + ((i + 1) % 7)).reduce((a, b) => a + b, 0);
    for (const sequence of [0, 1, 1023, 1024, 1025, 2500, 4999, 5000]) {
      publisher.receive(tell([Op.ACK, sequence, sentUpTo(sequence), 0, 0, 1e6]));
      expect(publisher.credit).toBe(1e6 - (sentUpTo(5000) - sentUpTo(sequence)));
    }
  });

  it('does not end without a greeting', () => {
    const publisher = tickwireWire({ hasWelcome: false }).publisher({ symbols: [] });
    publisher.encode(steady(1000), 0, 1000);
    expect(publisher).toMatchObject({ isReady: true, credit: Number.POSITIVE_INFINITY });
  });

  it('ends with a refusal', () => {
    const publisher = tickwireWire().publisher({ symbols: [] });
    expect(() => publisher.receive(tell([Op.REJECT, 1, [0, 4]]))).toThrow('refuses');
  });
});

describe.each(['binary', 'json'] as const)(
  "a subscriber's count of %s STATS frames",
  (encoding) => {
    const wire = tickwireWire({ json: encoding === 'json', conflateMs: 5 });
    const market = { symbols: ['A', 'B', 'C'] };

    it('asks for its symbols and is ready when they are granted', () => {
      const subscriber = wire.subscriber(market, [2, 0]);
      const [opening = ''] = subscriber.opening();
      const [op, requestId, names, options] = decodeFrame(opening);
      expect([op, names]).toEqual([Op.SUBSCRIBE, ['C', 'A']]);
      const given = options instanceof Map ? Object.fromEntries(options) : options;
      expect(given).toEqual({ anomalies: true, conflateMs: 5 });
      expect(subscriber.isReady).toBe(false);
      const answer: Frame = [Op.SUBSCRIBED, requestId, [0, 0], {}];
      subscriber.receive(encodeFrame(answer, encoding), new CountingReceipt());
      expect(subscriber.isReady).toBe(true);
      const refusal: Frame = [Op.SUBSCRIBED, requestId, [0, 8], {}];
      expect(() =>
        subscriber.receive(encodeFrame(refusal, encoding), new CountingReceipt()),
      ).toThrow('refuses');
    });

    it('takes full entries, deltas and what is missing in them', () => {
      const subscriber = wire.subscriber(market, [0, 1]);
      const receipt = new CountingReceipt();
      const deliver = (...entries: number[]) => {
        receipt.counts.length = 0;
        receipt.dues.length = 0;
        subscriber.receive(encodeFrame([Op.STATS, 1.5, entries], encoding), receipt);
        return { counts: receipt.counts, dues: receipt.dues };
      };
      // Updates counted before the session began are one to it.
      expect(deliver(70_000, 127, 9.5, 9.25, 50, 1e12, 9, 10)).toEqual({
        counts: [1],
        dues: [1e12],
      });
      expect(deliver(70_000, 12, 3, 250)).toEqual({ counts: [3], dues: [1e12 + 250] });
      // A late tick counts without moving the time; a price may come alone.
      expect(deliver(70_000, 7, 9.5, 9.25, 1)).toEqual({ counts: [1], dues: [] });
      expect(deliver(70_000, 49, 9.5, 8, 11)).toEqual({ counts: [], dues: [] });
      expect(deliver(70_000, 8, 0.25)).toEqual({ counts: [], dues: [1e12 + 250.25] });
      expect(deliver(70_000, 127, 1, 1, 60, 1e12 + 300, 1, 1)).toEqual({
        counts: [6],
        dues: [1e12 + 300],
      });
      const two = deliver(70_000, 4, 2, 3, 127, 1, 1, 1, 2e12, 1, 1);
      expect(two).toEqual({ counts: [2, 1], dues: [2e12] });
      // Increments are relative to this symbol's own values.
      expect(deliver(3, 12, 1, 10, 70_000, 12, 1, 10)).toEqual({
        counts: [1, 1],
        dues: [2e12 + 10, 1e12 + 310],
      });
    });
  },
);

it("a subscriber reads any numbers that the server's writer packs", () => {
  const number = fc.oneof(
    fc.integer({ min: 1, max: 2 ** 40 }),
    fc.nat({ max: 300 }).map((n) => n + 1),
    fc.double({ min: 1e-6, max: 2e12, noNaN: true }),
    fc.float({ min: 1, max: 1000, noNaN: true }),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(number, number, number), { maxLength: 20 }), (entries) => {
      const writer = new ByteWriter();
      const values = entries.flatMap(([price, time, max], id) => [id, 105, price, time, max]);
      writer.arrayHeader(3);
      writer.number(Op.STATS);
      writer.float64(1.7e12 + 0.5);
      writer.arrayHeader(values.length);
      for (const value of values) writer.number(value);
      const receipt = new CountingReceipt();
      const subscriber = tickwireWire().subscriber(
        { symbols: [] },
        entries.map((_, i) => i),
      );
      subscriber.receive(writer.view(), receipt);
      expect(receipt.dues).toEqual(entries.map(([, time]) => time));
      const cut = writer.view().subarray(0, -1);
      expect(() => subscriber.receive(cut, receipt)).toThrow(RangeError);
    }),
  );
});

describe('records', () => {
  it('carry each update to where a subscriber reads it', () => {
    fc.assert(
      fc.property(fc.array(ROW, { maxLength: 100 }), (rows) => {
        const publisher = recordsWire.publisher({ symbols: [] });
        // After a larger message: its remainder must not show.
        publisher.encode(steady(120), 0, 120);
        const message = publisher.encode(updatesOf(rows), 0, rows.length) as Uint8Array;
        expect(message.length).toBe(rows.length * RECORD_BYTES);
        const { buffer, byteOffset, length } = message;
        const view = new DataView(buffer, byteOffset, length);
        const payloads = rows.map(([symbol], i) => {
          const at = i * RECORD_BYTES;
          expect(view.getUint32(at, true)).toBe(symbol);
          expect(view.getUint32(at + RECORD_HEADER_BYTES + 8, true)).toBe(symbol);
          return message.subarray(at + RECORD_HEADER_BYTES, at + RECORD_BYTES);
        });
        expect(payloads.every((bytes) => !bytes.subarray(12).includes(0))).toBe(true);
        const receipt = new CountingReceipt();
        const subscriber = recordsWire.subscriber({ symbols: [] }, []);
        subscriber.receive(Buffer.concat(payloads), receipt);
        expect(receipt.counts).toEqual(rows.map(() => 1));
        expect(receipt.dues).toEqual(rows.map(([, , time]) => time));
      }),
    );
  });

  it('that are cut off are refused', () => {
    const subscriber = recordsWire.subscriber({ symbols: [] }, []);
    const bytes = new Uint8Array(PAYLOAD_BYTES + 1);
    expect(() => subscriber.receive(bytes, new CountingReceipt())).toThrow(RangeError);
  });

  it('subscribe by index, and are ready at the answer', () => {
    const subscriber = recordsWire.subscriber({ symbols: [] }, [3, 1]);
    expect(subscriber.opening()).toEqual(['[3,1]']);
    expect(subscriber.isReady).toBe(false);
    subscriber.receive('ok', new CountingReceipt());
    expect(subscriber.isReady).toBe(true);
  });
});
