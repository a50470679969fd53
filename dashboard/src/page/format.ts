/** Placeholder for a missing number. */
export const NONE = '–';

const SIGNIFICANT_DIGITS = 6;
/** Of a price in little space, where it is written with an exponent. */
const BRIEF_DIGITS = 4;
const DECIMALS_MIN = 2;
const DECIMALS_MAX = 12;
/** Below this, a number with six significant digits has too many decimals. */
const SHORT_FROM = 1e-7;
/** Digits that a price keeps beside a greater one. */
const SIGNIFICANT_DIGITS_MIN = 3;
/** Longer numbers run into the next narrow column of the table. */
const NARROW_CHARACTERS = 10;
/** From here on, a number in full is wider than a column. */
const LONG_FROM = 1e9;

const byDecimals = new Map<number, Intl.NumberFormat>();

/** Decimals that show at least six significant digits of a price: 2 to 12. */
export function priceDecimals(price: number): number {
  if (!(price > 0) || price === Number.POSITIVE_INFINITY) return DECIMALS_MIN;
  const decimals = SIGNIFICANT_DIGITS - 1 - Math.floor(Math.log10(price));
  return Math.min(DECIMALS_MAX, Math.max(DECIMALS_MIN, decimals));
}

/** Formats a price; the number of decimals depends on its size unless given. */
export function formatPrice(price: number, decimals = priceDecimals(price)): string {
  if (Number.isNaN(price)) return NONE;
  if (isExponential(price)) {
    return price.toExponential(SIGNIFICANT_DIGITS - 1);
  }
  return withDecimals(decimals).format(price);
}

/**
 * Formats a price with as many decimals as its neighbours have, or more where it would lose its
 * digits.
 */
export function formatAlignedPrice(price: number, decimals: number): string {
  const least = priceDecimals(price) - (SIGNIFICANT_DIGITS - SIGNIFICANT_DIGITS_MIN);
  return formatPrice(price, Math.max(decimals, least));
}

/** Formats a price for a narrow column: as its neighbours, or with fewer digits where that fits. */
export function formatNarrowPrice(price: number, decimals: number): string {
  const text = formatAlignedPrice(price, decimals);
  if (text.length <= NARROW_CHARACTERS) return text;
  if (isExponential(price)) return price.toExponential(BRIEF_DIGITS - 1);
  const fewest = priceDecimals(price) - (SIGNIFICANT_DIGITS - SIGNIFICANT_DIGITS_MIN);
  return formatPrice(price, Math.max(0, fewest));
}

function isExponential(price: number): boolean {
  return price >= LONG_FROM || (price > 0 && price < SHORT_FROM);
}

/** Formats a price in little space: about five significant digits, four below 1. */
export function formatBriefPrice(price: number): string {
  if (price >= 1e6 && price < LONG_FROM) return `${withDecimals(3).format(price / 1e6)}M`;
  if (isExponential(price)) return price.toExponential(BRIEF_DIGITS - 1);
  const isMiddling = price >= 1 && price < 1000;
  return formatPrice(price, Math.max(0, priceDecimals(price) - (isMiddling ? 1 : 2)));
}

/** 1,234,567 */
export function formatCount(count: number): string {
  return Number.isNaN(count) ? NONE : withDecimals(0).format(count);
}

/** 987, 12.3k, 4.56M */
export function formatShortCount(count: number): string {
  if (Number.isNaN(count)) return NONE;
  for (const [unit, size] of [
    ['T', 1e12],
    ['G', 1e9],
    ['M', 1e6],
    ['k', 1e4],
  ] as const) {
    if (count < size) continue;
    const value = count / (unit === 'k' ? 1000 : size);
    return `${withDecimals(value < 10 ? 2 : value < 100 ? 1 : 0).format(value)}${unit}`;
  }
  return withDecimals(0).format(count);
}

/** A rate a second: one decimal if small. */
export function formatRate(perSecond: number): string {
  if (Number.isNaN(perSecond)) return NONE;
  if (perSecond >= 1e6) return formatShortCount(perSecond);
  return withDecimals(perSecond > 0 && perSecond < 9.95 ? 1 : 0).format(perSecond);
}

/** Bytes a second: 12.3 kB/s. */
export function formatBandwidth(bytesPerSecond: number): string {
  if (Number.isNaN(bytesPerSecond)) return NONE;
  if (bytesPerSecond >= 1e6) return `${(bytesPerSecond / 1e6).toFixed(1)} MB/s`;
  if (bytesPerSecond >= 1000) return `${(bytesPerSecond / 1000).toFixed(1)} kB/s`;
  return `${Math.round(bytesPerSecond)} B/s`;
}

/** Milliseconds with about three digits: 0.042, 1.25, 37.1, 412. */
export function formatMilliseconds(ms: number | null): string {
  if (ms === null || Number.isNaN(ms)) return NONE;
  if (ms < 0.1) return ms.toFixed(3);
  if (ms < 10) return ms.toFixed(2);
  return ms < 100 ? ms.toFixed(1) : withDecimals(0).format(ms);
}

/** A change with its sign: +2.10 %, −0.42 %. */
export function formatChange(percent: number): string {
  if (Number.isNaN(percent)) return NONE;
  const size = Math.abs(percent);
  const digits = size >= 1e4 ? size.toExponential(1) : withDecimals(2).format(size);
  return `${percent < 0 ? '−' : '+'}${digits} %`;
}

function withDecimals(decimals: number): Intl.NumberFormat {
  let format = byDecimals.get(decimals);
  if (format === undefined) {
    format = new Intl.NumberFormat('en-US', {
      minimumFractionDigits: decimals,
      maximumFractionDigits: decimals,
    });
    byDecimals.set(decimals, format);
  }
  return format;
}

const clock = new Intl.DateTimeFormat('en-GB', {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
});

/** Local time of day: 14:03:22. */
export function formatClock(timeMs: number): string {
  return Number.isNaN(timeMs) ? NONE : clock.format(timeMs);
}

const day = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
});

/** Local day and time: 3 Nov, 14:03. */
export function formatDay(timeMs: number): string {
  return Number.isNaN(timeMs) ? NONE : day.format(timeMs);
}

/** Local time of day to the millisecond, with the day where that is not today. */
export function formatMoment(timeMs: number): string {
  const isToday = new Date(timeMs).toDateString() === new Date().toDateString();
  return isToday ? formatPreciseClock(timeMs) : formatDay(timeMs);
}

/** Local time of day to the millisecond: 14:03:22.417. */
export function formatPreciseClock(timeMs: number): string {
  if (Number.isNaN(timeMs)) return NONE;
  const ms = Math.floor(((timeMs % 1000) + 1000) % 1000);
  return `${clock.format(timeMs)}.${String(ms).padStart(3, '0')}`;
}

/**
 * Age: now, 12 s, 3 min, 5 h, 9 d. Negative ages, from clocks that differ a little, show as now.
 */
export function formatAge(ageMs: number): string {
  if (Number.isNaN(ageMs)) return NONE;
  const seconds = Math.floor(ageMs / 1000);
  if (seconds < 1) return 'now';
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** Duration in its two greatest units: 42 s, 3 min 12 s, 5 h 20 min, 2 d 4 h. */
export function formatDuration(totalSeconds: number): string {
  const seconds = Math.max(0, Math.floor(totalSeconds));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** Short duration: 320 ms, 4.2 s, then as {@link formatDuration}. */
export function formatSpan(ms: number): string {
  if (Number.isNaN(ms)) return NONE;
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  return ms < 9950 ? `${(ms / 1000).toFixed(1)} s` : formatDuration(Math.round(ms / 1000));
}
