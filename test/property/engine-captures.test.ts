import { expect, it } from 'vitest';
import { countChanged, type SymbolState } from '../../src/engine/index.ts';
import type { Rules } from '../../src/engine/rules.ts';
import { fc } from '../../testkit/fast-check.ts';
import { exactMean } from '../../testkit/independent/exact-mean.ts';
import {
  type ExpectedSymbol,
  expectedMarket,
  expectedSymbol,
  type MarketTick,
} from '../../testkit/independent/statistics.ts';
import { CaptureRig, statesOf, statisticsOfState } from '../support/capture-rig.ts';
import { isSameStatistics } from '../support/partition-rig.ts';
import { stories } from '../support/tick-story.ts';

const SYMBOLS = 5;

const RULES: fc.Arbitrary<Rules> = fc.record({
  movingAverageWindow: fc.constantFrom(1, 2, 5, 64),
  anomalyThresholdPercent: fc.constantFrom(0, 0.5, 2),
  slidingWindowMilliseconds: fc.constantFrom(1, 10, 1000),
  windowCapacity: fc.constant(1024),
});

interface Story {
  readonly rules: Rules;
  readonly ticks: readonly MarketTick[];
  /** Captures follow so many ticks; the last one is restored. */
  readonly cuts: readonly number[];
  readonly partitions: number;
  readonly partitionsAfter: number;
}

const STORIES: fc.Arbitrary<Story> = RULES.chain((rules) =>
  fc.record({
    rules: fc.constant(rules),
    ticks: stories(SYMBOLS, rules.slidingWindowMilliseconds, { maxLength: 250 }).map((ticks) =>
      ticks.map(({ symbolId, price, time }) => ({ symbol: `S-${symbolId}`, price, time })),
    ),
    cuts: fc
      .array(fc.integer({ min: 0, max: 1000 }), { minLength: 1, maxLength: 3 })
      .map((parts) => parts.toSorted((a, b) => a - b)),
    partitions: fc.integer({ min: 1, max: 3 }),
    partitionsAfter: fc.integer({ min: 1, max: 4 }),
  }),
).map((story) => ({
  ...story,
  cuts: story.cuts.map((part) => Math.round((part / 1000) * story.ticks.length)),
}));

function expectStates(states: readonly SymbolState[], naive: Map<string, ExpectedSymbol>): void {
  expect(states.map(({ symbol }) => symbol).toSorted()).toEqual([...naive.keys()].toSorted());
  for (const state of states) {
    const { after, anomalies } = naive.get(state.symbol) as ExpectedSymbol;
    const exact = after.at(-1) as ExpectedSymbol['after'][number];
    const own = statisticsOfState(state);
    if (!isSameStatistics(own, exact)) expect(own, state.symbol).toEqual(exact);
    expect(state.anomalies).toBe(anomalies.length);
  }
}

/**
 * Applies ticks and requests captures; ticks after each cut are offered before the capture is made.
 */
async function captureAmid(rig: CaptureRig, story: Story): Promise<SymbolState[]> {
  let states: SymbolState[] = [];
  let from = 0;
  for (const cut of story.cuts) {
    for (const tick of story.ticks.slice(from, cut)) rig.offer(tick);
    const captured = rig.capture();
    const beyond = Math.min(story.ticks.length, cut + 40);
    for (const tick of story.ticks.slice(Math.max(cut, from), beyond)) rig.offer(tick);
    from = Math.max(from, beyond);
    rig.work();
    const capture = await captured;
    states = statesOf(capture);
    rig.captures.release(capture);
  }
  for (const tick of story.ticks.slice(from)) rig.offer(tick);
  rig.work();
  return states;
}

it('a new engine goes on from a capture as if it were the old one', async () => {
  await fc.assert(
    fc.asyncProperty(STORIES, async (story) => {
      // Skips cuts inside what was offered behind the previous one.
      const cuts = story.cuts.filter((cut, i, all) => i === 0 || cut - (all[i - 1] as number) > 40);
      const { rules, ticks } = story;
      const cut = cuts.at(-1) as number;
      const old = new CaptureRig({ rules, partitions: story.partitions });
      const states = await captureAmid(old, { ...story, cuts });
      expectStates(states, expectedMarket(ticks.slice(0, cut), rules));
      const next = new CaptureRig({ rules, partitions: story.partitionsAfter, restored: states });
      for (const tick of ticks.slice(cut)) next.offer(tick);
      next.work();
      for (const [symbol, { anomalies }] of expectedMarket(ticks, rules)) {
        // Equal to an uninterrupted engine bit for bit, average included.
        expect(next.statistics(symbol)).toEqual(old.statistics(symbol));
        const known = states.find((state) => state.symbol === symbol)?.anomalies ?? 0;
        expect(next.anomalies.of(next.idOf(symbol))).toEqual(anomalies.slice(known));
      }
    }),
    { numRuns: 80 },
  );
});

