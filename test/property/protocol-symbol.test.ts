import { expect, it } from 'vitest';
import { patternMatcher, validateSymbol } from '../../src/protocol/index.ts';
import { fc } from '../../testkit/fast-check.ts';
import { isMatch } from '../../testkit/independent/protocol.ts';

const few = (characters: string, maxLength: number) =>
  fc.array(fc.constantFrom(...characters), { maxLength }).map((all) => all.join(''));

it('matches as the definition of patterns says', () => {
  fc.assert(
    fc.property(few('ab*😀', 8), few('ab😀', 10), (pattern, symbol) => {
      expect(patternMatcher(pattern)(symbol)).toBe(isMatch([...pattern], [...symbol]));
    }),
    { numRuns: 3000 },
  );
});

it('matches a symbol of which any runs were replaced by "*"', () => {
  const pieces = fc.array(fc.tuple(fc.string({ unit: 'binary', maxLength: 5 }), fc.boolean()));
  fc.assert(
    fc.property(pieces, (all) => {
      const symbol = all.map(([piece]) => piece.replaceAll('*', '')).join('');
      const pattern = all.map(([piece, out]) => (out ? '*' : piece.replaceAll('*', ''))).join('');
      expect(patternMatcher(pattern)(symbol)).toBe(true);
    }),
  );
});

const WHITE_SPACE = new Set([
  0x20,
  0xa0,
  0x1680,
  0x2028,
  0x2029,
  0x202f,
  0x205f,
  0x3000,
  0xfeff,
  ...Array.from({ length: 11 }, (_, index) => 0x2000 + index),
]);

/** The symbol rules by code points alone. */
function isSymbol(text: string): boolean {
  const points = [...text].map((character) => character.codePointAt(0) as number);
  if (points.length < 1 || points.length > 32) return false;
  const isBanned = (point: number) =>
    point < 0x20 || (point >= 0x7f && point < 0xa0) || (point >= 0xd800 && point < 0xe000);
  if (points.some(isBanned) || text.includes('*')) return false;
  return !(WHITE_SPACE.has(points[0] as number) || WHITE_SPACE.has(points.at(-1) as number));
}

it('judges symbols by code points', () => {
  const unit = fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom('A', 'b', '-', 'é', '😀') },
    fc.constantFrom(' ', '\u3000', '\u2003', '\ufeff', '*', '\u0085', '\u0000', '\ud800', '\udc00'),
    fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)),
  );
  const text = fc.array(unit, { maxLength: 36 }).map((all) => all.join(''));
  fc.assert(
    fc.property(text, (symbol) => {
      expect(validateSymbol(symbol) === undefined).toBe(isSymbol(symbol));
    }),
    { numRuns: 3000 },
  );
});
