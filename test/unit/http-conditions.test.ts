import { describe, expect, it } from 'vitest';
import { acceptsGzip, matchesTag } from '../../src/http/assets.ts';

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
