import { describe, expect, it } from 'vitest';
import {
  partitionOf,
  SymbolTable,
  symbolHash,
  UNKNOWN_SYMBOL,
} from '../../src/engine/symbol-table.ts';
import { fc } from '../../testkit/fast-check.ts';

const encoder = new TextEncoder();

const SYMBOL = fc.oneof(
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 32 }),
  fc.nat({ max: 99 }).map((number) => `SYM-${number}`),
  fc.constantFrom('A', 'AA', 'AAA', 'é', 'e\u0301', '😀', '__proto__', 'constructor'),
);

/** Registers a symbol from the middle of a frame, as the gateway does. */
function intern(table: SymbolTable, symbol: string): number {
  const bytes = encoder.encode(`xx${symbol}yyy`);
  const found = table.find(bytes, 2, bytes.length - 3);
  return found === UNKNOWN_SYMBOL ? table.register(bytes, 2, bytes.length - 3) : found;
}

describe('the symbol table', () => {
  it('is a map from names to dense ids', () => {
    fc.assert(
      fc.property(fc.array(SYMBOL, { maxLength: 200 }), SYMBOL, (symbols, other) => {
        const table = new SymbolTable(1000, 4);
        const model = new Map<string, number>();
        for (const symbol of symbols) {
          const expected = model.get(symbol) ?? model.size;
          expect(table.findName(symbol)).toBe(model.get(symbol) ?? UNKNOWN_SYMBOL);
          expect(intern(table, symbol)).toBe(expected);
          model.set(symbol, expected);
        }
        expect(table.size).toBe(model.size);
        expect(table.names).toEqual([...model.keys()]);
        expect(table.findName(other)).toBe(model.get(other) ?? UNKNOWN_SYMBOL);
        for (const [symbol, id] of model) {
          const bytes = encoder.encode(symbol);
          expect(table.name(id)).toBe(symbol);
          expect(table.partition(id)).toBe(symbolHash(bytes, 0, bytes.length) % 4);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('grows to many long symbols and still finds every one', () => {
    const count = 20_000;
    const table = new SymbolTable(count, 1);
    const name = (i: number) => `${'😀'.repeat(1 + (i % 25))}${i}`;
    for (let i = 0; i < count; i++) expect(intern(table, name(i))).toBe(i);
    for (let i = 0; i < count; i++) {
      if (table.findName(name(i)) !== i) expect.fail(`${name(i)} was not found`);
      if (table.findName(`${name(i)}x`) !== UNKNOWN_SYMBOL) expect.fail(`${name(i)}x was found`);
    }
    expect(table.isFull()).toBe(true);
    expect(() => intern(table, 'one more')).toThrow('full with 20000 symbols');
    expect(table.size).toBe(count);
    expect(() => table.name(count)).toThrow('no symbol has id 20000');
  });

  it('tells symbols apart whose hashes are the same', () => {
    const [first, second] = ['ZYBINH', 'MYQSSY'];
    const hashes = [first, second].map((symbol) => symbolHash(encoder.encode(symbol), 0, 6));
    expect(hashes[0]).toBe(hashes[1]);
    const table = new SymbolTable(10, 1);
    expect(intern(table, first)).toBe(0);
    expect(table.findName(second)).toBe(UNKNOWN_SYMBOL);
    expect(intern(table, second)).toBe(1);
    expect([table.findName(first), table.findName(second)]).toEqual([0, 1]);
  });
});

describe('the partition of a symbol', () => {
  const names: [string, (i: number) => string][] = [
    ['numbered', (i) => `SYM-${i}`],
    [
      'short',
      (i) => String.fromCharCode(65 + (i % 26), 65 + (Math.floor(i / 26) % 26), 48 + (i % 7)),
    ],
    ['paired', (i) => `COIN${i}-USD`],
    ['alike but for the first character', (i) => `${String.fromCodePoint(0x4e00 + i)}-PERP`],
  ];

  it.each(names)('spreads symbols that are %s evenly', (_, name) => {
    const symbols = [...new Set(Array.from({ length: 10_000 }, (__, i) => name(i)))];
    for (const partitions of [2, 3, 4, 7, 8, 64]) {
      const sizes = Array.from({ length: partitions }, () => 0);
      for (const symbol of symbols) {
        const bytes = encoder.encode(symbol);
        const partition = partitionOf(symbolHash(bytes, 0, bytes.length), partitions);
        sizes[partition] = (sizes[partition] as number) + 1;
      }
      // Five standard deviations of a fair die.
      const mean = symbols.length / partitions;
      const limit = 5 * Math.sqrt(mean * (1 - 1 / partitions));
      for (const size of sizes) expect(Math.abs(size - mean)).toBeLessThan(limit);
    }
  });
});
