import { expect, test } from 'vitest';
import {
  formatAge,
  formatAlignedPrice,
  formatBandwidth,
  formatBriefPrice,
  formatChange,
  formatCount,
  formatDuration,
  formatMilliseconds,
  formatNarrowPrice,
  formatPreciseClock,
  formatPrice,
  formatRate,
  formatShortCount,
  formatSpan,
  priceDecimals,
} from '../src/page/format.ts';

test('prices show at least six digits at any size', () => {
  expect(formatPrice(64250.5)).toBe('64,250.50');
  expect(formatPrice(3120.25)).toBe('3,120.25');
  expect(formatPrice(98.4)).toBe('98.4000');
  expect(formatPrice(1.08437)).toBe('1.08437');
  expect(formatPrice(0.00012345)).toBe('0.000123450');
  expect(formatPrice(0.00000712)).toBe('0.00000712000');
  expect(formatPrice(1.4e-8)).toBe('1.40000e-8');
  expect(formatPrice(3.2e-12)).toBe('3.20000e-12');
  expect(formatPrice(Number.MAX_VALUE)).toBe('1.79769e+308');
  expect(formatPrice(Number.NaN)).toBe('–');
});

test('decimals depend on the size of the price unless given', () => {
  expect([64250, 999.999, 1, 0.5, 1e-9, 0, Number.NaN].map(priceDecimals)).toEqual([
    2, 3, 5, 6, 12, 2, 2,
  ]);
  expect(formatPrice(9.5, 2)).toBe('9.50');
});

test('brief prices show about five digits, four below 1', () => {
  expect(
    [9_687_617, 67020.74, 2133.72, 141.41, 0.24791, 0.0873731, 5.2404].map(formatBriefPrice),
  ).toEqual(['9.688M', '67,021', '2,134', '141.41', '0.2479', '0.08737', '5.2404']);
});

test('tiny prices keep their digits in little space, and beside greater ones', () => {
  expect([1.0e-8, 1.4e-8, 0.00000712, 5e-324, 0].map(formatBriefPrice)).toEqual([
    '1.000e-8',
    '1.400e-8',
    '0.000007120',
    '4.941e-324',
    '0',
  ]);
  expect([1.4e-8, 0.00000712, 0.0512, 9.5].map((price) => formatAlignedPrice(price, 2))).toEqual([
    '1.40000e-8',
    '0.00000712',
    '0.0512',
    '9.50',
  ]);
});

test('prices in narrow columns are cut to what fits', () => {
  const narrow = (price: number) => formatNarrowPrice(price, priceDecimals(price));
  expect([0.00000712, 1.4e-8, 5e-324, 1e300, 0.0512, 64250.5, 1234567.89].map(narrow)).toEqual([
    '0.00000712',
    '1.40000e-8',
    '4.941e-324',
    '1.000e+300',
    '0.0512000',
    '64,250.50',
    '1,234,568',
  ]);
  for (let power = -320; power < 308; power++) {
    expect(narrow(9.87654 * 10 ** power).length, `e${power}`).toBeLessThanOrEqual(11);
  }
});

test('counts and rates', () => {
  expect(formatCount(1234567)).toBe('1,234,567');
  expect([0, 9_999, 12_340, 456_700, 1_234_567, 98_765_432, 1.5e12].map(formatShortCount)).toEqual([
    '0',
    '9,999',
    '12.3k',
    '457k',
    '1.23M',
    '98.8M',
    '1.50T',
  ]);
  expect([0, 0.25, 9.94, 9.96, 20_030.4, 3.6e6].map(formatRate)).toEqual([
    '0',
    '0.3',
    '9.9',
    '10',
    '20,030',
    '3.60M',
  ]);
  expect([0, 999, 143_500, 2.5e7].map(formatBandwidth)).toEqual([
    '0 B/s',
    '999 B/s',
    '143.5 kB/s',
    '25.0 MB/s',
  ]);
});

test('milliseconds and changes', () => {
  expect([0.0421, 0.24, 2.724, 57.14, 1234, null].map(formatMilliseconds)).toEqual([
    '0.042',
    '0.24',
    '2.72',
    '57.1',
    '1,234',
    '–',
  ]);
  expect([2.1, -0.425, 0, 1e6, Number.NaN].map(formatChange)).toEqual([
    '+2.10 %',
    '−0.43 %',
    '+0.00 %',
    '+1.0e+6 %',
    '–',
  ]);
});

test('ages are never negative, and durations show two units', () => {
  expect([-500, 999, 1000, 59_999, 60_000, 3.6e6, 8.64e7].map(formatAge)).toEqual([
    'now',
    'now',
    '1 s',
    '59 s',
    '1 min',
    '1 h',
    '1 d',
  ]);
  expect([0.9, 42, 192, 19_200, 187_200].map(formatDuration)).toEqual([
    '0 s',
    '42 s',
    '3 min 12 s',
    '5 h 20 min',
    '2 d 4 h',
  ]);
  expect([0, 320.4, 999.6, 4240, 9960, 59_700, 192_000].map(formatSpan)).toEqual([
    '0 ms',
    '320 ms',
    '1.0 s',
    '4.2 s',
    '10 s',
    '1 min 0 s',
    '3 min 12 s',
  ]);
  expect(formatPreciseClock(1_700_000_000_417.9)).toMatch(/^\d\d:\d\d:20\.417$/);
});