it('the base and what changed since are everything', async () => {
  await fc.assert(
    fc.asyncProperty(STORIES, fc.array(fc.boolean()), async (story, bases) => {
      const rig = new CaptureRig({ rules: story.rules, partitions: story.partitions });
      let base: SymbolState[] = [];
      let from = 0;
      for (const [index, cut] of [...story.cuts, story.ticks.length].entries()) {
        const ticks = story.ticks.slice(from, cut);
        from = Math.max(from, cut);
        for (const tick of ticks) rig.offer(tick);
        const captured = rig.capture();
        rig.work();
        const capture = await captured;
        const changes = statesOf(capture, 'sinceBase');
        expect(countChanged(capture)).toBe(changes.length);
        const states = [...base, ...changes].map((state) => [state.symbol, state] as const);
        const all = statesOf(capture);
        expect(new Map(states)).toEqual(new Map(all.map((state) => [state.symbol, state])));
        if (bases[index] === true) {
          rig.captures.setBase(capture);
          expect(statesOf(capture, 'sinceBase')).toEqual([]);
          base = all;
        }
        rig.captures.release(capture);
        expect(() => rig.captures.setBase(capture)).toThrow('the capture is released');
      }
    }),
    { numRuns: 80 },
  );
});

it('goes on by other rules than those it was captured by', async () => {
  const cases = fc.record({ story: STORIES, rules: RULES });
  await fc.assert(
    fc.asyncProperty(cases, async ({ story, rules }) => {
      const cut = story.cuts[0] as number;
      const old = new CaptureRig({ rules: story.rules, partitions: story.partitions });
      const states = await captureAmid(old, { ...story, cuts: [cut] });
      const next = new CaptureRig({ rules, partitions: story.partitionsAfter, restored: states });
      const rest = story.ticks.slice(cut);
      for (const tick of rest) next.offer(tick);
      next.work();
      // Captured again under the new rules.
      const again = next.capture();
      next.work();
      const statesAgain = statesOf(await again);
      for (const state of statesAgain) {
        const { symbol } = state;
        const own = story.ticks.filter((tick) => tick.symbol === symbol);
        const after = rest.filter((tick) => tick.symbol === symbol);
        const before = own.slice(0, own.length - after.length);
        expectFitted(next, state, story.rules, rules, before, after);
      }
      const third = new CaptureRig({ rules, partitions: 1, restored: statesAgain });
      const last = third.capture();
      third.work();
      expect(statesOf(await last).map(roughly)).toEqual(statesAgain.map(roughly));
    }),
    { numRuns: 80 },
  );
});

/** A state without what depends on its price ring's start. */
function roughly({ averaging, average, ...rest }: SymbolState): object {
  const { window, prices } = averaging;
  return { ...rest, window, prices: prices.toSorted(), average: average.toPrecision(12) };
}

/** A symbol with ticks before and after a restore under other rules. */
function expectFitted(
  rig: CaptureRig,
  state: SymbolState,
  oldRules: Rules,
  rules: Rules,
  before: readonly MarketTick[],
  after: readonly MarketTick[],
): void {
  const all = [...before, ...after];
  const known = Math.min(before.length, oldRules.movingAverageWindow) + after.length;
  const averaged = Math.min(known, rules.movingAverageWindow);
  const mean = exactMean(all.slice(-averaged).map(({ price }) => price));
  expect(Math.abs(state.average / mean - 1)).toBeLessThan(1e-12);
  expect(state.averaging.prices.length).toBe(averaged);
  const exact = expectedSymbol(all, rules).after.at(-1) as ExpectedSymbol['after'][number];
  expect(
    isSameStatistics({ ...statisticsOfState(state), average: mean }, { ...exact, average: mean }),
  ).toBe(true);
  // Earlier ticks are known if they were in the window then.
  const newest = expectedSymbol(before, oldRules).after.at(-1)?.time ?? 0;
  const inWindow = onTimeOf(before).filter(
    ({ time }) => time >= newest - oldRules.slidingWindowMilliseconds,
  );
  const raisedBefore = expectedSymbol(inWindow, rules).anomalies.length;
  const numbered = expectedSymbol(before, oldRules).anomalies.length - raisedBefore;
  const raised = expectedSymbol([...inWindow, ...after], rules).anomalies.slice(raisedBefore);
  expect(rig.anomalies.of(rig.idOf(state.symbol))).toEqual(
    raised.map((anomaly) => ({ ...anomaly, sequence: anomaly.sequence + numbered })),
  );
}

function onTimeOf(ticks: readonly MarketTick[]): MarketTick[] {
  let newest = 0;
  return ticks.filter(({ time }) => {
    if (time < newest) return false;
    newest = time;
    return true;
  });
}
