import { ByteWriter, type Encoding, Op } from '../../../src/protocol/index.ts';
import type { TickBuffer } from './tick-buffer.ts';

/** Where a frame's ticks stand in a buffer. */
export interface TickRange {
  /** The position of the first. */
  readonly from: number;
  readonly ticks: number;
}

/**
 * Bytes at most of a tick (an alias, a price, a time and what parts them), and of what stands around
 * the ticks.
 */
const TICK_BYTES_MAX = { binary: 23, json: 64 };
const AROUND_BYTES_MAX = { binary: 18, json: 32 };

/** How many ticks fit into a frame, whatever they are. */
export function ticksThatFit(frameBytesMax: number, encoding: Encoding): number {
  return Math.floor((frameBytesMax - AROUND_BYTES_MAX[encoding]) / TICK_BYTES_MAX[encoding]);
}

/**
 * Writes TICKS frames from a {@link TickBuffer}, a million ticks a second and more: no object a tick,
 * one copy a frame.
 */
export class TickEncoder {
  readonly #writer = new ByteWriter(64 * 1024);

  /** The ticks of a range as one frame, in bytes that belong to the caller. */
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

/** The same frame as JSON. */
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
