import { describe, expect, it } from 'vitest';
import { isDeeperThan } from '../../src/http/json.ts';
import { fc } from '../../testkit/fast-check.ts';

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
