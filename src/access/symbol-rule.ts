import { isWildcard, patternMatcher } from '../protocol/index.ts';
import { ALL_SYMBOLS, NO_SYMBOLS, type SymbolRule } from './identity.ts';

/**
 * The rule of symbols and patterns, which must be good ones (`validatePattern`).
 *
 * Asking for a symbol costs one look-up for all that are exact, and one match a pattern with `*`:
 * who asks often for the same symbol keeps the answer.
 */
export function symbolRule(patterns: readonly string[]): SymbolRule {
  if (patterns.length === 0) return NO_SYMBOLS;
  const distinct = [...new Set(patterns)];
  // Several `*` in a row match what one does.
  if (distinct.some((pattern) => /^\*+$/.test(pattern))) {
    return { ...ALL_SYMBOLS, patterns: distinct };
  }
  const exact = new Set(distinct.filter((pattern) => !isWildcard(pattern)));
  const matchers = distinct.filter(isWildcard).map(patternMatcher);
  return {
    isAll: false,
    patterns: distinct,
    covers: (symbol) => exact.has(symbol) || matchers.some((matches) => matches(symbol)),
  };
}
