const DIGIT_0 = 48;
const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
/** Finer digits change no double: the next one is 0.0002 ms away. */
const FRACTION_DIGITS_MAX = 15;

/**
 * Parses a date and time of RFC 3339, as venues send them: `2024-02-29T12:34:56.123456789Z`.
 *
 * Digits beyond milliseconds are kept as a fraction, rounded once; `Date.parse` would cut them. The
 * HTTP API has a parser too. This one makes no strings: a feed parses a time a trade.
 *
 * @returns ms since the Unix epoch, negative before it; undefined for any other text
 */
export function parseRfc3339Time(text: string): number | undefined {
  // The shortest is 1970-01-01T00:00:00Z.
  if (text.length < 20 || !isPunctuated(text)) return undefined;
  const hour = digits(text, 11, 13);
  const minute = digits(text, 14, 16);
  const second = digits(text, 17, 19);
  // What is no number is NaN, and compares false.
  if (!(hour <= 23 && minute <= 59 && second <= 60)) return undefined;
  const hasFraction = text[19] === '.';
  const zoneAt = hasFraction ? endOfDigits(text, 20) : 19;
  const whole =
    midnightOf(digits(text, 0, 4), digits(text, 5, 7), digits(text, 8, 10)) +
    (hour * 60 + minute) * MINUTE_MS +
    second * 1000 -
    offsetMs(text, zoneAt);
  if (second === 60 && !isAfterLeapSecond(whole)) return undefined;
  const time = hasFraction ? whole + fractionMs(text, 20, zoneAt) : whole;
  return Number.isNaN(time) ? undefined : time;
}

function isPunctuated(text: string): boolean {
  const separator = text[10];
  return (
    text[4] === '-' &&
    text[7] === '-' &&
    (separator === 'T' || separator === 't') &&
    text[13] === ':' &&
    text[16] === ':'
  );
}

/** The number that digits write; NaN if another character is among them. */
function digits(text: string, from: number, to: number): number {
  let value = 0;
  for (let at = from; at < to; at++) {
    const digit = text.charCodeAt(at) - DIGIT_0;
    if (!(digit >= 0 && digit <= 9)) return Number.NaN;
    value = value * 10 + digit;
  }
  return value;
}

function endOfDigits(text: string, from: number): number {
  let at = from;
  while (digits(text, at, at + 1) >= 0) at++;
  return at;
}

/** The fraction of a second in ms; NaN if there are no digits. */
function fractionMs(text: string, from: number, to: number): number {
  if (to === from) return Number.NaN;
  const count = Math.min(to - from, FRACTION_DIGITS_MAX);
  const value = digits(text, from, from + count);
  return count > 3 ? value / 10 ** (count - 3) : value * 10 ** (3 - count);
}

/** The start of a day in UTC, ms; NaN if there is no such day. */
function midnightOf(year: number, month: number, day: number): number {
  if (!(month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month))) return Number.NaN;
  // Years that begin in March have their leap day at the end.
  const marchYear = month > 2 ? year : year - 1;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  const leapDays =
    Math.floor(marchYear / 4) - Math.floor(marchYear / 100) + Math.floor(marchYear / 400);
  // 719 468 days from 0000-03-01 to the epoch.
  return (365 * marchYear + leapDays + dayOfYear - 719_468) * DAY_MS;
}

function daysIn(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/** The offset from UTC that ends the text, ms; NaN if it does not end with one. */
function offsetMs(text: string, at: number): number {
  const sign = text[at];
  if (sign === 'Z' || sign === 'z') return text.length === at + 1 ? 0 : Number.NaN;
  if (text.length !== at + 6 || text[at + 3] !== ':') return Number.NaN;
  const hours = digits(text, at + 1, at + 3);
  const minutes = digits(text, at + 4, at + 6);
  if (!(hours <= 23 && minutes <= 59)) return Number.NaN;
  const offset = (hours * 60 + minutes) * MINUTE_MS;
  if (sign === '+') return offset;
  return sign === '-' ? -offset : Number.NaN;
}

/** A leap second is the last of a month and counts as the first second of the next. */
function isAfterLeapSecond(time: number): boolean {
  return time % DAY_MS === 0 && new Date(time).getUTCDate() === 1;
}
