import { describe, expect, it } from 'vitest';
import {
  isWildcard,
  patternMatcher,
  SYMBOL_LENGTH_MAX,
  validatePattern,
  validateSymbol,
} from '../../src/protocol/index.ts';

describe('validateSymbol', () => {
  it.each(['A', 'BTC-USD', 'a b', 'é', '日経225', '😀', 'x'.repeat(32), '😀'.repeat(32), '\u200b'])(
    'takes %j',
    (symbol) => {
      expect(validateSymbol(symbol)).toBeUndefined();
    },
  );

  it.each([
    ['', 'is empty'],
    ['x'.repeat(33), 'is longer than 32 characters'],
    ['😀'.repeat(33), 'is longer than 32 characters'],
    ['x'.repeat(1_000_000), 'is longer than 32 characters'],
    ['a\nb', 'contains a control character or a lone surrogate'],
    ['a\u0000', 'contains a control character or a lone surrogate'],
    ['\u007f', 'contains a control character or a lone surrogate'],
    ['a\u0085b', 'contains a control character or a lone surrogate'],
    ['a\ud83d', 'contains a control character or a lone surrogate'],
    ['\ude00\ud83d', 'contains a control character or a lone surrogate'],
    [' a', 'starts or ends with white space'],
    ['a ', 'starts or ends with white space'],
    ['\u3000a', 'starts or ends with white space'],
    ['a\ufeff', 'starts or ends with white space'],
    ['BTC-*', 'contains "*", reserved for patterns'],
    ['*', 'contains "*", reserved for patterns'],
  ])('refuses %j: %s', (symbol, fault) => {
    expect(validateSymbol(symbol)).toBe(fault);
  });

  it('counts code points, not UTF-16 units', () => {
    expect(SYMBOL_LENGTH_MAX).toBe(32);
    expect(validateSymbol(`${'😀'.repeat(31)}ab`)).toBe('is longer than 32 characters');
    expect(validateSymbol(`${'😀'.repeat(31)}a`)).toBeUndefined();
  });
});

describe('validatePattern', () => {
  it('takes what a symbol may be, and "*" anywhere', () => {
    for (const good of ['*', '**', 'BTC-*', '*-USD', 'B*-*D', 'BTC-USD']) {
      expect(validatePattern(good)).toBeUndefined();
    }
  });

  it('keeps the other rules of symbols', () => {
    expect(validatePattern('')).toBe('is empty');
    expect(validatePattern('* ')).toBe('starts or ends with white space');
    expect(validatePattern('*'.repeat(33))).toBe('is longer than 32 characters');
    expect(validatePattern('*\t*')).toBe('contains a control character or a lone surrogate');
  });
});

describe('patternMatcher', () => {
  it.each([
    ['*', ['A', 'BTC-USD', '😀'], []],
    ['BTC-USD', ['BTC-USD'], ['BTC-USD2', 'btc-usd', 'BTC']],
    ['BTC-*', ['BTC-', 'BTC-USD'], ['BTC', 'ABTC-USD']],
    ['*-USD', ['BTC-USD', '-USD'], ['BTC-USDT', 'USD']],
    ['B*-*D', ['BTC-USD', 'B-D', 'B--D'], ['BD', 'B-', 'XBTC-USD']],
    ['a*a', ['aa', 'aba', 'aaa'], ['a', 'ab']],
    ['*ab*ab*', ['abab', 'xabyabz'], ['ab', 'aab', 'abb']],
    ['ab*b', ['abb', 'abab'], ['ab', 'b']],
    ['a.c', ['a.c'], ['abc']],
    ['a.*', ['a.', 'a.b'], ['ab']],
    ['*😀', ['😀', 'a😀'], ['😁', '😀a']],
  ])('%s matches %j and not %j', (pattern, matches, misses) => {
    const test = patternMatcher(pattern);
    expect(matches.filter((symbol) => !test(symbol))).toEqual([]);
    expect(misses.filter((symbol) => test(symbol))).toEqual([]);
  });

  it('stays fast for the worst pattern for backtracking', () => {
    const test = patternMatcher(`${'*a'.repeat(15)}*b`);
    const symbol = 'a'.repeat(32);
    const before = performance.now();
    for (let i = 0; i < 10_000; i++) expect(test(symbol)).toBe(false);
    expect(performance.now() - before).toBeLessThan(2000);
  });
});

describe('isWildcard', () => {
  it('is true for what can match more than one symbol', () => {
    expect(['*', 'a*', 'a', 'BTC-USD'].map(isWildcard)).toEqual([true, true, false, false]);
  });
});
