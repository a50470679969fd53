import { expect, test } from 'vitest';
import { AlertEpisodes } from '../src/alerts/alert-episodes.ts';
import type { AlertEvent } from '../src/alerts/alert-event.ts';
import { alertPrices, episodesIn, levelSpans } from '../src/chart/episode-spans.ts';

const START: AlertEvent = {
  symbol: 'A',
  sequence: 1,
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
};
const WORSE = { ...START, sequence: 2, phase: 'escalate', level: 'critical' } as const;
const MORE = { ...WORSE, sequence: 3, phase: 'extend', time: 3000, price: 110 } as const;
const END = { ...MORE, sequence: 4, phase: 'end', time: 5000, price: 100 } as const;

function episodeOf(...events: AlertEvent[]) {
  const episodes = new AlertEpisodes(10);
  for (const event of events) episodes.add(event);
  const [episode] = episodes.list();
  if (episode === undefined) throw new Error('no episode');
  return episode;
}

test('an episode is shaded by level: from its escalation on it is critical', () => {
  const open = episodeOf(START);
  expect(levelSpans(open)).toEqual([{ level: 'warning', from: 1000, to: undefined }]);
  const over = episodeOf(START, { ...WORSE, time: 2000, price: 106 }, MORE, END);
  expect(levelSpans(over)).toEqual([
    { level: 'warning', from: 1000, to: 2000 },
    { level: 'critical', from: 2000, to: 5000 },
  ]);
});

test('an episode that began as critical, or whose start is not known, has one level', () => {
  const critical = episodeOf({ ...START, level: 'critical' }, MORE);
  expect(levelSpans(critical)).toEqual([{ level: 'critical', from: 1000, to: undefined }]);
  expect(levelSpans(episodeOf(END))).toEqual([{ level: 'critical', from: 1000, to: 5000 }]);
});

test('episodes are in sight while any part of them is', () => {
  const over = episodeOf(START, END);
  const open = episodeOf(START);
  const isSeen = (episode: typeof over, from: number, to: number) =>
    episodesIn([episode], [from, to]).length > 0;
  expect(isSeen(over, 0, 0.9)).toBe(false);
  expect(isSeen(over, 0, 1)).toBe(true);
  expect(isSeen(over, 2, 3)).toBe(true);
  expect(isSeen(over, 5, 9)).toBe(true);
  expect(isSeen(over, 5.1, 9)).toBe(false);
  expect(isSeen(open, 99, 100)).toBe(true);
});

test('every step but the end is marked at its price', () => {
  const over = episodeOf(START, { ...WORSE, time: 2000, price: 106 }, MORE, END);
  expect(alertPrices([over], 0)).toEqual([103, 106, 110]);
  expect(alertPrices([over], 2)).toEqual([106, 110]);
});
