import { encodeFrame, Op } from '../../src/protocol/index.ts';
import { TickStream } from './tick-stream.ts';

/** What names a frame's symbols. */
export type Naming = 'alias' | 'name';

/**
 * TICKS frames in MessagePack as the SDK encodes them, together of `ticks` ticks. The alias of a symbol is its place in
 * `symbols`.
 */
export function tickFrames(
  ticks: number,
  ticksPerFrame: number,
  symbols: readonly string[],
  naming: Naming,
): readonly Uint8Array[] {
  const { symbolIds, prices, times } = new TickStream(ticks, symbols.length, 100);
  const frames: Uint8Array[] = [];
  for (let start = 0; start < ticks; start += ticksPerFrame) {
    const values: (number | string)[] = [];
    for (let i = start; i < Math.min(ticks, start + ticksPerFrame); i++) {
      const alias = symbolIds[i] as number;
      values.push(naming === 'alias' ? alias : (symbols[alias] as string));
      values.push(prices[i] as number, times[i] as number);
    }
    const frame = encodeFrame([Op.TICKS, frames.length + 1, values], 'binary') as Uint8Array;
    // A copy: the encoder's buffer is shared by many frames.
    frames.push(Uint8Array.from(frame));
  }
  return frames;
}
