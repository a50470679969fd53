import v8 from 'node:v8';
import vm from 'node:vm';
import { expect, it } from 'vitest';
import { LastSequences, packSequences } from '../../src/store/last-sequences.ts';
import { fc } from '../../testkit/fast-check.ts';
import { until } from '../../testkit/until.ts';

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

it('holds 300 000 symbols in 40 bytes each', async () => {
  const count = 300_000;
  const sequences = new LastSequences();
  const before = arrayBufferBytes();
  for (let i = 0; i < count; i += 1) sequences.set(`EQ.${i.toString(36)}`, i + 1);
  // Tables that were outgrown are freed by a thread of the garbage collector's own.
  await until(() => arrayBufferBytes() - before < 40 * count);
  for (let i = 0; i < count; i += 997) expect(sequences.get(`EQ.${i.toString(36)}`)).toBe(i + 1);
});

function arrayBufferBytes(): number {
  v8.setFlagsFromString('--expose-gc');
  (vm.runInNewContext('gc') as () => void)();
  return process.memoryUsage().arrayBuffers;
}
