import { ByteWriter, type Encoding, Op } from '../../../src/protocol/index.ts';
import type { TickBuffer } from './tick-buffer.ts';

/** Where a frame's ticks are in a buffer. */
export interface TickRange {
  /** Position of the first tick. */
  readonly from: number;
  readonly ticks: number;
}

/** Most bytes of a tick (alias, price, time, separators) and of what surrounds the ticks. */
const TICK_BYTES_MAX = { binary: 23, json: 64 };
const AROUND_BYTES_MAX = { binary: 18, json: 32 };

/** How many ticks of any kind fit into a frame. */
export function ticksThatFit(frameBytesMax: number, encoding: Encoding): number {
  return Math.floor((frameBytesMax - AROUND_BYTES_MAX[encoding]) / TICK_BYTES_MAX[encoding]);
}

/** Encodes TICKS frames from a {@link TickBuffer}: no object a tick, one copy a frame. */
export class TickEncoder {
  readonly #writer = new ByteWriter(64 * 1024);

  /** Encodes a range of ticks as one frame. The caller owns the bytes. */
  encode(
    sequence: number,
    buffer: TickBuffer,
    { from, ticks }: TickRange,
  ): Uint8Array<ArrayBuffer> {
    const { aliases, prices, times, mask } = buffer;
    const writer = this.#writer;
    writer.reset();
    writer.arrayHeader(3);
    writer.number(Op.TICKS);
    writer.float64(sequence);
    writer.arrayHeader(ticks * 3);
    const first = from & mask;
    for (let i = 0; i < ticks; i++) {
      const row = (first + i) & mask;
      writer.number(aliases[row] as number);
      writer.float64(prices[row] as number);
      const time = times[row] as number;
      if (Number.isNaN(time)) writer.nil();
      else writer.float64(time);
    }
    return new Uint8Array(writer.view());
  }
}

/** Encodes the same frame as JSON. */
export function encodeTicksJson(sequence: number, buffer: TickBuffer, range: TickRange): string {
  const { aliases, prices, times, mask } = buffer;
  const values: (number | null)[] = [];
  for (let position = range.from; position < range.from + range.ticks; position++) {
    const row = position & mask;
    const time = times[row] as number;
    values.push(aliases[row] as number, prices[row] as number, Number.isNaN(time) ? null : time);
  }
  return JSON.stringify([Op.TICKS, sequence, values]);
}
