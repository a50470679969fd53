import { Encoder } from '@msgpack/msgpack';
import { describe, expect, it } from 'vitest';
import { readMessagePack } from '../../feeds/venues/fields/message-pack.ts';
import { parseRfc3339Time } from '../../feeds/venues/fields/rfc-3339-time.ts';
import { mayBeLast, mayBeLastNumbered } from '../../feeds/venues/fields/sale-conditions.ts';
import { secondsOf } from '../../feeds/venues/fields/trade-fields.ts';
import { parseRfc3339 } from '../../src/http/rfc-3339.ts';
import { fc } from '../../testkit/fast-check.ts';

const two = (max: number) => fc.nat(max).map((n) => String(n).padStart(2, '0'));

/** Texts that are dates and times, or nearly. */
const nearlyTimes = fc
  .tuple(
    fc.nat(9999).map((year) => String(year).padStart(4, '0')),
    fc.tuple(two(14), two(32)),
    fc.constantFrom('T', 't', ' '),
    fc.tuple(two(25), two(61), two(61)),
    fc.oneof(
      fc.constant(''),
      fc.nat(999_999_999).map((ns) => `.${String(ns).padStart(9, '0')}`),
      fc.stringMatching(/^\.\d{0,20}$/),
    ),
    fc.oneof(
      fc.constantFrom('Z', 'z', '', 'Zx'),
      fc
        .tuple(fc.constantFrom('+', '-', '*'), two(25), two(61))
        .map(([s, h, m]) => `${s}${h}:${m}`),
    ),
  )
  .map(([year, [month, day], separator, clock, fraction, zone]) =>
    [`${year}-${month}-${day}${separator}${clock.join(':')}`, fraction, zone].join(''),
  );

describe('times of RFC 3339', () => {
  it('are what the HTTP API reads, to the last bit', () => {
    fc.assert(
      fc.property(fc.oneof(nearlyTimes, fc.string()), (text) => {
        expect(parseRfc3339Time(text)).toBe(parseRfc3339(text));
      }),
      { numRuns: 2000 },
    );
  });

  it('keep nanoseconds: the nearest double of the decimal', () => {
    fc.assert(
      fc.property(
        fc.date({ min: new Date(0), max: new Date('2100-01-01'), noInvalidDate: true }),
        fc.nat(999_999),
        (date, nanoseconds) => {
          const finer = String(nanoseconds).padStart(6, '0');
          const text = date.toISOString().replace('Z', `${finer}Z`);
          expect(parseRfc3339Time(text)).toBe(Number(`${date.getTime()}.${finer}`));
        },
      ),
      { numRuns: 1000 },
    );
  });

  it.each([
    ['2016-12-31T23:59:60Z', 1483228800000],
    ['2016-12-30T23:59:60Z', undefined],
    ['2024-02-29T12:34:56.789012345+01:30', 1709204696789 + 0.012345],
    ['2023-02-29T12:34:56Z', undefined],
    ['0001-01-01T00:00:00Z', -62135596800000],
    ['2024-02-29T12:34:56.Z', undefined],
    ['2024-02-29T12:34:56', undefined],
  ])('reads %s', (text, time) => {
    expect(parseRfc3339Time(text)).toBe(time);
  });
});

it('seconds with a fraction are moved to ms without a product’s rounding', () => {
  fc.assert(
    fc.property(fc.nat(4_102_444_800), fc.nat(999_999), (seconds, microseconds) => {
      const fraction = String(microseconds).padStart(6, '0');
      const ms = Number(`${seconds}${fraction.slice(0, 3)}.${fraction.slice(3)}`);
      expect(secondsOf(`${seconds}.${fraction}`)).toBe(ms);
    }),
  );
});

