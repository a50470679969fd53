import { formatRfc3339, parseRfc3339 } from '../../src/http/rfc-3339.ts';
import type { Random } from '../../testkit/random.ts';
import { type Target, Violation } from '../engine/target.ts';

/** What `Date` reads too, and the same way. */
const COMMON =
  /^\d{4}-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/;

/** Dates and times, against `Date` where that is defined. */
export function rfc3339(): Target {
  return {
    name: 'rfc-3339',
    covers: ['http/rfc-3339'],
    inputBytesMax: 4096,
    dictionary: ['T', 'Z', '+', '-', ':', '.', '60', '23:59:60Z', '0000-', '9999-12-31', '-02-29'],
    seeds: () =>
      ['2024-02-29T12:34:56.789Z', '2016-12-31T23:59:60Z', '0001-01-01T00:00:00-23:59'].map(
        (text) => Buffer.from(text),
      ),
    generate: (random) => Buffer.from(anyTime(random)),
    execute: (bytes) => {
      const text = Buffer.from(bytes).toString('latin1');
      const time = parseRfc3339(text);
      if (time !== undefined && !Number.isFinite(time)) throw new Violation(`${text} is ${time}`);
      const canonical = text.replace('t', 'T').replace('z', 'Z');
      if (COMMON.test(canonical)) compare(canonical, time);
      if (time !== undefined && time >= 0) checkFormat(time);
    },
  };
}

function anyTime(random: Random): string {
  const two = (end: number) => String(random.below(end)).padStart(2, '0');
  const year = String(random.below(10_000)).padStart(4, '0');
  const fraction = random.chance(0.5)
    ? `.${String(random.uint32()).slice(0, random.between(1, 10))}`
    : '';
  const zone = random.chance(0.5) ? 'Z' : `${random.pick(['+', '-'])}${two(25)}:${two(61)}`;
  return `${year}-${two(14)}-${two(33)}T${two(25)}:${two(61)}:${two(62)}${fraction}${zone}`;
}

function compare(text: string, time: number | undefined): void {
  const [year, month, day] = text.slice(0, 10).split('-').map(Number) as [number, number, number];
  const isDay = month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month);
  if (isDay !== (time !== undefined)) throw new Violation(`${text} is ${time}`);
  if (time === undefined) return;
  const reference = Date.parse(text.replace(/(\.\d{3})\d+/, '$1'));
  const beyond = time - reference;
  if (!(beyond >= 0 && beyond < 1.001))
    throw new Violation(`${text} is ${time}, and Date says ${reference}`);
}

function daysIn(year: number, month: number): number {
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1] as number;
}

function checkFormat(time: number): void {
  const again = parseRfc3339(formatRfc3339(time));
  const last = Date.UTC(9999, 11, 31, 23, 59, 59, 999);
  if (again !== Math.trunc(Math.min(time, last)))
    throw new Violation(`${time} came back as ${again}`);
}
