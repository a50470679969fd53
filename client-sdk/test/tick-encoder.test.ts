import { describe, expect, it } from 'vitest';
import { decodeFrame, TickBatch, TicksReader } from '../../src/protocol/index.ts';
import { encodeTicksJson, TickEncoder, withSequence } from '../src/tick-encoder.ts';

const COLUMNS = {
  aliases: Uint32Array.of(9, 0, 200, 70_000),
  prices: Float64Array.of(1, 64250.5, 0.1, 3),
  times: Float64Array.of(5, 1700000000001.25, NaN, 1700000000002),
};

describe('TickEncoder', () => {
  it('writes rows that the server reads back exactly', () => {
    const bytes = new TickEncoder().encode(12, COLUMNS, 1, 4);
    const batch = new TickBatch();
    expect(new TicksReader(10).read(bytes, batch, 77)).toBe(true);
    expect(batch.sequence).toBe(12);
    expect(batch.count).toBe(3);
    expect([...batch.names.subarray(0, 3)]).toEqual([0, 200, 70_000]);
    expect([...batch.prices.subarray(0, 3)]).toEqual([64250.5, 0.1, 3]);
    expect([...batch.times.subarray(0, 3)]).toEqual([1700000000001.25, 77, 1700000000002]);
  });

  it('gives each frame bytes of its own', () => {
    const encoder = new TickEncoder();
    const first = encoder.encode(1, COLUMNS, 0, 1);
    const copy = Uint8Array.from(first);
    encoder.encode(2, COLUMNS, 1, 4);
    expect(first).toEqual(copy);
  });

  it('writes the same frame in both encodings', () => {
    const binary = decodeFrame(new TickEncoder().encode(3, COLUMNS, 0, 4));
    expect(decodeFrame(encodeTicksJson(3, COLUMNS, 0, 4))).toEqual(binary);
    expect(binary).toEqual([
      3,
      3,
      [9, 1, 5, 0, 64250.5, 1700000000001.25, 200, 0.1, null, 70_000, 3, 1700000000002],
    ]);
  });

  it.each([
    ['binary', new TickEncoder().encode(41, COLUMNS, 0, 2)],
    ['json', encodeTicksJson(41, COLUMNS, 0, 2)],
  ])('renumbers a %s frame and changes nothing else', (_, message) => {
    const [op, , ticks] = decodeFrame(message);
    expect(decodeFrame(withSequence(message, 5))).toEqual([op, 5, ticks]);
  });
});
