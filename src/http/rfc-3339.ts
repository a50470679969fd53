const DATE_TIME =
  /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))$/;

const MINUTE_MS = 60_000;

/** The last time that RFC 3339, with its four digits of year, can write. */
const LAST_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/**
 * Reads a date and time as RFC 3339 defines them.
 *
 * @returns ms since the epoch, with what the text says beyond the millisecond as a fraction;
 *   undefined for any other text
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
  // Milliseconds are added whole: only what is finer is rounded, and once.
  const digits = (match[7] ?? '').padEnd(3, '0');
  return whole + Number(digits.slice(0, 3)) + Number(`0.${digits.slice(3)}`);
}

/** A time as RFC 3339 text in UTC, with milliseconds: what is finer is cut off. */
export function formatRfc3339(time: number): string {
  return new Date(Math.min(time, LAST_MS)).toISOString();
}

function midnightOf(year: number, month: number, day: number): number | undefined {
  // Date.UTC would take years below 100 for ones of the twentieth century.
  const date = new Date(0);
  const midnight = date.setUTCFullYear(year, month - 1, day);
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day ? midnight : undefined;
}

function offsetOf(sign = '+', hours = '0', minutes = '0'): number | undefined {
  if (Number(hours) > 23 || Number(minutes) > 59) return undefined;
  const offsetMs = (Number(hours) * 60 + Number(minutes)) * MINUTE_MS;
  return sign === '-' ? -offsetMs : offsetMs;
}

/** Leap seconds are the last of a month; they count as the first second of the next one. */
function isAfterLeapSecond(time: number): boolean {
  const date = new Date(time);
  return date.getUTCDate() === 1 && date.getUTCHours() === 0 && date.getUTCMinutes() === 0;
}
