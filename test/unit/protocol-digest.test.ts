import { describe, expect, it } from 'vitest';
import { Digest, type SymbolValues } from '../../src/protocol/index.ts';
import { fc } from '../../testkit/fast-check.ts';
import { fnv1a } from '../../testkit/independent/protocol.ts';

type Row = readonly [id: number, values: SymbolValues];

/** FNV-1a over independently laid out bytes. */
function expectedDigest(rows: readonly Row[]): number {
  const rowBytes = rows.map(([id, { price, average, count, time, min, max }]) => {
    const bytes = Buffer.alloc(52);
    bytes.writeUInt32LE(id, 0);
    [price, average, count, time, min, max].forEach((value, index) => {
      bytes.writeDoubleLE(value, 4 + 8 * index);
    });
    return bytes;
  });
  return fnv1a(Buffer.concat(rowBytes));
}

function digestOf(rows: readonly Row[]): number {
  const digest = new Digest();
  for (const [id, values] of rows) digest.add(id, values);
  return digest.value;
}

const ROW: SymbolValues = { price: 2, average: 1.5, count: 3, time: 1e12, min: 1, max: 2 };

describe('Digest', () => {
  it('of nothing is the offset basis of FNV-1a', () => {
    expect(digestOf([])).toBe(0x811c9dc5);
  });

  it('is that of an independent implementation', () => {
    const value = fc.double({ noNaN: true });
    const values = fc.record({
      price: value,
      average: value,
      count: value,
      time: value,
      min: value,
      max: value,
    });
    const id = fc.integer({ min: 0, max: 0xffff_ffff });
    fc.assert(
      fc.property(fc.array(fc.tuple(id, values), { maxLength: 5 }), (rows) => {
        expect(digestOf(rows)).toBe(expectedDigest(rows));
      }),
      { numRuns: 500 },
    );
  });

  it('changes with every value, the id and the order', () => {
    const all = [
      digestOf([[1, ROW]]),
      digestOf([[2, ROW]]),
      ...Object.keys(ROW).map((key) => digestOf([[1, { ...ROW, [key]: 9 }]])),
      digestOf([
        [1, ROW],
        [2, { ...ROW, price: 9 }],
      ]),
      digestOf([
        [2, { ...ROW, price: 9 }],
        [1, ROW],
      ]),
    ];
    expect(new Set(all).size).toBe(all.length);
  });

  it('may be read on the way', () => {
    const digest = new Digest();
    digest.add(1, ROW);
    const first = digest.value;
    expect(digest.value).toBe(first);
    digest.add(2, ROW);
    expect(digest.value).toBe(
      expectedDigest([
        [1, ROW],
        [2, ROW],
      ]),
    );
    expect(first).toBe(expectedDigest([[1, ROW]]));
  });
});
