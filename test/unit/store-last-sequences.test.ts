import { expect, it } from 'vitest';
import { LastSequences, packSequences } from '../../src/store/last-sequences.ts';
import { fc } from '../../testkit/fast-check.ts';

/** Few enough to come again, some with the same bytes at their ends, some of the longest. */
const name = fc.oneof(
  fc.nat(400).map((n) => `S-${n}`),
  fc.constantFrom('', 'é', '\u{1f600}', '\u0001t\u0001A', 'x'.repeat(248), 'y'.repeat(248)),
  fc.string({ unit: 'grapheme', maxLength: 32 }),
);
const sequence = fc.oneof(fc.nat(1000), fc.constant(2 ** 48 - 1));

it('holds what a Map would', () => {
  const sets = fc.array(fc.tuple(name, sequence), { maxLength: 2000 });
  fc.assert(
    fc.property(sets, fc.nat(2000), (pairs, packedCount) => {
      const model = new Map<string, number>();
      const sequences = new LastSequences();
      const packed = pairs.slice(0, packedCount);
      const keys = packed.map(([symbol, last]) => [Buffer.from(symbol), last] as const);
      sequences.setAll(packSequences(keys));
      for (const [symbol, last] of packed) model.set(symbol, last);
      for (const [symbol, last] of pairs.slice(packedCount)) {
        if (sequences.get(symbol) !== (model.get(symbol) ?? 0)) expect.fail(symbol);
        model.set(symbol, last);
        sequences.set(symbol, last);
      }
      expect(new Map(sequences.entries())).toEqual(model);
      for (const [symbol, last] of model) {
        if (sequences.get(symbol) !== last) expect.fail(symbol);
      }
      expect(sequences.get('never')).toBe(0);
    }),
    { numRuns: 100 },
  );
});

it('holds 300 000 symbols in 40 bytes each, and no insertion takes long', () => {
  const count = 300_000;
  const symbols = Array.from({ length: count }, (_, i) => `EQ.${i.toString(36)}`);
  const sequences = new LastSequences();
  const before = process.memoryUsage().arrayBuffers;
  let slowestMs = 0;
  for (const [index, symbol] of symbols.entries()) {
    const start = performance.now();
    sequences.set(symbol, index + 1);
    slowestMs = Math.max(slowestMs, performance.now() - start);
  }
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(40 * count);
  // A Map of as many takes 20 ms to grow; here that is some hundred µs, but for the machine.
  expect(slowestMs).toBeLessThan(500);
  for (let i = 0; i < count; i += 997) expect(sequences.get(symbols[i] as string)).toBe(i + 1);
});
