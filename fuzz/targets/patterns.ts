import { patternMatcher, validatePattern, validateSymbol } from '../../src/protocol/index.ts';
import type { Random } from '../../testkit/random.ts';
import { type Target, Violation } from '../engine/target.ts';
import { anyText } from '../generate/values.ts';

/**
 * Rules of symbols and patterns, and matching against a table of every prefix; "pattern LF symbol".
 */
export function patterns(): Target {
  return {
    name: 'patterns',
    covers: ['protocol/symbol'],
    dictionary: ['*', '**', '\n', 'ab', '\u{1f600}', '\ufeff', '\u0085'],
    seeds: () => [Buffer.from('a*b\naab'), Buffer.from('*a*\nbab')],
    generate: (random) =>
      Buffer.from(`${anyPattern(random)}\n${anyPattern(random).replaceAll('*', '')}`),
    execute: (bytes) => {
      const [pattern = '', symbol = ''] = Buffer.from(bytes).toString('utf8').split('\n');
      const fault = validatePattern(pattern);
      if (fault !== undefined || validateSymbol(symbol) !== undefined) return;
      const is = patternMatcher(pattern)(symbol);
      if (is !== matches(pattern, symbol))
        throw new Violation(`"${pattern}" on "${symbol}": ${is}`);
    },
  };
}

function anyPattern(random: Random): string {
  if (random.chance(0.2)) return anyText(random);
  return Array.from({ length: random.below(12) }, () => random.pick(['a', 'b', '*'])).join('');
}

/** By every prefix of the pattern and every prefix of the symbol. */
function matches(pattern: string, symbol: string): boolean {
  let row = [true, ...Array.from(symbol, () => false)];
  row.length = symbol.length + 1;
  row.fill(false, 1);
  for (const letter of pattern.split('')) {
    const next = row.map(() => false);
    for (let at = 0; at <= symbol.length; at++) {
      if (letter === '*') next[at] = row[at] === true || next[at - 1] === true;
      else next[at] = at > 0 && row[at - 1] === true && symbol[at - 1] === letter;
    }
    row = next;
  }
  return row[symbol.length] === true;
}
