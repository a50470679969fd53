import { expect, it } from 'vitest';
import { symbolRule } from '../../src/access/identity.ts';
import { ALL_SYMBOLS, NO_SYMBOLS, type SymbolRule } from '../../src/access/index.ts';
import { fc } from '../../testkit/fast-check.ts';
import { isMatch } from '../../testkit/independent/protocol.ts';

const few = (characters: string, minLength: number, maxLength: number) =>
  fc.array(fc.constantFrom(...characters), { minLength, maxLength }).map((all) => all.join(''));

it('covers what one of its patterns matches, and nothing else', () => {
  fc.assert(
    fc.property(
      fc.array(few('ab*', 1, 5), { maxLength: 6 }),
      fc.array(few('ab', 1, 5), { minLength: 1, maxLength: 20 }),
      (patterns, symbols) => {
        const rule = symbolRule(patterns);
        for (const symbol of symbols) {
          const expected = patterns.some((pattern) => isMatch([...pattern], [...symbol]));
          expect(rule.covers(symbol)).toBe(expected);
          if (rule.isAll) expect(expected).toBe(true);
        }
        expect(rule.isAll).toBe(patterns.some((pattern) => pattern.replaceAll('*', '') === ''));
        expect(rule.patterns).toEqual([...new Set(patterns)]);
      },
    ),
    { numRuns: 2000 },
  );
});

it('has the known rules for everything and nothing', () => {
  const rules: [SymbolRule, SymbolRule][] = [
    [symbolRule([]), NO_SYMBOLS],
    [symbolRule(['*']), ALL_SYMBOLS],
  ];
  for (const [rule, known] of rules) {
    expect([rule.isAll, rule.patterns, rule.covers('A')]).toEqual([
      known.isAll,
      known.patterns,
      known.covers('A'),
    ]);
  }
});

it('stays quick with as many patterns as a token may hold, however they are made', () => {
  const hostile = Array.from({ length: 1000 }, (_, index) => `${'a*'.repeat(14)}${index}`);
  const rule = symbolRule(hostile);
  const symbol = 'a'.repeat(32);
  const start = performance.now();
  for (let count = 0; count < 100; count += 1) expect(rule.covers(symbol)).toBe(false);
  // 100 000 matches: an exponential matcher would not finish.
  expect(performance.now() - start).toBeLessThan(10_000);
});
