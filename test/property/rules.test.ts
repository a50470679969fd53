import { expect, it } from 'vitest';
import { fc } from '../../testkit/fast-check.ts';
import {
  type ExpectedAlert,
  type OracleFile,
  type OracleRule,
  SymbolRules,
} from '../../testkit/independent/rules.ts';
import { smallRules } from '../support/partition-rig.ts';
import { RuleRig } from '../support/rule-rig.ts';
import { RULE_FILES, type RuleEvent, ruleStories, STORY_SYMBOLS } from '../support/rule-story.ts';

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

it('says what the definition says, tick by tick', () => {
  let alerts = 0;
  fc.assert(
    fc.property(RULE_FILES, ruleStories(250), fc.boolean(), (file, events, isFolded) => {
      const lateTicks = isFolded ? 'fold' : 'ignore';
      const rig = new RuleRig(file, STORY_SYMBOLS, { rules: { lateTicks } });
      const foldedMs = isFolded ? SLIDING_MS : undefined;
      const oracles = STORY_SYMBOLS.map((symbol) => new SymbolRules(file, symbol, foldedMs));
      for (const event of events) {
        const { symbolId, price, time, now } = event;
        const average = rig.average(symbolId);
        playOne(rig, event);
        if (price === undefined) for (const oracle of oracles) oracle.clock(now);
        else oracles[symbolId]?.take({ price, time, receivedAt: now, average });
      }
      for (const [symbolId, oracle] of oracles.entries()) {
        expect(rig.alerts.of(symbolId)).toEqual(oracle.alerts);
        alerts += oracle.alerts.length;
      }
      for (const { name } of file.rules) {
        const suppressed = oracles.map((oracle) => oracle.suppressed.get(name) ?? 0);
        expect(rig.count(name, 'SUPPRESSED')).toBe(suppressed.reduce((a, b) => a + b));
      }
      const open = oracles.reduce((sum, oracle) => sum + oracle.open, 0);
      const counted = file.rules.map(
        ({ name }) => rig.count(name, 'STARTED') - rig.count(name, 'ENDED'),
      );
      expect(counted.reduce((a, b) => a + b, 0)).toBe(open);
    }),
    { numRuns: 150 },
  );
  expect(alerts).toBeGreaterThan(3000);
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
