const DATE_TIME =
  /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))$/;

const MINUTE_MS = 60_000;

/** The last time that fits the four-digit year of RFC 3339. */
const LAST_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/**
 * Parses a date and time of RFC 3339.
 *
 * @returns ms since the epoch, with finer digits as a fraction; undefined for any other text
 */
export function parseRfc3339(text: string): number | undefined {
  const match = DATE_TIME.exec(text);
  if (match === null) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  if (hour > 23 || minute > 59 || second > 60) return undefined;
  const midnight = midnightOf(year, month, day);
  const offsetMs = offsetOf(match[8], match[9], match[10]);
  if (midnight === undefined || offsetMs === undefined) return undefined;
  const whole = midnight + ((hour * 60 + minute) * 60 + second) * 1000 - offsetMs;
  if (second === 60 && !isAfterLeapSecond(whole)) return undefined;
  // Milliseconds are added as a whole number, so that only finer digits are rounded, once.
  const digits = (match[7] ?? '').padEnd(3, '0');
  return whole + Number(digits.slice(0, 3)) + Number(`0.${digits.slice(3)}`);
}

/** A time as RFC 3339 text in UTC, cut to milliseconds. */
export function formatRfc3339(time: number): string {
  return new Date(Math.min(time, LAST_MS)).toISOString();
}

function midnightOf(year: number, month: number, day: number): number | undefined {
  // Date.UTC would read years below 100 as 19xx.
  const date = new Date(0);
  const midnight = date.setUTCFullYear(year, month - 1, day);
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day ? midnight : undefined;
}

function offsetOf(sign = '+', hours = '0', minutes = '0'): number | undefined {
  if (Number(hours) > 23 || Number(minutes) > 59) return undefined;
  const offsetMs = (Number(hours) * 60 + Number(minutes)) * MINUTE_MS;
  return sign === '-' ? -offsetMs : offsetMs;
}

/** A leap second is the last of a month and counts as the first second of the next. */
function isAfterLeapSecond(time: number): boolean {
  const date = new Date(time);
  return date.getUTCDate() === 1 && date.getUTCHours() === 0 && date.getUTCMinutes() === 0;
}
