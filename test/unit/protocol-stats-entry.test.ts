import { describe, expect, it } from 'vitest';
import {
  ALL_FIELDS,
  deltaMask,
  Field,
  FULL,
  VALUES,
  writeEntry,
} from '../../src/protocol/index.ts';
import { SdkMirror } from '../support/sdk-mirror.ts';

const OLD = [100, 100, 1, 1000, 100, 100];

/** Two rows in one memory: the old at 0, the new at 6. */
function rows(changes: Partial<Record<number, number>>): Float64Array {
  const next = OLD.map((value, index) => changes[index] ?? value);
  return Float64Array.from([...OLD, ...next]);
}

function entryOf(values: Float64Array, mask: number): number[] {
  const numbers: number[] = [];
  const writer = {
    number: (value: number) => void numbers.push(value),
    numberAt: (values: Float64Array, index: number) => void numbers.push(values[index] as number),
  };
  expect(writeEntry(writer, 7, mask, values, 0, VALUES)).toBe(numbers.length);
  return numbers;
}

describe('deltaMask', () => {
  it('has a bit for each value that differs', () => {
    expect(deltaMask(rows({}), 0, VALUES)).toBe(0);
    const bits = Object.values(Field);
    bits.forEach((bit, index) => {
      expect(deltaMask(rows({ [index]: 2000 }), 0, VALUES)).toBe(bit);
    });
    expect(deltaMask(rows({ 0: 1, 1: 2, 2: 3, 3: 2000, 4: 5, 5: 6 }), 0, VALUES)).toBe(ALL_FIELDS);
  });

  it('omits what was not requested', () => {
    expect(deltaMask(rows({ 0: 1, 1: 2 }), 0, VALUES, Field.AVERAGE)).toBe(Field.AVERAGE);
    expect(deltaMask(rows({ 0: 1, 1: 2 }), 0, VALUES, Field.MAX)).toBe(0);
  });

  it('asks for a full entry where the increase of time would be inexact', () => {
    const inexact = rows({ 3: 0.9 });
    inexact[3] = 0.3;
    expect(0.3 + (0.9 - 0.3)).not.toBe(0.9);
    expect(deltaMask(inexact, 0, VALUES)).toBe(ALL_FIELDS | FULL);
    expect(deltaMask(inexact, 0, VALUES, Field.TIME | Field.PRICE)).toBe(
      Field.TIME | Field.PRICE | FULL,
    );
    expect(deltaMask(inexact, 0, VALUES, Field.PRICE)).toBe(0);
  });
});

describe('writeEntry', () => {
  it('writes increases of count and time and the new value of the rest', () => {
    const values = rows({ 0: 101, 1: 100.5, 2: 3, 3: 1090, 4: 99, 5: 101 });
    expect(entryOf(values, ALL_FIELDS)).toEqual([7, 63, 101, 100.5, 2, 90, 99, 101]);
    expect(entryOf(values, Field.COUNT | Field.MAX)).toEqual([7, 36, 2, 101]);
  });

  it('writes whole values in a full entry', () => {
    const values = rows({ 2: 3, 3: 1090 });
    expect(entryOf(values, ALL_FIELDS | FULL)).toEqual([7, 127, 100, 100, 3, 1090, 100, 100]);
    expect(entryOf(values, Field.TIME | FULL)).toEqual([7, 72, 1090]);
  });
});

describe('the mirror of the SDK', () => {
  const full = [7, 127, 100, 100, 1, 1000, 100, 100];

  it('replaces, then adds', () => {
    const mirror = new SdkMirror();
    mirror.apply([...full, 7, 13, 101, 2, 90]);
    const expected = { price: 101, average: 100, count: 3, time: 1090, min: 100, max: 100 };
    expect(mirror.values).toEqual(new Map([[7, expected]]));
    mirror.apply(full);
    expect(mirror.values.get(7)).toMatchObject({ price: 100, count: 1, time: 1000 });
  });

  it('forgets with a full entry what that entry does not carry', () => {
    const mirror = new SdkMirror();
    mirror.apply([...full, 7, FULL | Field.PRICE, 5]);
    const nothing = { average: Number.NaN, count: Number.NaN, time: Number.NaN };
    expect(mirror.values.get(7)).toEqual({
      price: 5,
      ...nothing,
      min: Number.NaN,
      max: Number.NaN,
    });
  });

  it('tells of each entry, in order', () => {
    const told = new SdkMirror().apply([...full, 7, 1, 101, 8, 65, 3]);
    expect(told.map(([id, , { price }]) => [id, price])).toEqual([
      [7, 101],
      [7, 101],
      [8, 3],
    ]);
  });

  it('refuses a delta of a symbol it does not hold', () => {
    expect(() => new SdkMirror().apply([...full, 8, 1, 5])).toThrow(
      new RangeError('delta of symbol 8 before its full entry'),
    );
  });

  it('refuses an entry cut off at any number', () => {
    for (let end = 1; end < full.length; end++) {
      expect(() => new SdkMirror().apply(full.slice(0, end))).toThrow(
        new RangeError('a STATS entry is cut off'),
      );
    }
  });
});
