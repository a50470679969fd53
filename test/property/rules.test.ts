import { expect, it } from 'vitest';
import { Counter } from '../../src/engine/memory/counters.ts';
import { fc } from '../../testkit/fast-check.ts';
import {
  type ExpectedAlert,
  type OracleFile,
  type OracleRule,
  SymbolRules,
} from '../../testkit/independent/rules.ts';
import { smallRules } from '../support/partition-rig.ts';
import { ORACLE_MODULES } from '../support/rule-modules.ts';
import { RuleRig } from '../support/rule-rig.ts';
import {
  RULE_FILE_CHANGES,
  RULE_FILES,
  type RuleEvent,
  ruleStories,
  STORY_SYMBOLS,
} from '../support/rule-story.ts';

function play(file: OracleFile, events: readonly RuleEvent[]): RuleRig {
  const rig = new RuleRig(file, STORY_SYMBOLS);
  for (const event of events) playOne(rig, event);
  return rig;
}

function playOne(rig: RuleRig, { symbolId, price, time, now }: RuleEvent): void {
  if (price === undefined) rig.clock(now);
  else rig.apply(symbolId, { price, time }, now);
}

/** The window of the anomaly rule in a rig. */
const SLIDING_MS = smallRules().slidingWindowMilliseconds;

/** What may happen to ticks that are late. */
const EVENT_TIMES = fc.record({
  lateTicks: fc.constantFrom('fold' as const, 'ignore' as const),
  allowedLatenessMs: fc.constantFrom(0, 0, 1, 12, 300),
  reorderTicks: fc.constantFrom(1, 3, 256),
});
type EventTime = typeof EVENT_TIMES extends fc.Arbitrary<infer T> ? T : never;

/** A partition beside the definition. */
class Pair {
  readonly rig: RuleRig;
  readonly oracles: readonly SymbolRules[];
  readonly #files: OracleFile[];

  constructor(file: OracleFile, eventTime: EventTime) {
    const { lateTicks, allowedLatenessMs, reorderTicks } = eventTime;
    this.#files = [file];
    this.rig = new RuleRig(file, STORY_SYMBOLS, {
      rules: { lateTicks, allowedLatenessMs },
      reorderTicks: allowedLatenessMs === 0 ? undefined : reorderTicks,
    });
    const foldedMs = lateTicks === 'fold' ? SLIDING_MS : undefined;
    const settings = { foldedMs, allowedLatenessMs, reorderTicks };
    this.oracles = STORY_SYMBOLS.map(
      (symbol) => new SymbolRules(file, symbol, settings, ORACLE_MODULES),
    );
  }

  take(event: RuleEvent): void {
    const { symbolId, price, time, now } = event;
    const averages = STORY_SYMBOLS.map((_, each) => this.rig.average(each));
    playOne(this.rig, event);
    if (price === undefined) {
      for (const [each, oracle] of this.oracles.entries()) oracle.clock(now, averages[each]);
    } else {
      const average = averages[symbolId];
      this.oracles[symbolId]?.take({ price, time, receivedAt: now, average });
    }
  }

  change(file: OracleFile, now: number): void {
    this.#files.push(file);
    this.rig.change(file, now);
    for (const oracle of this.oracles) oracle.change(file, now);
  }

