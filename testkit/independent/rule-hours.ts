import type { OracleHours } from './rule-definitions.ts';

const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(timeZone: string): Intl.DateTimeFormat {
  const known = formats.get(timeZone);
  const format =
    known ??
    new Intl.DateTimeFormat('en-US', {
      timeZone,
      weekday: 'short',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    });
  formats.set(timeZone, format);
  return format;
}

/** By how much thresholds are multiplied at a time; undefined: the rule is asleep. */
export function hoursFactor(hours: OracleHours | undefined, time: number): number | undefined {
  if (hours === undefined) return 1;
  const format = formatOf(hours.tz ?? 'UTC');
  const parts = Object.fromEntries(
    format.formatToParts(time).map((part) => [part.type, part.value]),
  );
  const day = parts.weekday?.toLowerCase() ?? '';
  const clock = `${parts.hour}:${parts.minute}`;
  const isDay = (hours.days ?? 'sun-sat').split(',').some((range) => {
    const [first = '', last = first] = range.split('-');
    const length = (DAYS.indexOf(last) - DAYS.indexOf(first) + 7) % 7;
    return (DAYS.indexOf(day) - DAYS.indexOf(first) + 7) % 7 <= length;
  });
  if (!isDay || clock < (hours.from ?? '00:00') || clock >= (hours.to ?? '24:00')) return undefined;
  const scaled = (hours.scale ?? []).find(({ from, to }) => clock >= from && clock < to);
  return scaled?.by ?? 1;
}
