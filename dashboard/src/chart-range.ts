import type { HistoryColumns } from './price-history.ts';

/** Shorter than this the chart never is, seconds: a line needs room to be one. */
const SPAN_MIN = 15;
/** Room above and below what is shown, as a share of it. */
const MARGIN = 0.08;
/** A price that does not move still has an axis, this share of it high. */
const HEIGHT_MIN = 2e-4;

/** From when to when the chart shows, seconds: all that was seen, as long as it fits the range. */
export function timeRange(
  startSeconds: number,
  nowSeconds: number,
  rangeSeconds: number,
): [from: number, to: number] {
  const seen = Number.isNaN(startSeconds) ? 0 : nowSeconds - startSeconds;
  return [nowSeconds - Math.min(rangeSeconds, Math.max(SPAN_MIN, seen)), nowSeconds];
}

/** The prices that the chart shows, with the threshold's band, where one is known, or without. */
export function priceRange(
  [, upper, lower, averages, prices]: HistoryColumns,
  marked: Iterable<number>,
  isWithBand: boolean,
): [low: number, high: number] {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  const take = (value: number) => {
    low = Math.min(low, value);
    high = Math.max(high, value);
  };
  for (let i = 0; i < prices.length; i++) {
    take(prices[i] as number);
    take(averages[i] as number);
    if (!isWithBand || Number.isNaN(upper[i])) continue;
    take(upper[i] as number);
    take(lower[i] as number);
  }
  for (const price of marked) take(price);
  if (!(high >= low)) return [0, 1];
  const missing = Math.max(0, HEIGHT_MIN * high - (high - low)) / 2;
  const margin = MARGIN * (high - low) + missing;
  return [low - margin, high + margin];
}
