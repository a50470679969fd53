import { JsonFields, numberAbove, showJson } from './json-fields.ts';
import type { DaySpan, HoursSettings, RuleFault } from './rule-types.ts';

const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const DAY_MINUTES = 24 * 60;
const CLOCK = 'a time of day such as 09:30, up to 24:00';
const DAYS_EXPECTED = 'days such as mon-fri or sat,sun';
const KEYS = ['tz', 'days', 'from', 'to', 'scale'];
const SCALE_KEYS = ['from', 'to', 'by'];

/** Reads the `hours` of a rule; absent members: UTC, every day, all day, no scale. */
export function parseHours(
  where: string,
  value: unknown,
  faults: RuleFault[],
): HoursSettings | undefined {
  const before = faults.length;
  const fields = new JsonFields(where, value, faults);
  const tz = fields.read('tz', 'an IANA time zone such as America/New_York', timeZone) ?? 'UTC';
  const days = fields.read('days', DAYS_EXPECTED, parseDays) ?? DAYS.map(() => true);
  const span = readSpan(fields);
  const scale = readScales(fields, span, faults);
  fields.end(KEYS);
  return faults.length > before ? undefined : { tz, days, ...span, scale };
}

function readSpan(fields: JsonFields): DaySpan {
  const from = fields.read('from', CLOCK, minuteOfDay) ?? 0;
  const to = fields.read('to', CLOCK, minuteOfDay) ?? DAY_MINUTES;
  if (from >= to) fields.fault('to', 'a time after "from" on the same day', showMinute(to));
  return { from, to };
}

function readScales(fields: JsonFields, within: DaySpan, faults: RuleFault[]) {
  const given = fields.raw('scale') ?? [];
  if (!Array.isArray(given)) {
    fields.fault('scale', 'an array', showJson(given));
    return [];
  }
  const scales: HoursSettings['scale'][number][] = [];
  for (const [index, value] of given.entries()) {
    const own = new JsonFields(`${fields.at('scale')}[${index}]`, value, faults);
    const span = readSpan(own);
    const by = own.need('by', 'a number above 0', numberAbove(0)) ?? 1;
    own.end(SCALE_KEYS);
    if (span.from < within.from || span.to > within.to) {
      const expected = `a part of ${showSpan(within)}`;
      faults.push({ where: own.where, expected, got: showSpan(span) });
    }
    const other = scales.find(({ from, to }) => span.from < to && from < span.to);
    if (other !== undefined) {
      const expected = 'spans that do not overlap';
      faults.push({ where: own.where, expected, got: `${showSpan(span)} and ${showSpan(other)}` });
    }
    scales.push({ ...span, by });
  }
  return scales;
}

function timeZone(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  try {
    return new Intl.DateTimeFormat('en', { timeZone: value }).resolvedOptions().timeZone;
  } catch {
    return undefined;
  }
}

/** By day of the week, Sunday first. A range may pass the end of the week. */
function parseDays(value: unknown): boolean[] | undefined {
  if (typeof value !== 'string') return undefined;
  const days = DAYS.map(() => false);
  for (const part of value.toLowerCase().split(',')) {
    const [first = '', last = first, ...rest] = part.trim().split('-');
    const [from, to] = [DAYS.indexOf(first), DAYS.indexOf(last)];
    if (from < 0 || to < 0 || rest.length > 0) return undefined;
    for (let day = from; ; day = (day + 1) % 7) {
      days[day] = true;
      if (day === to) break;
    }
  }
  return days;
}

function minuteOfDay(value: unknown): number | undefined {
  if (typeof value !== 'string') return undefined;
  const found = /^(\d\d):(\d\d)$/.exec(value);
  if (found === null) return undefined;
  const [hour, minute] = [Number(found[1]), Number(found[2])];
  const total = hour * 60 + minute;
  return minute < 60 && total <= DAY_MINUTES ? total : undefined;
}

function showMinute(minute: number): string {
  const pad = (value: number) => String(value).padStart(2, '0');
  return `${pad(Math.floor(minute / 60))}:${pad(minute % 60)}`;
}

function showSpan({ from, to }: DaySpan): string {
  return `${showMinute(from)} to ${showMinute(to)}`;
}
