import { describe, expect, it } from 'vitest';
import { SymbolTable } from '../../src/engine/index.ts';
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

const encoder = new TextEncoder();

function add(symbols: SymbolTable, name: string): void {
  const bytes = encoder.encode(name);
  if (symbols.findName(name) < 0) symbols.register(bytes, 0, bytes.length);
}

function retire(symbols: SymbolTable, name: string, isRevived: boolean): void {
  const symbolId = symbols.findName(name);
  if (symbolId < 0) return;
  symbols.beginRetiring(symbolId);
  if (isRevived) symbols.tryRevive(symbolId);
  symbols.endRetiring(symbolId);
}

const held = ({ names }: SymbolTable) => names.filter((name) => name !== undefined);

function list(symbols: SymbolTable, index: SymbolIndex, prefix: string, after: string): string[] {
  return [...index.from(prefix, after)].map((id) => symbols.name(id));
}

/** Symbols that appear, then some that are retired; those of even length return at once. */
const wave = fc.record({
  added: fc.array(symbol, { maxLength: 20 }),
  retired: fc.array(symbol, { maxLength: 20 }),
});

describe('SymbolIndex', () => {
  it('lists what a sort and a filter would, however symbols come and go', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(wave, { maxLength: 4 }),
        fc.oneof(fc.constant(''), symbol),
        fc.oneof(fc.constant(''), symbol),
        async (waves, prefix, after) => {
          const symbols = new SymbolTable(1000, 1);
          const index = new SymbolIndex(symbols);
          for (const { added, retired } of waves) {
            for (const name of added) add(symbols, name);
            await index.refresh();
            expect(list(symbols, index, prefix, after)).toEqual(
              naive(held(symbols), prefix, after),
            );
            const [gone, revived] = [1, 0].map((odd) =>
              retired.filter(({ length }) => length % 2 === odd),
            ) as [string[], string[]];
            for (const name of gone) retire(symbols, name, false);
            expect(list(symbols, index, prefix, after)).toEqual(
              naive(held(symbols), prefix, after),
            );
            for (const name of revived) retire(symbols, name, true);
            await index.refresh();
            expect(list(symbols, index, prefix, after)).toEqual(
              naive(held(symbols), prefix, after),
            );
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('does so for more symbols than it sorts at a time, asked twice at once', async () => {
    const symbols = new SymbolTable(30_000, 1);
    for (let i = 0; i < 20_011; i++) add(symbols, `S${(i * 7919) % 20_011}`);
    const index = new SymbolIndex(symbols);
    await Promise.all([index.refresh(), index.refresh()]);
    expect(list(symbols, index, 'S1', 'S15')).toEqual(naive(held(symbols), 'S1', 'S15'));
    for (const name of ['S1a', 'S']) add(symbols, name);
    await index.refresh();
    expect(list(symbols, index, '', '')).toEqual(naive(held(symbols), '', ''));
  });
});
