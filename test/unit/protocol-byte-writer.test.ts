import { decode } from '@msgpack/msgpack';
import { describe, expect, it } from 'vitest';
import { ByteWriter } from '../../src/protocol/index.ts';

function written(write: (writer: ByteWriter) => void, capacity?: number): string {
  const writer = new ByteWriter(capacity);
  write(writer);
  return Buffer.from(writer.view()).toString('hex');
}

describe('ByteWriter.number', () => {
  it.each([
    [0, '00'],
    [127, '7f'],
    [128, 'cc80'],
    [255, 'ccff'],
    [256, 'cd0100'],
    [65_535, 'cdffff'],
    [65_536, 'ce00010000'],
    [2 ** 32 - 1, 'ceffffffff'],
    [2 ** 32, 'ca4f800000'],
    [2 ** 32 + 1, 'cb41f0000000100000'],
    [-1, 'ff'],
    [-32, 'e0'],
    [-33, 'cac2040000'],
    [-0, 'ca80000000'],
    [0.5, 'ca3f000000'],
    [0.1, 'cb3fb999999999999a'],
    [64_250.5, 'ca477afa80'],
    [1_700_000_000_001, 'cb4278bcfe56801000'],
    [Number.POSITIVE_INFINITY, 'ca7f800000'],
    [Number.MAX_VALUE, 'cb7fefffffffffffff'],
    [Number.MIN_VALUE, 'cb0000000000000001'],
    [Number.NaN, 'cb7ff8000000000000'],
  ])('writes %d as %s', (value, hex) => {
    expect(written((writer) => writer.number(value))).toBe(hex);
  });

  it('writes a float64 whatever the number where it is asked to', () => {
    expect(written((writer) => writer.float64(1))).toBe('cb3ff0000000000000');
  });
});

describe('ByteWriter', () => {
  it.each([
    [0, '90'],
    [15, '9f'],
    [16, 'dc0010'],
    [65_535, 'dcffff'],
    [65_536, 'dd00010000'],
  ])('heads an array of %d with %s', (count, hex) => {
    expect(written((writer) => writer.arrayHeader(count))).toBe(hex);
  });

  it('grows from any capacity without losing its contents', () => {
    const numbers = Array.from({ length: 5000 }, (_, index) => index * 1.1);
    const hex = written((writer) => {
      writer.arrayHeader(numbers.length);
      for (const number of numbers) writer.number(number);
    }, 1);
    expect(decode(Buffer.from(hex, 'hex'))).toEqual(numbers);
  });

  it('copies a piece of other bytes, growing where it must', () => {
    const source = Uint8Array.from({ length: 100 }, (_, index) => index);
    const hex = written((writer) => {
      writer.number(200);
      writer.copy(source, 10, 90);
      writer.copy(source, 0, 0);
    }, 3);
    expect(hex).toBe(`ccc8${Buffer.from(source.subarray(10)).toString('hex')}`);
  });

  it('starts again after a reset, in the same buffer', () => {
    const writer = new ByteWriter(64);
    writer.number(1);
    const { bytes } = writer;
    writer.reset();
    expect(writer.view().length).toBe(0);
    writer.number(2);
    expect([...writer.view()]).toEqual([2]);
    expect(writer.bytes).toBe(bytes);
  });
});
