import { expect, it } from 'vitest';
import { HoursClock } from '../../src/rules/hours-clock.ts';
import { parseHours } from '../../src/rules/hours-settings.ts';
import { fc } from '../../testkit/fast-check.ts';
import { hoursFactor } from '../../testkit/independent/rule-hours.ts';

function clockOf(hours: object): (time: number) => number {
  const settings = parseHours('hours', hours, []);
  if (settings === undefined) throw new Error('these hours are wrong');
  const clock = new HoursClock(settings);
  const times = new Float64Array(1);
  return (time) => {
    times[0] = time;
    clock.look(times, 0);
    return clock.scale[0] as number;
  };
}

const NEW_YORK = {
  tz: 'America/New_York',
  days: 'mon-fri',
  from: '09:30',
  to: '16:00',
  scale: [{ from: '09:30', to: '09:45', by: 2 }],
};

it.each([
  ['before the opening', '2026-01-05T14:29:59.999Z', 0],
  ['at the opening', '2026-01-05T14:30:00Z', 2],
  ['after the first quarter', '2026-01-05T14:45:00Z', 1],
  ['at the end', '2026-01-05T20:59:59.999Z', 1],
  ['after it', '2026-01-05T21:00:00Z', 0],
  ['in summer, an hour earlier', '2026-07-06T13:30:00Z', 2],
  ['on a Saturday', '2026-01-10T15:00:00Z', 0],
])('knows the hours of New York: %s', (_, time, scale) => {
  expect(clockOf(NEW_YORK)(Date.parse(time))).toBe(scale);
});

const ZONES = ['UTC', 'America/New_York', 'Europe/Berlin', 'Australia/Lord_Howe', 'Asia/Kathmandu'];
const HOURS = fc.record({
  tz: fc.constantFrom(...ZONES),
  days: fc.constantFrom('mon-fri', 'sat,sun', 'fri-mon', 'sun-sat', 'wed'),
  from: fc.constantFrom('00:00', '01:30', '02:15', '09:30'),
  to: fc.constantFrom('10:00', '23:59', '24:00'),
  scale: fc.constantFrom([], [{ from: '09:30', to: '09:31', by: 3 }]),
});
/** Around changes of the local clock in 2026, at other boundaries, and anywhere. */
const TIMES = fc.oneof(
  fc
    .tuple(
      fc.constantFrom(
        Date.parse('2026-03-08T07:00:00Z'),
        Date.parse('2026-11-01T06:00:00Z'),
        Date.parse('2026-03-29T01:00:00Z'),
        Date.parse('2026-10-25T01:00:00Z'),
        Date.parse('2026-04-04T15:00:00Z'),
        Date.parse('2026-10-03T15:30:00Z'),
      ),
      fc.integer({ min: -4 * 3_600_000, max: 4 * 3_600_000 }),
      fc.constantFrom(1, 60_000, 900_000),
    )
    .map(([at, by, unit]) => at + Math.round(by / unit) * unit),
  fc.integer({ min: 0, max: 4e12 }),
);

it('says what the local clock says, whatever it said before', () => {
  fc.assert(
    fc.property(HOURS, fc.array(TIMES, { minLength: 1, maxLength: 60 }), (hours, times) => {
      const scaleAt = clockOf(hours);
      for (const time of times.flatMap((own) => [own, own + 1, Math.max(0, own - 1)])) {
        expect(scaleAt(time), `${time}`).toBe(hoursFactor(hours, time) ?? 0);
      }
    }),
    { numRuns: 200 },
  );
});

it('is asleep at times that are no dates', () => {
  expect(clockOf({})(1e300)).toBe(0);
  expect(clockOf({})(0)).toBe(1);
});
