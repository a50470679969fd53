import { expect, it } from 'vitest';
import {
  decodeFrame,
  ProtocolError,
  readTicksFrame,
  TickBatch,
  TicksReader,
} from '../../src/protocol/index.ts';
import { batchContent } from '../../testkit/batch-content.ts';
import { fc } from '../../testkit/fast-check.ts';
import { chooseBy, encodeAnyWay } from '../../testkit/wide-message-pack.ts';

const RECEIPT = 1_700_000_000_000.5;
const LIMIT = 40;

const picks = fc.array(fc.nat(9), { minLength: 1, maxLength: 20 });
const number = fc.oneof(fc.double(), fc.float(), fc.integer(), fc.maxSafeInteger());
const odd = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.string({ maxLength: 4 }),
  fc.uint8Array({ maxLength: 4 }),
);
const name = fc.oneof(
  { weight: 4, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
  { weight: 4, arbitrary: fc.nat(70_000) },
  { weight: 1, arbitrary: fc.oneof(number, odd) },
);
const value = fc.oneof({ weight: 6, arbitrary: number }, { weight: 1, arbitrary: odd });
const ticks = fc
  .array(fc.tuple(name, value, value), { maxLength: LIMIT })
  .map((all) => all.flat() as unknown[]);
const sequence = fc.oneof(fc.nat(), fc.maxSafeNat());

type Read = ReturnType<typeof batchContent> | ProtocolError;

function outcome(read: (batch: TickBatch) => void): Read {
  const batch = new TickBatch();
  try {
    read(batch);
  } catch (error) {
    expect(error).toBeInstanceOf(ProtocolError);
    expect(error).toMatchObject({ code: 1 });
    return error as ProtocolError;
  }
  return batchContent(batch);
}

function readFast(bytes: Uint8Array): Read {
  return outcome((batch) => {
    expect(new TicksReader(LIMIT).read(bytes, batch, RECEIPT)).toBe(true);
  });
}

function readGenerally(bytes: Uint8Array): Read {
  return outcome((batch) => readTicksFrame(decodeFrame(bytes), batch, RECEIPT, LIMIT));
}

/** A frame in plain shape with widths by `order`. */
function plainFrame(frameSequence: unknown, values: unknown, order: readonly number[]): Buffer {
  const choose = chooseBy(order);
  return Buffer.concat([
    Buffer.of(0x93, 0x03),
    encodeAnyWay(frameSequence, choose),
    encodeAnyWay(values, choose),
  ]);
}

it('reads any encoding of a frame to the same batch, by either path', () => {
  fc.assert(
    fc.property(sequence, ticks, picks, (frameSequence, values, order) => {
      const shortest = readFast(plainFrame(frameSequence, values, [0]));
      expect(shortest).toHaveProperty('ticks.length', values.length / 3);
      expect(readFast(plainFrame(frameSequence, values, order))).toEqual(shortest);
      const anyShape = encodeAnyWay([3, frameSequence, values, 'more'], chooseBy(order));
      expect(readGenerally(anyShape)).toEqual(shortest);
    }),
    { numRuns: 400 },
  );
});

/** Both paths must agree on the batch or its absence, bad UTF-8 aside. */
function expectAgreement(bytes: Uint8Array): void {
  const fast = readFast(bytes);
  const general = readGenerally(bytes);
  if (general instanceof Error && general.message.includes('bad UTF-8')) return;
  if (fast instanceof Error) expect(general).toBeInstanceOf(ProtocolError);
  else expect(general).toEqual(fast);
}

it('agrees with the general codec on damaged frames', () => {
  const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 });
  fc.assert(
    fc.property(sequence, ticks, picks, damage, fc.nat(3), (first, values, order, changes, cut) => {
      const whole = plainFrame(first, values, order);
      for (const [at, byte] of changes) whole[2 + (at % (whole.length - 2))] = byte;
      expectAgreement(whole.subarray(0, Math.max(2, whole.length - cut)));
    }),
    { numRuns: 1500 },
  );
});

it('agrees with the general codec on random bytes', () => {
  const byte = fc.oneof(fc.nat(255), fc.constantFrom(0x90, 0x93, 0xc0, 0xcb, 0xa1, 0x01, 0xdc));
  fc.assert(
    fc.property(fc.array(byte, { maxLength: 30 }), (rest) => {
      expectAgreement(Uint8Array.from([0x93, 0x03, ...rest]));
    }),
    { numRuns: 1500 },
  );
});