  /** Returns how many alerts there are. */
  compare(): number {
    const { oracles, rig } = this;
    for (const [symbolId, oracle] of oracles.entries()) {
      expect(rig.alerts.of(symbolId)).toEqual(oracle.alerts);
    }
    const names = new Set(this.#files.flatMap(({ rules }) => rules.map(({ name }) => name)));
    let open = 0;
    for (const name of names) {
      const suppressed = oracles.map((oracle) => oracle.suppressed.get(name) ?? 0);
      expect(rig.count(name, 'SUPPRESSED')).toBe(suppressed.reduce((a, b) => a + b));
      open += rig.count(name, 'STARTED') - rig.count(name, 'ENDED');
    }
    expect(open).toBe(oracles.reduce((sum, oracle) => sum + oracle.open, 0));
    return oracles.reduce((sum, { alerts }) => sum + alerts.length, 0);
  }
}

it('says what the definition says, tick by tick', () => {
  let alerts = 0;
  const held = { ticks: 0, folded: 0, missed: 0, early: 0 };
  const failed = { modules: 0 };
  fc.assert(
    fc.property(RULE_FILES, ruleStories(250), EVENT_TIMES, (file, events, eventTime) => {
      const pair = new Pair(file, eventTime);
      for (const event of events) pair.take(event);
      alerts += pair.compare();
      const { counters } = pair.rig;
      held.ticks += counters.get(Counter.HELD);
      held.folded += counters.get(Counter.FOLDED);
      held.missed += counters.get(Counter.MISSED);
      held.early += counters.get(Counter.RELEASED_EARLY);
      for (const { name } of file.rules) failed.modules += pair.rig.count(name, 'FAILED');
    }),
    { numRuns: 200 },
  );
  expect(alerts).toBeGreaterThan(3000);
  for (const [what, count] of Object.entries({ ...held, ...failed })) {
    expect(count, what).toBeGreaterThan(20);
  }
});

it('says what the definition says where rule files follow one another', () => {
  let closed = 0;
  fc.assert(
    fc.property(
      RULE_FILE_CHANGES,
      ruleStories(200),
      EVENT_TIMES,
      ([first, ...others], events, eventTime) => {
        const pair = new Pair(first as OracleFile, eventTime);
        const part = Math.ceil(events.length / (others.length + 1));
        for (const [index, event] of events.entries()) {
          const next = index > 0 && index % part === 0 ? others[index / part - 1] : undefined;
          if (next !== undefined) pair.change(next, event.now);
          pair.take(event);
        }
        pair.compare();
        closed += pair.oracles
          .flatMap((oracle) => oracle.alerts)
          .filter(({ reason }) => reason === 'closed').length;
      },
    ),
    { numRuns: 200 },
  );
  expect(closed).toBeGreaterThan(50);
});

/** The episodes of a rule must go start, (escalate | extend)*, end. */
function checkPhases(alerts: readonly ExpectedAlert[], hasEpisodes: boolean): void {
  let open: ExpectedAlert | undefined;
  let episode = 0;
  for (const alert of alerts) {
    if (alert.phase === 'start') {
      expect(open).toBeUndefined();
      expect(alert.episode).toBe(++episode);
      open = hasEpisodes ? alert : undefined;
    } else {
      expect(alert.episode).toBe(open?.episode);
      expect(alert.startTime).toBe(open?.startTime);
      expect(alert.direction).toBe(open?.direction);
      if (alert.phase === 'escalate')
        expect([open?.level, alert.level]).toEqual(['warning', 'critical']);
      open = alert.phase === 'end' ? undefined : alert;
    }
    expect(alert.reason !== undefined).toBe(alert.phase === 'end');
  }
}

it('goes through the phases in order, and numbers alerts and episodes without a gap', () => {
  fc.assert(
    fc.property(RULE_FILES, ruleStories(250), (file, events) => {
      const rig = play(file, events);
      for (const symbolId of STORY_SYMBOLS.keys()) {
        const alerts = rig.alerts.of(symbolId);
        expect(alerts.map(({ sequence }) => sequence)).toEqual(alerts.map((_, i) => i + 1));
        for (const { name, episode } of file.rules) {
          const own = alerts.filter(({ rule }) => rule === name);
          // An override gives that symbol episodes.
          const isOverridden = STORY_SYMBOLS[symbolId] === 'PENNY-X';
          checkPhases(own, isOverridden || episode !== null);
        }
      }
    }),
    { numRuns: 100 },
  );
});

it('says the same of all prices times a power of two', () => {
  const scaled = (file: OracleFile, by: number): OracleFile => ({
    rules: file.rules.map((rule) => scaleRule(rule, by)),
  });
  fc.assert(
    fc.property(
      RULE_FILES,
      ruleStories(150),
      fc.constantFrom(-40, -1, 3, 64),
      (file, events, n) => {
        const by = 2 ** n;
        const up = events.map(({ price, ...rest }) => ({ ...rest, price: price && price * by }));
        const rig = play(file, events);
        const other = play(scaled(file, by), up);
        for (const symbolId of STORY_SYMBOLS.keys()) {
          expect(other.alerts.of(symbolId)).toEqual(
            rig.alerts.of(symbolId).map((alert) => ({
              ...alert,
              reference: alert.reference * by,
              price: alert.price * by,
              peak: alert.peak * by,
            })),
          );
        }
      },
    ),
    { numRuns: 100 },
  );
});

function scaleRule(rule: OracleRule, by: number): OracleRule {
  const { overrides = [] } = rule;
  return {
    ...rule,
    ...scaleSettings(rule, by),
    overrides: overrides.map((own) => ({ ...own, ...scaleSettings(own, by) })),
  };
}

function scaleSettings({ around, minMove }: Pick<OracleRule, 'around' | 'minMove'>, by: number) {
  return {
    ...(typeof around === 'number' ? { around: around * by } : {}),
    ...(minMove === undefined ? {} : { minMove: minMove * by }),
  };
}

it('does not change what the anomaly rule says', () => {
  fc.assert(
    fc.property(RULE_FILES, ruleStories(250), (file, events) => {
      const rig = play(file, events);
      const without = play({ rules: [] }, events);
      for (const symbolId of STORY_SYMBOLS.keys()) {
        expect(rig.anomalies.of(symbolId)).toEqual(without.anomalies.of(symbolId));
        expect(rig.table.anomalies(symbolId)).toBe(without.table.anomalies(symbolId));
      }
      expect(without.alerts.of(0)).toEqual([]);
    }),
    { numRuns: 100 },
  );
});

it('raises what the anomaly rule does, where a spike has no episodes', () => {
  const file = {
    rules: [
      {
        name: 'as-ever',
        kind: 'spike',
        symbols: ['*'],
        windowMs: 100,
        warning: '2%',
        episode: null,
      },
    ],
  };
  fc.assert(
    fc.property(ruleStories(250), (events) => {
      const rig = play(file, events);
      for (const symbolId of STORY_SYMBOLS.keys()) {
        const anomalies = rig.anomalies.of(symbolId).map(({ direction, ...rest }) => ({
          ...rest,
          direction: direction === 1 ? 'Up' : 'Down',
        }));
        expect(anomalies).toEqual(
          rig.alerts.of(symbolId).map(({ sequence, direction, reference, price, ...rest }) => {
            const { changePercent, time } = rest;
            return { sequence, direction, reference, price, changePercent, time };
          }),
        );
      }
    }),
    { numRuns: 100 },
  );
});

it('suppresses no alert of a higher level than the last one', () => {
  const rules = [
    {
      name: 'hot',
      kind: 'spike',
      symbols: ['*'],
      windowMs: 100,
      warning: '2%',
      critical: '4%',
      episode: { cooldownMs: 1e9 },
    },
  ];
  fc.assert(
    fc.property(ruleStories(250), (events) => {
      const rig = play({ rules }, events);
      for (const symbolId of STORY_SYMBOLS.keys()) {
        const starts = rig.alerts.of(symbolId).filter(({ phase }) => phase === 'start');
        // The one after a critical one can only be suppressed.
        expect(starts.length).toBeLessThanOrEqual(2);
      }
    }),
  );
});
