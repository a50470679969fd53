import { expect, test } from 'vitest';
import { fc } from '../../testkit/fast-check.ts';
import { tokenOf } from '../src/page/token-form.ts';

const SIGNED = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.a-b_c';

test.each([
  ['as it is', SIGNED],
  ['with white space around it', ` \n${SIGNED}\r\n`],
  ['as a header says it', `Bearer ${SIGNED}`],
  ['as a whole header', `authorization: bearer  ${SIGNED}`],
  ['broken by a terminal', `${SIGNED.slice(0, 20)}\n${SIGNED.slice(20)}`],
])('a token is found %s', (_how, text) => {
  expect(tokenOf(text)).toBe(SIGNED);
});

test.each(['', '  ', 'two words', 'a,b', 'a"b', 'ключ', 'a\0b', 'Bearer '])(
  '%j is no token',
  (text) => {
    expect(tokenOf(text)).toBeUndefined();
  },
);

/** Mostly characters of tokens, and sometimes others. */
const pasted = fc.string({
  unit: fc.oneof(
    { weight: 40, arbitrary: fc.constantFrom(...'abyzABYZ0189._~+-') },
    { weight: 1, arbitrary: fc.constantFrom(' ', '\n', '\r', '=', '/', ',', '"', 'é', '\0') },
  ),
  minLength: 1,
  maxLength: 40,
});

test('every token can be sent in a header and as a subprotocol', () => {
  fc.assert(
    fc.property(pasted, (text) => {
      const token = tokenOf(text);
      fc.pre(token !== undefined);
      expect(new Headers({ authorization: `Bearer ${token}` }).get('authorization')).toBe(
        `Bearer ${token}`,
      );
      expect(token).toMatch(/^[!#$%&'*+.^_`|~\w-]+$/);
    }),
  );
});
