/** The longest symbol, in Unicode code points. */
export const SYMBOL_LENGTH_MAX = 32;

// Cc: C0 and C1 controls. A lone surrogate cannot be encoded as UTF-8.
const CONTROL_OR_SURROGATE = /[\p{Cc}\p{Cs}]/u;

function validateText(text: string): string | undefined {
  if (text.length === 0) return 'is empty';
  // A code point takes at most two UTF-16 units: refuse cheaply before the exact count.
  if (text.length > SYMBOL_LENGTH_MAX * 2 || [...text].length > SYMBOL_LENGTH_MAX) {
    return `is longer than ${SYMBOL_LENGTH_MAX} characters`;
  }
  if (CONTROL_OR_SURROGATE.test(text)) return 'contains a control character or a lone surrogate';
  if (text.trim() !== text) return 'starts or ends with white space';
  return undefined;
}

/** The fault of a symbol, as the rest of a sentence ("is empty"); undefined if it is valid. */
export function validateSymbol(text: string): string | undefined {
  return (
    validateText(text) ?? (text.includes('*') ? 'contains "*", reserved for patterns' : undefined)
  );
}

/**
 * The fault of a pattern (a symbol in which each `*` matches any run of characters); undefined if
 * it is valid.
 */
export function validatePattern(text: string): string | undefined {
  return validateText(text);
}

/** Whether a pattern can match more than one symbol. */
export function isWildcard(pattern: string): boolean {
  return pattern.includes('*');
}

/**
 * A test for the symbols that a pattern matches.
 *
 * Greedy matching with a single backtracking point: O(pattern × symbol) at worst, so no pattern is
 * slow (a regular expression built from a hostile pattern could be).
 */
export function patternMatcher(pattern: string): (symbol: string) => boolean {
  if (pattern === '*') return () => true;
  if (!isWildcard(pattern)) return (symbol) => symbol === pattern;
  const [prefix = '', ...rest] = pattern.split('*');
  const suffix = rest.pop() ?? '';
  const middles = rest.filter((part) => part !== '');
  return (symbol) => {
    if (symbol.length < prefix.length + suffix.length) return false;
    if (!symbol.startsWith(prefix) || !symbol.endsWith(suffix)) return false;
    const end = symbol.length - suffix.length;
    let from = prefix.length;
    for (const part of middles) {
      const at = symbol.indexOf(part, from);
      if (at < 0 || at + part.length > end) return false;
      from = at + part.length;
    }
    return true;
  };
}
