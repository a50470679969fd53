import { expect, test } from 'vitest';
import { AlertEpisodes, type AlertEvent, durationMs } from '../src/alerts/alert-episodes.ts';

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
    reason: undefined,
    ...changes,
  };
}

const START = alert(1);
const ESCALATION = alert(2, {
  phase: 'escalate',
  level: 'critical',
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
  expect(episodes.add(ESCALATION)).toBeUndefined();
  const [open] = episodes.list();
  expect(open).toMatchObject({ level: 'critical', peak: 106, peakPercent: 6, count: 4 });
  expect(open && durationMs(open, 3200)).toBe(2200);
  expect(episodes.openCounts()).toEqual({ warning: 0, critical: 1 });
  episodes.add(END);
  const [over, ...others] = episodes.list();
  expect(others).toEqual([]);
  expect(over).toMatchObject({ endTime: 4000, peak: 107, count: 9, reason: 'reverted' });
  expect(over && durationMs(over, 99_000)).toBe(3000);
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
    episodes.list({ rule, level }).map((each) => `${each.symbol} ${each.rule} ${each.episode}`);
  expect(rows()).toEqual(['A flash 2', 'B flash 1', 'A flash 1', 'A run 1']);
  expect(rows('run')).toEqual(['A run 1']);
  expect(rows(undefined, 'critical')).toEqual(['B flash 1']);
  expect(rows('run', 'critical')).toEqual([]);
  expect(episodes.of('B')).toHaveLength(1);
});

test('rules without episodes raise alerts that are over at once', () => {
  const episodes = new AlertEpisodes(10, (rule) => rule !== 'flash');
  expect(episodes.add(START)).toMatchObject({ endTime: 1000 });
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
  expect(episodes.list()).toMatchObject([{ peakPercent: 0 }]);
});
