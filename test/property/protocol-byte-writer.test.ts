import { decode } from '@msgpack/msgpack';
import { unpack } from 'msgpackr';
import { expect, it } from 'vitest';
import { ByteWriter } from '../../src/protocol/index.ts';
import { fc } from '../../testkit/fast-check.ts';
import { numberForms } from '../../testkit/wide-message-pack.ts';

const anyNumber = fc.oneof(
  fc.double(),
  fc.float(),
  fc.integer({ min: -40, max: 300 }),
  fc.maxSafeInteger(),
  fc
    .integer({ min: 0, max: 41 })
    .chain((bits) => fc.integer({ min: -2, max: 2 }).map((d) => 2 ** bits + d)),
);

it('writes numbers that every library reads back as the same double', () => {
  fc.assert(
    fc.property(fc.array(anyNumber, { maxLength: 40 }), (numbers) => {
      const writer = new ByteWriter(1);
      writer.arrayHeader(numbers.length);
      for (const number of numbers) writer.number(number);
      const ours = writer.view();
      for (const read of [decode(ours), unpack(ours)] as number[][]) {
        expect(read.length).toBe(numbers.length);
        numbers.forEach((number, index) => {
          expect(read[index]).toBe(number);
        });
      }
    }),
    { numRuns: 1000 },
  );
});

it('takes the shortest form, but for integers outside -32 to 2^32 - 1, which go as floats', () => {
  const isInteger = (value: number) => value >= -32 && value < 2 ** 32;
  fc.assert(
    fc.property(
      anyNumber.filter((value) => !Number.isNaN(value)),
      (number) => {
        const writer = new ByteWriter();
        writer.number(number);
        const forms = numberForms(number).filter(
          ([tag]) => isInteger(number) || tag === 0xca || tag === 0xcb,
        );
        expect(writer.length).toBe(forms[0]?.length);
      },
    ),
    { numRuns: 3000 },
  );
});
