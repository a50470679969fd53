import { expect, test } from 'vitest';
import { hasEpisodes } from '../src/rules/episode-rules.ts';
import type { RuleRecord } from '../src/rules/rule-record.ts';

function rule(name: string, change: Partial<RuleRecord>): RuleRecord {
  const counts = { started: 0, open: 0, suppressed: 0, failed: 0 };
  const usual = { kind: 'spike', symbols: ['*'], settings: {}, overrides: [], meaning: [] };
  return { name, ...usual, ...counts, ...change };
}

test('a rule has episodes unless it, or the last override for the symbol, says null', () => {
  const rules = [
    rule('usual', {}),
    rule('none', { settings: { episode: null } }),
    rule('some', {
      settings: { episode: null },
      overrides: [
        { symbols: ['BTC-*'], settings: { episode: {} } },
        { symbols: ['BTC-EUR'], settings: { episode: null } },
        // Says nothing of episodes.
        { symbols: ['*'], settings: { warning: { unit: 'percent', value: 9 } } },
      ],
    }),
  ];
  expect(hasEpisodes(rules, 'usual', 'A')).toBe(true);
  expect(hasEpisodes(rules, 'none', 'A')).toBe(false);
  expect(hasEpisodes(rules, 'gone', 'A')).toBe(true);
  expect(hasEpisodes(rules, 'some', 'A')).toBe(false);
  expect(hasEpisodes(rules, 'some', 'BTC-USD')).toBe(true);
  expect(hasEpisodes(rules, 'some', 'BTC-EUR')).toBe(false);
});

test.each([
  ['A', 'A', true],
  ['A', 'AB', false],
  ['*', '', true],
  ['A*', 'AB', true],
  ['A*', 'BA', false],
  ['*A', 'BA', true],
  ['A*A', 'A', false],
  ['A*A', 'AA', true],
  ['A*B*C', 'A-B-C', true],
  ['A*B*C', 'A-C-B', false],
  ['A**C', 'AC', true],
  ['*B*B*', 'AB', false],
  ['a.c', 'abc', false],
])('the pattern %s matches %s: %s', (pattern, symbol, isMatched) => {
  const overrides = [{ symbols: [pattern], settings: { episode: null } }];
  expect(hasEpisodes([rule('own', { overrides })], 'own', symbol)).toBe(!isMatched);
});
