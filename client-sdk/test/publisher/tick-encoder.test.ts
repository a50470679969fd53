import { describe, expect, it } from 'vitest';
import { decodeFrame, TickBatch, TicksReader } from '../../../src/protocol/index.ts';
import { TickBuffer } from '../../src/publisher/tick-buffer.ts';
import { encodeTicksJson, TickEncoder, ticksThatFit } from '../../src/publisher/tick-encoder.ts';

/** A buffer with these ticks from position 3 on. */
function bufferOf(...ticks: readonly (readonly [number, number, number])[]): TickBuffer {
  const buffer = new TickBuffer();
  for (let i = 0; i < 3; i++) buffer.push(9, 1, 5);
  for (const [alias, price, time] of ticks) buffer.push(alias, price, time);
  buffer.drop(3);
  return buffer;
}

const BUFFER = bufferOf(
  [0, 64250.5, 1700000000001.25],
  [200, 0.1, Number.NaN],
  [70_000, 3, 1700000000002],
);
const ALL = { from: 3, ticks: 3 };

describe('TickEncoder', () => {
  it('writes ticks that the server reads back exactly', () => {
    const bytes = new TickEncoder().encode(12, BUFFER, ALL);
    const batch = new TickBatch();
    expect(new TicksReader(10).read(bytes, batch, 77)).toBe(true);
    expect(batch.sequence).toBe(12);
    expect(batch.count).toBe(3);
    expect([...batch.names.subarray(0, 3)]).toEqual([0, 200, 70_000]);
    expect([...batch.prices.subarray(0, 3)]).toEqual([64250.5, 0.1, 3]);
    expect([...batch.times.subarray(0, 3)]).toEqual([1700000000001.25, 77, 1700000000002]);
  });

  it('returns new bytes for each frame', () => {
    const encoder = new TickEncoder();
    const first = encoder.encode(1, BUFFER, { from: 3, ticks: 1 });
    const copy = Uint8Array.from(first);
    encoder.encode(2, BUFFER, { from: 4, ticks: 2 });
    expect(first).toEqual(copy);
  });

  it('writes the same frame in both encodings', () => {
    const binary = decodeFrame(new TickEncoder().encode(3, BUFFER, ALL));
    expect(decodeFrame(encodeTicksJson(3, BUFFER, ALL))).toEqual(binary);
    expect(binary).toEqual([
      3,
      3,
      [0, 64250.5, 1700000000001.25, 200, 0.1, null, 70_000, 3, 1700000000002],
    ]);
  });

  it('writes ticks that wrap around the end of a buffer', () => {
    const buffer = new TickBuffer();
    for (let i = 0; i < 250; i++) buffer.push(i, i + 1, i);
    buffer.drop(240);
    for (let i = 250; i < 300; i++) buffer.push(i, i + 1, i);
    const expected = Array.from({ length: 60 }, (_, i) => [240 + i, 241 + i, 240 + i]).flat();
    const range = { from: 240, ticks: 60 };
    expect(decodeFrame(new TickEncoder().encode(1, buffer, range))[2]).toEqual(expected);
    expect(decodeFrame(encodeTicksJson(1, buffer, range))[2]).toEqual(expected);
  });

  it.each(['binary', 'json'] as const)('knows how many ticks fit into a frame (%s)', (encoding) => {
    const ticks = ticksThatFit(1024, encoding);
    expect(ticks).toBeGreaterThan(10);
    // The longest of each: an alias of five bytes, doubles of 17 digits.
    const buffer = new TickBuffer();
    for (let i = 0; i < ticks; i++) {
      buffer.push(4_294_967_295, 2.2250738585072014e-308, 1.7976931348623157e308);
    }
    const range = { from: 0, ticks };
    const sequence = Number.MAX_SAFE_INTEGER;
    const { length } =
      encoding === 'json'
        ? encodeTicksJson(sequence, buffer, range)
        : new TickEncoder().encode(sequence, buffer, range);
    expect(length).toBeLessThanOrEqual(1024);
  });
});
