import { fc } from '../../testkit/fast-check.ts';
import type { OracleFile, OracleRule } from '../../testkit/independent/rules.ts';

/** A tick of a symbol, or a reading of the server's clock. */
export interface RuleEvent {
  readonly symbolId: number;
  /** Undefined: the clock. */
  readonly price: number | undefined;
  readonly time: number;
  /** The server's clock. */
  readonly now: number;
}

const EPISODE = fc.record(
  {
    clear: fc.constantFrom(0, 0.25, 0.5, 1),
    holdMs: fc.constantFrom(0, 5, 100, 1000),
    cooldownMs: fc.constantFrom(0, 50, 3000),
    step: fc.boolean(),
  },
  { requiredKeys: [] },
);

const HOURS = fc.constantFrom(
  undefined,
  undefined,
  { from: '00:00', to: '00:01' },
  { tz: 'UTC', to: '00:02', scale: [{ from: '00:01', to: '00:02', by: 2 }] },
);

const COMMON = {
  episode: fc.option(EPISODE, { freq: 5 }),
  hours: HOURS,
  minMove: fc.constantFrom(undefined, undefined, 1, 3.5),
};

const PERCENT = fc.constantFrom(['1%', '2.5%'], ['2%', undefined], ['3%', '3.5%'], ['0.5%', '9%']);
const SIGMA = fc.constantFrom(['2s', '4s'], ['1s', undefined], ['2s', '6%'], ['1.5%', '3s']);

const SAMPLING = fc.record({
  sampleMs: fc.constantFrom(10, 100, 1000),
  halfLifeMs: fc.constantFrom(500, 300_000),
  warmup: fc.constantFrom(0, 1, 3),
  scale: fc.constantFrom('ewma', 'mad'),
});

const COMPARED = fc.oneof(
  PERCENT.map(([warning, critical]) => ({ warning, critical })),
  fc
    .tuple(SIGMA, SAMPLING)
    .map(([[warning, critical], sigma]) => ({ warning, critical, sigma, floor: '0.25%' })),
);
const PLAIN = fc.constantFrom(['1', '2.5'], ['3', undefined]).map(([warning, critical]) => ({
  warning,
  critical,
}));
const ONLY_PERCENT = PERCENT.map(([warning, critical]) => ({ warning, critical }));

const RULE = fc.oneof(
  merged('spike', COMPARED, { ...COMMON, windowMs: fc.constantFrom(0.5, 10, 100, 1000) }),
  merged('gap', ONLY_PERCENT, COMMON),
  merged('drift', COMPARED, { ...COMMON, overMs: fc.constantFrom(16, 100, 1600, 5000) }),
  merged('band', ONLY_PERCENT, { ...COMMON, around: fc.constantFrom('average', 100, 104) }),
  merged('module', PLAIN, {
    ...COMMON,
    module: fc.constant('swing'),
    options: fc.constantFrom(undefined, { k: 2 }),
  }),
  merged('stale', fc.constant({}), {
    episode: COMMON.episode,
    hours: HOURS,
    afterMs: fc.constantFrom(20, 500),
  }),
);

function merged(
  kind: string,
  thresholds: fc.Arbitrary<object>,
  keys: Readonly<Record<string, fc.Arbitrary<unknown>>>,
): fc.Arbitrary<object> {
  return fc.tuple(thresholds, fc.record(keys)).map(([a, b]) => ({ kind, ...a, ...b }));
}

/** The symbols of stories. */
export const STORY_SYMBOLS = ['A-1', 'B', 'PENNY-X'];

/** Valid rule files. */
export const RULE_FILES: fc.Arbitrary<OracleFile> = fc
  .array(fc.tuple(RULE, fc.constantFrom(['*'], ['*'], ['A-*', 'B'], ['PENNY-X'])), {
    minLength: 1,
    maxLength: 8,
  })
  .map((rules) => ({
    rules: rules.map(([rule, symbols], index) => {
      const isCompared = 'warning' in rule;
      const overrides = [
        { symbols: ['PENNY-*'], episode: { holdMs: 50 } },
        ...(index === 2 ? [{ symbols: ['B'], off: true }] : []),
        ...(isCompared && index === 1 ? [{ symbols: ['B', 'PENNY-*'], minMove: 0.5 }] : []),
      ];
      return JSON.parse(JSON.stringify({ name: `rule-${index}`, symbols, ...rule, overrides }));
    }),
  }));

/**
 * Versions of a rule file, one after the other: rules change, come, go and change their places.
 * Each applies some rule to every symbol.
 */
export const RULE_FILE_CHANGES: fc.Arbitrary<OracleFile[]> = fc
  .array(RULE_FILES, { minLength: 2, maxLength: 4 })
  .chain((files) =>
    fc.tuple(
      ...files.map((file, version) =>
        fc
          .tuple(
            fc.array(fc.constantFrom(...file.rules, ...(files[0] as OracleFile).rules), {
              maxLength: 7,
            }),
            fc.constantFrom('0.4%', '2.2%'),
          )
          .map(([rules, warning]) => ({
            rules: [
              ...uniqueByName(rules),
              { name: `all-${version % 2}`, kind: 'gap', symbols: ['*'], warning },
            ],
          })),
      ),
    ),
  );

function uniqueByName(rules: readonly OracleRule[]): OracleRule[] {
  return [...new Map(rules.map((rule) => [rule.name, rule])).values()];
}

/** Changes in percent: none, at thresholds, beyond them, there and back. */
const CHANGES = [0, 0, 0.01, -0.01, 0.4, -0.4, 1, -1, 2, -2, 2.5, -2.5, 4, -4, 12, -12];
/** ms between ticks: equal times, small steps, windows, gaps, and back. */
const STEPS = [0, 0, 0, 1, 1, 2, 7, 10, 33, 100, 250, 1000, 1001, 4000, 20_000, 400_000, -1, -30];

/** Ticks of some symbols, as arbitrary as they are likely to matter, and readings of the clock. */
export function ruleStories(maxLength: number): fc.Arbitrary<RuleEvent[]> {
  const step = fc.record({
    symbolId: fc.nat(STORY_SYMBOLS.length - 1),
    step: fc.constantFrom(...STEPS),
    change: fc.constantFrom(...CHANGES),
    isBack: fc.integer({ min: 0, max: 3 }).map((n) => n === 0),
    isClock: fc.integer({ min: 0, max: 5 }).map((n) => n === 0),
  });
  return fc.array(step, { maxLength }).map((steps) => {
    const last = STORY_SYMBOLS.map(() => 100);
    const before = STORY_SYMBOLS.map(() => 100);
    let time = 1000;
    let now = 1000;
    return steps.map(({ symbolId, step: ms, change, isBack, isClock }) => {
      if (!isClock) time = Math.max(0, time + ms);
      now = Math.max(now + (isClock ? Math.abs(ms) : 0), time);
      if (isClock) return { symbolId, price: undefined, time: now, now };
      const from = last[symbolId] as number;
      const moved = Math.round(from * (100 + change)) / 100;
      const price = isBack ? (before[symbolId] as number) : Math.min(1e4, Math.max(1, moved));
      before[symbolId] = from;
      last[symbolId] = price;
      return { symbolId, price, time, now };
    });
  });
}
