import { expect, test } from 'vitest';
import { AlertEpisodes, durationMs } from '../src/alerts/alert-episodes.ts';
import { type AlertEvent, toAlertEvent } from '../src/alerts/alert-event.ts';

function alert(sequence: number, changes: Partial<AlertEvent> = {}): AlertEvent {
  return {
    symbol: 'A',
    sequence,
    rule: 'flash',
    episode: 1,
    phase: 'start',
    level: 'warning',
    direction: 'up',
    reference: 100,
    price: 103,
    changePercent: 3,
    time: 1000,
    startTime: 1000,
    peak: 103,
    count: 1,
    ...changes,
  };
}

const START = alert(1);
// The lowest price of its window is a later one.
const ESCALATION = alert(2, {
  phase: 'escalate',
  level: 'critical',
  reference: 101,
  time: 1500,
  peak: 106,
  count: 4,
});
const END = alert(3, {
  phase: 'end',
  level: 'critical',
  time: 4000,
  price: 100,
  changePercent: 0,
  peak: 107,
  count: 9,
  reason: 'reverted',
});

test('the alerts of an episode are one row: its level, duration and peak', () => {
  const episodes = new AlertEpisodes(10);
  expect(episodes.add(START)).toMatchObject({ level: 'warning', endTime: undefined });
  expect(episodes.add(START)).toBeUndefined();
  expect(episodes.add(ESCALATION)).toMatchObject({ level: 'critical' });
  const [open] = episodes.list();
  expect(open).toMatchObject({ level: 'critical', peak: 106, count: 4 });
  // From where it began.
  expect(open).toMatchObject({ origin: 100, peakPercent: 6 });
  expect(open && durationMs(open, 3200)).toBe(2200);
  expect(episodes.openCounts()).toEqual({ warning: 0, critical: 1 });
  expect(episodes.add(END)).toBeUndefined();
  const [over, ...others] = episodes.list();
  expect(others).toEqual([]);
  expect(over).toMatchObject({ endTime: 4000, peak: 107, count: 9, reason: 'reverted' });
  expect(over && durationMs(over, 99_000)).toBe(3000);
  expect(over?.steps.map(({ phase, time }) => `${phase} ${time}`)).toEqual([
    'start 1000',
    'escalate 1500',
    'end 4000',
  ]);
  expect(episodes.openCounts()).toEqual({ warning: 0, critical: 0 });
});

test('alerts may come in any order, and again', () => {
  const orders = [
    [START, ESCALATION, END],
    [END, START, ESCALATION],
    [ESCALATION, END, START, END],
  ];
  const lists = orders.map((order) => {
    const episodes = new AlertEpisodes(10);
    for (const each of order) episodes.add(each);
    return episodes.list();
  });
  expect(lists[1]).toEqual(lists[0]);
  expect(lists[2]).toEqual(lists[0]);
});

test('rows are filtered by rule and level, the newest start first', () => {
  const episodes = new AlertEpisodes(10);
  episodes.add(START);
  episodes.add(alert(2, { rule: 'run', startTime: 900, time: 900 }));
  episodes.add(alert(1, { symbol: 'B', level: 'critical', startTime: 2000, time: 2000 }));
  episodes.add(alert(4, { episode: 2, startTime: 3000, time: 3000 }));
  const rows = (rule?: string, level?: 'warning' | 'critical') =>
    episodes.list({ rule, level }).map(({ key }) => key);
  expect(rows()).toEqual(['2 3000 flash A', '1 2000 flash B', '1 1000 flash A', '1 900 run A']);
  expect(rows('run')).toEqual(['1 900 run A']);
  expect(rows(undefined, 'critical')).toEqual(['1 2000 flash B']);
  expect(rows('run', 'critical')).toEqual([]);
  expect([...episodes.rules()]).toEqual(['flash', 'run']);
});

test('rules without episodes raise alerts that are over at once', () => {
  const episodes = new AlertEpisodes(10, (rule, symbol) => `${rule} ${symbol}` !== 'flash A');
  expect(episodes.add(START)).toMatchObject({ endTime: 1000 });
  expect(episodes.add(alert(1, { symbol: 'B' }))).toMatchObject({ endTime: undefined });
});

test('an episode that goes on and on keeps its last steps', () => {
  const episodes = new AlertEpisodes(10);
  episodes.add(START);
  for (let i = 2; i <= 250; i++) episodes.add(alert(i, { phase: 'extend', reference: 101 }));
  const [episode] = episodes.list();
  expect(episode?.steps.map(({ sequence }) => sequence)).toEqual(
    Array.from({ length: 100 }, (_, i) => 151 + i),
  );
  expect(episode).toMatchObject({ lastSequence: 250, origin: 100 });
});

test('alerts of HTTP and of a subscription are the same', () => {
  const { direction: _, ...rest } = END;
  const live = toAlertEvent({ ...rest, direction: 'Up' });
  const time = '1970-01-01T00:00:04.000Z';
  const startTime = '1970-01-01T00:00:01.000Z';
  expect(toAlertEvent({ ...rest, direction: 'Up', time, startTime })).toEqual(live);
  expect(live).toEqual(END);
});

test('episodes are bounded: what started first is forgotten', () => {
  const episodes = new AlertEpisodes(2);
  for (const startTime of [5, 3, 4]) {
    episodes.add(alert(startTime, { episode: startTime, startTime, time: startTime }));
  }
  expect(episodes.list().map(({ startTime }) => startTime)).toEqual([5, 4]);
  const { version } = episodes;
  episodes.clear();
  expect(episodes.list()).toEqual([]);
  expect(episodes.version).toBeGreaterThan(version);
});

test('a stale symbol has no direction and no change', () => {
  const episodes = new AlertEpisodes(2);
  episodes.add(alert(1, { direction: 'none', changePercent: 0 }));
  expect(episodes.list()).toMatchObject([{ peakPercent: Number.NaN }]);
});

test('episodes of a rule that began again are others, whatever their number', () => {
  const episodes = new AlertEpisodes(10);
  episodes.add(START);
  episodes.add(END);
  const again = alert(4, { startTime: 9000.5, time: 9000.5 });
  episodes.add(again);
  // The same over HTTP, to the ms.
  episodes.add({ ...again, startTime: 9000, time: 9000 });
  const rows = episodes
    .list()
    .map(({ startTime, endTime, steps }) => [startTime, endTime, steps.length]);
  expect(rows).toEqual([
    [9000.5, undefined, 1],
    [1000, 4000, 2],
  ]);
});
