import { describe, expect, it } from 'vitest';
import { fc } from '../../../testkit/fast-check.ts';
import { TickBuffer } from '../../src/publisher/tick-buffer.ts';

describe('TickBuffer', () => {
  it('agrees with a plain list, however it grows and wraps', () => {
    const step = fc.oneof(
      fc.record({ name: fc.constant('push' as const), count: fc.nat(300) }),
      fc.record({ name: fc.constant('append' as const), count: fc.nat(700) }),
      fc.record({ name: fc.constant('drop' as const), count: fc.nat(900) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const buffer = new TickBuffer();
        const list: number[] = [];
        for (const { name, count } of steps) {
          if (name === 'drop') {
            buffer.drop(Math.min(count, buffer.length));
          } else {
            const prices = Array.from({ length: count }, (_, i) => list.length + i);
            list.push(...prices);
            if (name === 'push') for (const p of prices) buffer.push(p, p, p);
            else append(buffer, prices);
          }
          expect(buffer.end).toBe(list.length);
          expect(kept(buffer)).toEqual(list.slice(buffer.start));
        }
      }),
      { numRuns: 60, seed: 11 },
    );
  });
});

/** Appends from the middle of columns. */
function append(buffer: TickBuffer, prices: readonly number[]): void {
  const padded = [-1, ...prices, -1];
  const columns = {
    aliases: Uint32Array.from(padded),
    prices: Float64Array.from(padded),
    times: Float64Array.from(padded),
  };
  buffer.append(columns, 1, prices.length);
}

function kept(buffer: TickBuffer): number[] {
  return Array.from({ length: buffer.length }, (_, i) => {
    const row = (buffer.start + i) & buffer.mask;
    const price = buffer.prices[row] ?? -1;
    return buffer.aliases[row] === price && buffer.times[row] === price ? price : -1;
  });
}
