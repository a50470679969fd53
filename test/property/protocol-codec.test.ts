import { decode, encode } from '@msgpack/msgpack';
import { expect, it } from 'vitest';
import { decodeFrame, encodeFrame, type Frame, ProtocolError } from '../../src/protocol/index.ts';
import { fc } from '../../testkit/fast-check.ts';
import { plain } from '../../testkit/independent/protocol.ts';
import { chooseBy, encodeAnyWay } from '../../testkit/wide-message-pack.ts';

// No -0: JSON has none. "__proto__" has tests of its own: the other library refuses it.
const number = fc
  .oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.maxSafeInteger(), fc.integer())
  .map((value) => value + 0);
const text = fc.string({ unit: 'binary', maxLength: 100 });
const scalar = fc.oneof(number, text, fc.boolean(), fc.constant(null));
const key = fc.string({ maxLength: 5 }).filter((name) => name !== '__proto__');
const inner = fc.oneof(
  scalar,
  fc.array(scalar),
  fc.dictionary(key, scalar, { noNullPrototype: true }),
);
const value = fc.oneof(
  inner,
  fc.array(inner),
  fc.dictionary(key, inner, { noNullPrototype: true }),
);
const frame = fc
  .tuple(fc.integer({ min: 0, max: 40 }), fc.array(value, { maxLength: 6 }))
  .map(([op, rest]): Frame => [op, ...rest]);
const picks = fc.array(fc.nat(9), { minLength: 1, maxLength: 20 });

it('gives back any frame, in both encodings', () => {
  fc.assert(
    fc.property(frame, fc.constantFrom('binary', 'json'), (given, encoding) => {
      expect(plain(decodeFrame(encodeFrame(given, encoding)))).toEqual(given);
    }),
  );
});

it('writes what another library reads as the same', () => {
  fc.assert(
    fc.property(frame, (given) => {
      expect(decode(encodeFrame(given, 'binary') as Uint8Array)).toEqual(given);
    }),
  );
});

it('reads what another library writes, in any of its modes', () => {
  fc.assert(
    fc.property(frame, fc.boolean(), (given, forceIntegerToFloat) => {
      expect(plain(decodeFrame(encode(given, { forceIntegerToFloat })))).toEqual(given);
    }),
  );
});

it('reads every form that MessagePack has for a value', () => {
  fc.assert(
    fc.property(frame, picks, (given, order) => {
      expect(plain(decodeFrame(encodeAnyWay(given, chooseBy(order))))).toEqual(given);
    }),
  );
});

const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });

it('throws only bad_frame for damaged frames, and accepts only what another library does', () => {
  fc.assert(
    fc.property(frame, picks, damage, fc.nat(), (given, order, changes, cut) => {
      const whole = encodeAnyWay(given, chooseBy(order));
      for (const [at, byte] of changes) whole[at % whole.length] = byte;
      const bytes = whole.subarray(0, whole.length - (cut % 3));
      let taken: Frame;
      try {
        taken = decodeFrame(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(ProtocolError);
        expect(error).toMatchObject({ code: 1, requestId: null });
        return;
      }
      const mapKeyConverter = (name: unknown) => `${typeof name}${String(name)}`;
      const other = decode(bytes, { mapKeyConverter }) as unknown[];
      expect(other.length).toBe(taken.length);
      expect(other[0]).toBe(taken[0]);
    }),
    { numRuns: 500 },
  );
});

it('throws nothing but bad_frame for any text', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.json(),
        fc.json().map((json) => `[6,${json}]`),
      ),
      (any) => {
        try {
          expect(Array.isArray(decodeFrame(any))).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
          expect(error).toMatchObject({ code: 1 });
        }
      },
    ),
    { numRuns: 500 },
  );
});
