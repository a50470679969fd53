import { describe, expect, it } from 'vitest';
import { RequestProblem } from '../../src/http/problems.ts';
import { QueryParameters } from '../../src/http/query-parameters.ts';

const read = (query: string) => new QueryParameters(new URLSearchParams(query));

function errorsOf(parameters: QueryParameters): unknown {
  try {
    parameters.check();
  } catch (error) {
    if (!(error instanceof RequestProblem)) throw error;
    expect(error.response.status).toBe(400);
    return (JSON.parse(error.response.body as string) as { errors: unknown }).errors;
  }
  return [];
}

describe('QueryParameters', () => {
  it('reads what is there, and ignores what nobody asks for', () => {
    const parameters = read('limit=7&prefix=a%2Fb&after=&colour=%zz&sequence=0');
    expect(parameters.limit()).toBe(7);
    expect(parameters.text('prefix')).toBe('a/b');
    expect(parameters.text('after')).toBe('');
    expect(parameters.text('before')).toBeUndefined();
    expect(parameters.sequence('sequence')).toBe(0);
    expect(errorsOf(parameters)).toEqual([]);
  });

  it('falls back on the default limit', () => {
    expect([read('').limit(), read('').limit(3)]).toEqual([100, 3]);
  });

  it.each(['0', '1001', '-1', '+1', '1.0', '1e2', ' 1', '', 'ten', '0x10', '9'.repeat(400)])(
    'refuses the limit %j',
    (limit) => {
      const parameters = read(new URLSearchParams({ limit }).toString());
      parameters.limit();
      expect(errorsOf(parameters)).toEqual([
        { name: 'limit', expected: 'an integer from 1 to 1000', got: expect.any(String) },
      ]);
    },
  );

  it('names every fault at once', () => {
    const parameters = read('limit=x&after=9007199254740992&before=1&before=2');
    parameters.limit();
    parameters.sequence('after');
    parameters.sequence('before');
    const expected = 'an integer from 0 to 9007199254740991';
    expect(errorsOf(parameters)).toEqual([
      { name: 'limit', expected: 'an integer from 1 to 1000', got: '"x"' },
      { name: 'after', expected, got: '"9007199254740992"' },
      { name: 'before', expected: 'one value', got: '2 values' },
    ]);
  });
});
