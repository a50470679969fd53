import { expect, test } from 'vitest';
import { type AnomalyEvent, AnomalyMoves, type Direction } from '../src/anomalies/anomaly-moves.ts';

function event(
  symbol: string,
  sequence: number,
  time: number,
  percent = 3,
  direction: Direction = 'up',
): AnomalyEvent {
  return { symbol, sequence, direction, from: 100, to: 100 + percent, percent, time };
}

test('consecutive anomalies are one move with the greatest of them', () => {
  const moves = new AnomalyMoves(10);
  expect(moves.add(event('A', 1, 0, 3))).toBeDefined();
  expect(moves.add(event('A', 2, 900, 4))).toBeUndefined();
  expect(moves.add(event('A', 3, 1800, 2.5))).toBeUndefined();
  expect(moves.list).toMatchObject([
    { time: 0, count: 3, lastSequence: 3, extreme: { sequence: 2, percent: 4 } },
  ]);
});

test('other symbols, other directions and later times are other moves, newest first', () => {
  const moves = new AnomalyMoves(10);
  moves.add(event('A', 1, 0));
  moves.add(event('B', 1, 0));
  moves.add(event('A', 2, 100, -3, 'down'));
  moves.add(event('A', 3, 1001));
  expect(moves.list.map(({ symbol, direction, time }) => [symbol, direction, time])).toEqual([
    ['A', 'up', 1001],
    ['A', 'down', 100],
    ['B', 'up', 0],
    ['A', 'up', 0],
  ]);
});

test('duplicates are ignored, live or past', () => {
  const moves = new AnomalyMoves(10);
  moves.add(event('A', 2, 100));
  moves.add(event('A', 2, 100));
  moves.add(event('A', 1, 0));
  expect(moves.list).toMatchObject([{ count: 1 }]);
});

test('the number of moves is bounded', () => {
  const moves = new AnomalyMoves(3);
  for (let i = 1; i <= 10; i++) moves.add(event('A', i, i * 10_000));
  expect(moves.list.map(({ lastSequence }) => lastSequence)).toEqual([10, 9, 8]);
});

test('dropping a move keeps the newer one of its symbol', () => {
  const moves = new AnomalyMoves(2);
  moves.add(event('A', 1, 0));
  moves.add(event('A', 2, 10_000));
  moves.add(event('B', 1, 10_000));
  expect(moves.add(event('A', 3, 10_500))).toBeUndefined();
  expect(moves.list.map(({ symbol, count }) => [symbol, count])).toEqual([
    ['B', 1],
    ['A', 2],
  ]);
});

test('after clearing, sequences may start over', () => {
  const moves = new AnomalyMoves(3);
  moves.add(event('A', 7, 0));
  moves.clear();
  moves.add(event('A', 1, 0));
  expect(moves.list).toMatchObject([{ lastSequence: 1, count: 1 }]);
});
