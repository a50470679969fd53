import { parse } from 'csv-parse/sync';
import { describe, expect, it } from 'vitest';
import { formatCsv } from '../../src/http/csv.ts';

describe('formatCsv', () => {
  it('writes a header row and ends each line with CR LF', () => {
    expect(formatCsv(['a', 'b'], [])).toBe('a,b\r\n');
    expect(formatCsv(['a', 'b'], [{ b: 1, a: 'x' }, { a: null }])).toBe('a,b\r\nx,1\r\n,\r\n');
  });

  it.each([
    [0.1, '0.1'],
    [-2.5, '-2.5'],
    [1e-8, '1e-8'],
    [1.7e21, '1.7e+21'],
    ['BTC-USD', 'BTC-USD'],
    ['a,b', '"a,b"'],
    ['a"b', '"a""b"'],
    ['two\nlines', '"two\nlines"'],
    ['€ 1', '€ 1'],
  ])('writes %j as %s', (value, field) => {
    expect(formatCsv(['x'], [{ x: value }])).toBe(`x\r\n${field}\r\n`);
  });

  it.each([
    '=1+1',
    '+A',
    '-A',
    '@ES',
    '\tA',
    '\rA',
    '\uff1d1',
    "'A",
    "''A",
    '=HYPERLINK("http://x","a,b")',
    'A=1',
    'A',
  ])('lets no text run as a formula, and can be read back: %j', (symbol) => {
    const [record] = parse<{ x: string }>(formatCsv(['x'], [{ x: symbol }]), { columns: true });
    expect(record?.x).not.toMatch(/^[=+\-@\t\r\uff1d]/);
    expect(record?.x.replace(/^'/, '')).toBe(symbol);
  });
});
