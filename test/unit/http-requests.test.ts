import { describe, expect, it } from 'vitest';
import { HttpAccess } from '../../src/http/access.ts';
import { matchesTag } from '../../src/http/assets.ts';
import { isDeeperThan } from '../../src/http/json.ts';
import { acceptsGzip, prefersCsv } from '../../src/http/negotiation.ts';
import { RequestProblem } from '../../src/http/problems.ts';
import { QueryParameters } from '../../src/http/query-parameters.ts';
import { formatRfc3339, parseRfc3339 } from '../../src/http/rfc-3339.ts';
import { fc } from '../../testkit/fast-check.ts';

type Options = ConstructorParameters<typeof HttpAccess>[0];
type Request = Parameters<HttpAccess['checkRate']>[0];

/** As in the source: held requests at a time. */
const HELD_MAX = 1024;

it('holds so many requests at a time, however many it held before', async () => {
  let limited = 0;
  const security = { limited: () => limited++ } as unknown as Options['security'];
  const access = new HttpAccess({ authenticator: undefined, security, requestsPerSecond: 1e-9 });
  const request = { remoteAddress: '192.0.2.1' } as Request;
  await access.checkRate(request);
  for (let round = 0; round < 3; round++) {
    const answered: number[] = [];
    await Promise.all(
      Array.from({ length: HELD_MAX + 2 }, async (_, i) => {
        await expect(access.checkRate(request)).rejects.toMatchObject({
          response: { status: 429 },
        });
        answered.push(i);
      }),
    );
    // Those beyond are answered at once.
    expect(answered.slice(0, 2)).toEqual([HELD_MAX, HELD_MAX + 1]);
  }
  expect(limited).toBe(3 * (HELD_MAX + 2));
});

describe('Accept-Encoding', () => {
  it.each([
    [undefined, false],
    ['', false],
    ['gzip', true],
    ['GZIP', true],
    ['gzip, deflate, br', true],
    ['br,gzip', true],
    ['gzip;q=0.5, br;q=1', true],
    ['br, gzip ; q=0.001', true],
    ['gzip;q=0', false],
    ['gzip;q=0.000, *', false],
    ['*', true],
    ['*;q=0', false],
    ['identity, *;q=0', false],
    ['*;q=0, gzip', true],
    ['br, deflate', false],
    ['x-gzip-like', false],
    ['gzip;level=9', false],
    [',,;', false],
  ])('%j takes gzip: %s', (header, isTaken) => {
    expect(acceptsGzip(header)).toBe(isTaken);
  });
});

describe('Accept', () => {
  it.each([
    [undefined, false],
    ['*/*', false],
    ['text/*', false],
    ['application/json', false],
    ['text/csv', true],
    ['TEXT/CSV; header=present', true],
    ['text/csv, */*;q=0.5', true],
    ['text/csv;q=0.9, application/json;q=0.8', true],
    ['application/json, text/csv;q=0.9', false],
    ['application/json, text/csv', false],
    ['text/csv;q=0', false],
    ['text/csv-schema', false],
    ['text/csv;q=x', false],
  ])('%j prefers CSV: %s', (header, isPreferred) => {
    expect(prefersCsv(header)).toBe(isPreferred);
  });
});

describe('If-None-Match', () => {
  it.each([
    [undefined, false],
    ['', false],
    ['"a"', true],
    ['W/"a"', true],
    ['*', true],
    ['"b", "a"', true],
    ['"b",W/"a" ', true],
    ['"b"', false],
    ['a', false],
    ['"a-gzip"', false],
    ['w/"a"', false],
  ])('%j has "a": %s', (header, isMatch) => {
    expect(matchesTag(header, '"a"')).toBe(isMatch);
  });
});

const bytes = (text: string) => new TextEncoder().encode(text);

/** How deep a value is nested, by recursion. */
function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