describe('MessagePack', () => {
  const encoder = new Encoder({ useBigInt64: true });
  const values = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constantFrom(null, true, false),
      fc.integer(),
      fc.maxSafeInteger(),
      fc.double({ noNaN: true }),
      fc.string(),
      fc.string({ minLength: 200, maxLength: 300 }),
      fc.array(tie('value'), { maxLength: 20 }),
      fc.dictionary(fc.string(), tie('value'), { maxKeys: 20, noNullPrototype: true }),
    ),
  })).value;

  it('is decoded as an encoder of others wrote it', () => {
    fc.assert(
      fc.property(values, (value) => {
        const decoded = readMessagePack(encoder.encode(value));
        expect(JSON.stringify(decoded)).toBe(JSON.stringify(value));
      }),
    );
  });

  it('keeps the digits of long integers', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }), (value) => {
        expect(BigInt(readMessagePack(encoder.encode(value)) as number | bigint)).toBe(value);
      }),
    );
  });

  it('keeps the nanoseconds of its three timestamps', () => {
    // 2024-02-29T12:34:56.789012345Z
    const [seconds, nanoseconds] = [1709210096, 789012345];
    const short = Buffer.from([0xd6, 0xff, 0, 0, 0, 0]);
    short.writeUInt32BE(seconds, 2);
    const middle = Buffer.from([0xd7, 0xff, 0, 0, 0, 0, 0, 0, 0, 0]);
    middle.writeBigUInt64BE((BigInt(nanoseconds) << 34n) | BigInt(seconds), 2);
    const long = Buffer.from([0xc7, 12, 0xff, ...Buffer.alloc(12)]);
    long.writeUInt32BE(nanoseconds, 3);
    long.writeBigInt64BE(BigInt(-seconds), 7);
    expect([short, middle, long].map((bytes) => readMessagePack(bytes))).toEqual([
      1709210096000,
      1709210096789 + 0.012345,
      -1709210096000 + 789.012345,
    ]);
  });

  it('that is cut short, too long or none is undefined, and never throws', () => {
    fc.assert(
      fc.property(values, fc.uint8Array({ maxLength: 40 }), (value, garbage) => {
        const bytes = encoder.encode([value]);
        expect(readMessagePack(bytes.subarray(0, -1))).toBeUndefined();
        expect(readMessagePack(Buffer.concat([bytes, Buffer.from([0xc0])]))).toBeUndefined();
        readMessagePack(garbage);
      }),
    );
    expect(readMessagePack(new Uint8Array(0))).toBeUndefined();
    expect(readMessagePack(new Uint8Array([0xc1]))).toBeUndefined();
    expect(readMessagePack(new Uint8Array(100_000).fill(0x91))).toBeUndefined();
    // An array of 2^32 - 1 items, of which none follows.
    expect(readMessagePack(new Uint8Array([0xdd, 255, 255, 255, 255]))).toBeUndefined();
  });
});

describe('sale conditions', () => {
  // The lines of the tapes' tables whose "update last" is an unconditional no.
  const neverLast: readonly (readonly [string, number, string])[] = [
    ['W', 2, 'average price'],
    ['C', 7, 'cash sale'],
    ['T', 12, 'form T'],
    ['U', 13, 'extended hours, sold out of sequence'],
    ['M', 15, 'official close'],
    ['Q', 16, 'official open'],
    ['N', 20, 'next day'],
    ['H', 21, 'price variation'],
    ['I', 37, 'odd lot'],
    ['V', 52, 'contingent'],
    ['7', 53, 'qualified contingent'],
  ];
  it.each(neverLast)('%s and %i, %s, is never last, alone or among others', (code, number) => {
    for (const tape of ['A', 'B', 'C']) {
      expect(mayBeLast([code], tape)).toBe(false);
      expect(mayBeLast(['@', 'F', code], tape)).toBe(false);
    }
    expect(mayBeLastNumbered([number])).toBe(false);
    expect(mayBeLastNumbered([14, number])).toBe(false);
  });

  it('of regular, swept, opening, reopening, closing and cross trades may be last', () => {
    for (const tape of ['A', 'B', 'C', undefined]) {
      for (const code of ['@', ' ', 'F', 'O', '5', '6', 'X', 'K', 'L'])
        expect(mayBeLast([code], tape)).toBe(true);
      expect(mayBeLast([], tape)).toBe(true);
    }
    expect([0, 1, 3, 4, 8, 9, 14, 25, 28, 30, 34, 41].map((n) => mayBeLastNumbered([n]))).toEqual(
      Array.from({ length: 12 }, () => true),
    );
  });

  it('B is an average price on the tapes of CTA and a bunched trade on that of UTP', () => {
    expect(['A', 'B', 'C', undefined].map((tape) => mayBeLast(['B'], tape))).toEqual([
      false,
      false,
      true,
      false,
    ]);
  });

  it('of any type never throw', () => {
    fc.assert(
      fc.property(fc.array(fc.anything()), fc.anything(), (conditions, tape) => {
        expect(typeof mayBeLast(conditions, tape)).toBe('boolean');
        expect(typeof mayBeLastNumbered(conditions)).toBe('boolean');
      }),
    );
  });
});
