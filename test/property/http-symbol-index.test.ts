import { describe, expect, it } from 'vitest';
import { SymbolIndex } from '../../src/http/queries/symbol-index.ts';
import { fc } from '../../testkit/fast-check.ts';

/** Few characters, to share prefixes; one sorts differently by code unit and code point. */
const symbol = fc
  .array(fc.constantFrom('a', 'b', 'ab', '~', '€', '\u{1f600}', '\uffee'), {
    minLength: 1,
    maxLength: 4,
  })
  .map((parts) => parts.join(''));

function naive(names: readonly string[], prefix: string, after: string): string[] {
  return names.filter((name) => name.startsWith(prefix) && name > after).sort();
}

describe('SymbolIndex', () => {
  it('lists what a sort and a filter would, however symbols appear', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uniqueArray(symbol, { maxLength: 20 }), { maxLength: 4 }),
        fc.oneof(fc.constant(''), symbol),
        fc.oneof(fc.constant(''), symbol),
        async (waves, prefix, after) => {
          const names: string[] = [];
          const index = new SymbolIndex(names);
          for (const wave of waves) {
            names.push(...wave.filter((name) => !names.includes(name)));
            await index.refresh();
            const found = [...index.from(prefix, after)].map((id) => names[id]);
            expect(found).toEqual(naive(names, prefix, after));
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('does so for more symbols than it sorts at a time, asked twice at once', async () => {
    const names = Array.from({ length: 20_011 }, (_, i) => `S${(i * 7919) % 20_011}`);
    const index = new SymbolIndex(names);
    await Promise.all([index.refresh(), index.refresh()]);
    const found = [...index.from('S1', 'S15')].map((id) => names[id]);
    expect(found).toEqual(naive(names, 'S1', 'S15'));
    names.push('S1a', 'S');
    await index.refresh();
    expect([...index.from('', '')].map((id) => names[id])).toEqual(naive(names, '', ''));
  });
});
