import { expect, it } from 'vitest';
import { SymbolRules } from '../../testkit/independent/rules.ts';
import { RuleRig } from '../support/rule-rig.ts';

const FILE = {
  rules: [
    { name: 'flash', kind: 'spike', symbols: ['*'], windowMs: 1000, warning: '2%' },
    { name: 'print', kind: 'gap', symbols: ['*'], warning: '1.5%' },
  ],
};
/** Genuine: a bad print of SPY, twice, and the return. */
const TICKS = [
  [249.75, 0],
  [249.75, 2],
  [257.6591, 5],
  [257.6591, 5],
  [249.75, 9],
  [249.75, 6],
  [249.74, 12],
] as const;

const CHANGE = ((257.6591 - 249.75) / 249.75) * 100;

it('raises one alert for a move, and one for its end', () => {
  const rig = new RuleRig(FILE, ['SPY'], { rules: { slidingWindowMilliseconds: 1000 } });
  for (const [price, time] of TICKS) rig.apply(0, { price, time });
  const seen = rig.alerts
    .of(0)
    .map(({ sequence, rule, episode, phase, time, reason }) =>
      [sequence, rule, episode, phase, time, reason].filter((part) => part !== undefined),
    );
  expect(seen).toEqual([
    [1, 'flash', 1, 'start', 5],
    [2, 'print', 1, 'start', 5],
    [3, 'flash', 1, 'end', 9, 'reverted'],
    [4, 'print', 1, 'end', 9, 'reverted'],
  ]);
  expect(rig.alerts.of(0)[0]).toEqual({
    sequence: 1,
    rule: 'flash',
    episode: 1,
    phase: 'start',
    level: 'warning',
    direction: 'Up',
    reference: 249.75,
    price: 257.6591,
    changePercent: CHANGE,
    time: 5,
    startTime: 5,
    peak: 257.6591,
    count: 1,
    reason: undefined,
  });
  expect(CHANGE).toBeCloseTo(3.1668, 4);
  expect(rig.alerts.of(0)[2]).toMatchObject({ count: 2, peak: 257.6591, changePercent: 0 });
  expect(rig.anomalies.of(0)).toHaveLength(4);
});

it('has an oracle that says so, too', () => {
  const oracle = new SymbolRules(FILE, 'SPY');
  for (const [price, time] of TICKS) {
    oracle.take({ price, time, receivedAt: time, average: undefined });
  }
  expect(oracle.alerts).toHaveLength(4);
  expect(oracle.alerts.map(({ time, phase }) => [time, phase])).toEqual([
    [5, 'start'],
    [5, 'start'],
    [9, 'end'],
    [9, 'end'],
  ]);
});

const SETTLING = {
  rules: [
    {
      name: 'up',
      kind: 'spike',
      symbols: ['A'],
      windowMs: 100,
      warning: '2%',
      critical: '5%',
      episode: { holdMs: 50, cooldownMs: 500, step: true },
    },
  ],
};

it('escalates, extends, settles by the clock, and cools down', () => {
  const rig = new RuleRig(SETTLING, ['A']);
  const ticks = [
    [100, 0],
    [103, 10],
    [106, 20],
    [108.5, 30],
    [108.6, 40],
  ] as const;
  for (const [price, time] of ticks) rig.apply(0, { price, time });
  rig.clock(90);
  expect(rig.alerts.of(0).at(-1)?.phase).toBe('extend');
  rig.clock(91);
  expect(rig.alerts.of(0).map(({ phase, level, time }) => [phase, level, time])).toEqual([
    ['start', 'warning', 10],
    ['escalate', 'critical', 20],
    ['extend', 'critical', 30],
    ['end', 'critical', 90],
  ]);
  expect(rig.alerts.of(0).at(-1)).toMatchObject({ reason: 'settled', count: 4, peak: 108.6 });
  // Until 590 nothing of the same level.
  rig.apply(0, { price: 100, time: 590 });
  rig.apply(0, { price: 110, time: 590 });
  expect(rig.count('up', 'SUPPRESSED')).toBe(1);
  rig.apply(0, { price: 110, time: 591 });
  expect(rig.alerts.of(0).at(-1)).toMatchObject({ phase: 'start', episode: 2, time: 591 });
});

it('notices silence once, and its end', () => {
  const rules = [{ name: 'quiet', kind: 'stale', symbols: ['A'], afterMs: 100 }];
  const rig = new RuleRig({ rules }, ['A', 'B']);
  rig.clock(500);
  rig.apply(0, { price: 10, time: 1000 }, 1005);
  rig.apply(1, { price: 10, time: 1000 }, 1005);
  rig.clock(1105);
  expect(rig.alerts.of(0)).toEqual([]);
  for (const now of [1106, 1200]) rig.clock(now);
  // A late one is an arrival, too.
  rig.apply(0, { price: 11, time: 900 }, 1300);
  expect(
    rig.alerts.of(0).map(({ phase, time, price, direction }) => [phase, time, price, direction]),
  ).toEqual([
    ['start', 1106, 10, 'None'],
    ['end', 1300, 10, 'None'],
  ]);
  expect(rig.alerts.of(1)).toEqual([]);
});