describe('isDeeperThan', () => {
  it.each([
    ['1', 0],
    ['""', 0],
    ['[]', 1],
    ['{}', 1],
    ['[{}]', 2],
    ['[[],[]]', 2],
    ['{"a":[{"b":{}}],"c":1}', 4],
    ['"[[[["', 0],
    [String.raw`["\"[[["]`, 1],
    [String.raw`["\\",[]]`, 2],
    [String.raw`{"[\\\"{":"}]"}`, 1],
    ['["é€\u{1f600}[{"]', 1],
  ])('%s is nested %i deep', (json, depth) => {
    expect(isDeeperThan(bytes(json), depth)).toBe(false);
    if (depth > 0) expect(isDeeperThan(bytes(json), depth - 1)).toBe(true);
  });

  it('agrees with the nesting of any value', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), fc.boolean(), (value, isIndented) => {
        const json = bytes(JSON.stringify(value, null, isIndented ? 2 : undefined));
        const depth = depthOf(value);
        expect(isDeeperThan(json, depth)).toBe(false);
        if (depth > 0) expect(isDeeperThan(json, depth - 1)).toBe(true);
      }),
    );
  });
});

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
  it('reads what is there, and ignores unknown parameters', () => {
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

const NEW_YEAR = Date.UTC(2026, 0, 1);

describe('parseRfc3339', () => {
  it.each([
    ['2026-01-01T00:00:00Z', NEW_YEAR],
    ['2026-01-01t00:00:00z', NEW_YEAR],
    ['2026-01-01T00:00:00.5Z', NEW_YEAR + 500],
    ['2026-01-01T00:00:00.123Z', NEW_YEAR + 123],
    ['2026-01-01T00:00:00.123456Z', NEW_YEAR + 123.456],
    ['2026-01-01T00:00:00.000000001Z', NEW_YEAR],
    ['2026-01-01T05:45:00+05:45', NEW_YEAR],
    ['2025-12-31T19:00:00-05:00', NEW_YEAR],
    ['2026-01-01T00:00:00-00:00', NEW_YEAR],
    ['2024-02-29T12:00:00Z', Date.UTC(2024, 1, 29, 12)],
    ['1970-01-01T00:00:00Z', 0],
    ['1969-12-31T23:59:59.5Z', -500],
    ['0050-01-01T00:00:00Z', -60_589_296_000_000],
    ['2016-12-31T23:59:60Z', Date.UTC(2017, 0, 1)],
    ['2017-01-01T00:59:60+01:00', Date.UTC(2017, 0, 1)],
  ])('reads %s', (text, time) => {
    expect(parseRfc3339(text)).toBe(time);
  });

  it.each([
    '',
    '2026-01-01',
    '2026-01-01T00:00Z',
    '2026-01-01T00:00:00',
    '2026-01-01 00:00:00Z',
    '2026-01-01T00:00:00.Z',
    '2026-01-01T00:00:00+0100',
    '2026-01-01T00:00:00+24:00',
    '2026-01-01T00:00:00+01:60',
    '2026-13-01T00:00:00Z',
    '2026-00-01T00:00:00Z',
    '2026-02-29T00:00:00Z',
    '2026-04-31T00:00:00Z',
    '2026-01-00T00:00:00Z',
    '2026-01-01T24:00:00Z',
    '2026-01-01T00:60:00Z',
    '2026-01-01T00:00:61Z',
    '2026-01-01T12:00:60Z',
    '+02026-01-01T00:00:00Z',
    ' 2026-01-01T00:00:00Z',
    '2026-01-01T00:00:00Z\n',
    '٢٠٢٦-01-01T00:00:00Z',
  ])('refuses %j', (text) => {
    expect(parseRfc3339(text)).toBeUndefined();
  });
});

describe('formatRfc3339', () => {
  it.each([
    [0, '1970-01-01T00:00:00.000Z'],
    [NEW_YEAR + 0.999, '2026-01-01T00:00:00.000Z'],
    [NEW_YEAR + 1, '2026-01-01T00:00:00.001Z'],
    // Beyond what four digits, or a Date at all, can show.
    [8.64e15, '9999-12-31T23:59:59.999Z'],
    [8.64e15 + 2, '9999-12-31T23:59:59.999Z'],
    [Number.MAX_VALUE, '9999-12-31T23:59:59.999Z'],
  ])('writes %d', (time, text) => {
    expect(formatRfc3339(time)).toBe(text);
  });
});
