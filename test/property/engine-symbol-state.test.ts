import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import {
  decodeSymbolState,
  decodeSymbolStates,
  encodeSymbolState,
  type SymbolState,
  SymbolStateError,
} from '../../src/engine/index.ts';
import { fc } from '../../testkit/fast-check.ts';

const PRICE = fc.double({ min: 1e-300, max: 1e300, noNaN: true });
const TIME = fc.integer({ min: 0, max: 2 ** 45 });

/** Ordered entries: non-decreasing times, prices rising (1) or falling (-1). */
function places(sign: 1 | -1): fc.Arbitrary<Float64Array> {
  return fc
    .uniqueArray(fc.tuple(TIME, fc.integer({ min: 1, max: 1e9 })), {
      maxLength: 40,
      selector: ([, price]) => price,
    })
    .map((pairs) => {
      const times = pairs.map(([time]) => time).toSorted((a, b) => a - b);
      const prices = pairs.map(([, price]) => price).toSorted((a, b) => sign * (a - b));
      return Float64Array.from(times.flatMap((time, i) => [time, prices[i] as number]));
    });
}

const STATE: fc.Arbitrary<SymbolState> = fc
  .record({
    symbol: fc.constantFrom('BTC-USD', 'É', '한국-원화', '\u{1F4B0}'.repeat(32)),
    anomalies: fc.nat(),
    price: PRICE,
    average: PRICE,
    time: TIME,
    min: PRICE,
    max: PRICE,
    minima: places(1),
    maxima: places(-1),
    window: fc.integer({ min: 1, max: 100 }),
    taken: fc.integer({ min: 1, max: 300 }),
    before: fc.nat({ max: 10 }),
    seed: PRICE,
    detection: fc.option(
      fc.record({
        arrivedAt: TIME,
        newest: fc.record({ time: fc.constant(2 ** 46), price: PRICE }),
        held: places(1),
      }),
      { nil: undefined },
    ),
  })
  .map(({ window, taken, before, seed, detection, ...state }) => ({
    ...state,
    ...(detection && { detection }),
    count: taken + before,
    averaging: {
      window,
      taken,
      prices: Float64Array.from({ length: Math.min(window, taken) }, (_, i) => seed / (i + 1)),
    },
  }));

const [SAMPLE] = fc.sample(STATE, { numRuns: 1, seed: 3 }) as [SymbolState];
const NONE = { price: 0, average: 0, time: 0, min: 0, max: 0 };
const EMPTY = new Float64Array();
const WAITING = { newest: { time: 2 ** 46, price: 1 }, arrivedAt: 1, held: EMPTY };
const UNTICKED: SymbolState = {
  symbol: 'QUIET',
  anomalies: 12,
  count: 0,
  ...NONE,
  averaging: { window: 64, taken: 0, prices: EMPTY },
  minima: EMPTY,
  maxima: EMPTY,
};

function concatenated(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** The bytes with a valid checksum. */
function checked(bytes: Uint8Array): Uint8Array {
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(4, crc32(bytes.subarray(8)), true);
  return bytes;
}

describe('the bytes of a state', () => {
  it('are read as what was written, wherever they stand in memory', () => {
    fc.assert(
      fc.property(STATE, fc.integer({ min: 0, max: 9 }), (state, offset) => {
        const bytes = encodeSymbolState(state);
        const moved = new Uint8Array(bytes.length + offset);
        moved.set(bytes, offset);
        expect(decodeSymbolState(moved.subarray(offset))).toEqual(state);
      }),
    );
    expect(decodeSymbolState(encodeSymbolState(UNTICKED))).toEqual(UNTICKED);
  });

  it('follow one another', () => {
    fc.assert(
      fc.property(fc.array(STATE, { maxLength: 8 }), (states) => {
        const bytes = concatenated(states.map(encodeSymbolState));
        expect([...decodeSymbolStates(bytes)]).toEqual(states);
      }),
    );
  });

  it('are refused with any bit of them changed', () => {
    const bytes = encodeSymbolState(SAMPLE);
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const damaged = bytes.slice();
      damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(() => decodeSymbolState(damaged), `bit ${bit}`).toThrow(SymbolStateError);
    }
  });

  it('are refused where they are cut off, and where there are others behind', () => {
    const bytes = encodeSymbolState(SAMPLE);
    for (let length = 0; length < bytes.length; length++) {
      expect(() => decodeSymbolState(bytes.slice(0, length))).toThrow(SymbolStateError);
    }
    const two = concatenated([bytes, bytes]);
    expect(() => decodeSymbolState(two)).toThrow('symbol state: more than one');
    const half = two.slice(0, bytes.length + 10);
    const reading = () => [...decodeSymbolStates(half)];
    expect(reading).toThrow(
      `symbol state at byte ${bytes.length}: truncated or damaged: ` +
        `10 bytes left, its length is ${bytes.length}`,
    );
  });

  it('are refused in another version', () => {
    const bytes = encodeSymbolState(SAMPLE);
    bytes[8] = 5;
    expect(() => decodeSymbolState(checked(bytes))).toThrow(
      'symbol state at byte 0: version 5 is not supported, only 1 to 4',
    );
  });

  it.each<[string, Partial<SymbolState>]>([
    ['-1 anomalies', { anomalies: -1 }],
    ['0.5 ticks', { count: 0.5 }],
    ['prices, but no tick', { count: 0 }],
    ['price is NaN, not a finite number above 0', { price: Number.NaN }],
    ['min is 0, not a finite number above 0', { min: 0 }],
    ['time is -1, not a finite number at or above 0', { time: -1 }],
    ['minima hold -1 at time 1', { minima: Float64Array.of(1, -1) }],
    ['minima are out of order at time 2', { minima: Float64Array.of(1, 2, 2, 2) }],
    ['maxima are out of order at time 1', { maxima: Float64Array.of(2, 2, 1, 1) }],
    ['3 prices averaged after 2 ticks', { count: 2, averaging: { ...SAMPLE.averaging, taken: 3 } }],
    ['its last tick arrived at NaN', { detection: { ...WAITING, arrivedAt: Number.NaN } }],
    ['judged -1 at time 1', { detection: { ...WAITING, newest: { time: 1, price: -1 } } }],
    ['holds 2 at time 1', { detection: { ...WAITING, held: Float64Array.of(2, 2, 1, 2) } }],
    [
      'judged a tick of 5 after its newest',
      { minima: Float64Array.of(5, 1), detection: { ...WAITING, newest: { time: 4, price: 1 } } },
    ],
    ['averages a price of 0', { averaging: averagingOf(Float64Array.of(1, 0)) }],
    [
      '2 prices in a ring of 1 after 2',
      { averaging: { ...averagingOf(Float64Array.of(1, 1)), window: 1 } },
    ],
  ])('are refused where no ticks make it: %s', (fault, change) => {
    const state = {
      ...SAMPLE,
      count: 10,
      averaging: averagingOf(Float64Array.of(1, 2)),
      ...change,
    };
    expect(() => decodeSymbolState(encodeSymbolState(state))).toThrow(
      `symbol state at byte 0: impossible: ${fault}`,
    );
  });
});

function averagingOf(prices: Float64Array): SymbolState['averaging'] {
  return { window: 4, taken: prices.length, prices };
}
