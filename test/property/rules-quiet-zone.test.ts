import { expect, test } from 'vitest';
import type { RuleKind } from '../../src/protocol/index.ts';
import { effectiveRule } from '../../src/rules/effective-rule.ts';
import { createMove, Move } from '../../src/rules/move.ts';
import { Flag } from '../../src/rules/rule-memory.ts';
import type { RuleSettings } from '../../src/rules/rule-types.ts';
import { isInZone, sharedZone } from '../../src/rules/shared-zone.ts';
import { levelOf } from '../../src/rules/threshold.ts';
import { fc } from '../../testkit/fast-check.ts';

const EPISODE = { clear: 0.5, holdMs: 0, cooldownMs: 0, step: false };

function ruleOf(kind: RuleKind, settings: RuleSettings) {
  const rule = effectiveRule(0, { name: 'r', kind } as never, { episode: EPISODE, ...settings });
  if (typeof rule === 'string') throw new Error(rule);
  return rule;
}

/** Prices from the least to the greatest double, most of them ordinary. */
const price = fc.oneof(
  { weight: 4, arbitrary: fc.double({ min: 0.01, max: 1e5, noNaN: true }) },
  { weight: 1, arbitrary: fc.double({ min: 5e-324, max: 1e-300, noNaN: true }) },
  { weight: 1, arbitrary: fc.double({ min: 1e300, max: Number.MAX_VALUE, noNaN: true }) },
);

/** `steps` doubles away. */
function neighbour(value: number, steps: number): number {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  view.setBigInt64(0, view.getBigInt64(0) + BigInt(steps));
  return view.getFloat64(0);
}

const SETTINGS = {
  spike: { windowMs: 1000 },
  gap: {},
  drift: { overMs: 1000 },
  band: { around: 'average' },
} as const;

test.each(['spike', 'gap', 'drift', 'band'] as const)(
  'no move beyond the threshold of a %s is quiet',
  (kind) => {
    let beyond = 0;
    let quiet = 0;
    const threshold = fc.oneof(
      fc.double({ min: 1e-6, max: 400, noNaN: true }),
      fc.constantFrom(0.5, 1, 2, 5, 100),
    );
    fc.assert(
      fc.property(
        price,
        threshold,
        fc.integer({ min: -40, max: 40 }),
        fc.boolean(),
        fc.boolean(),
        (reference, percent, steps, isUp, isSigma) => {
          const exact = reference * (1 + (isUp ? percent : -percent) / 100);
          const near = neighbour(exact, steps);
          if (!(near > 0 && Number.isFinite(near))) return;
          const unit = isSigma ? 'sigma' : 'percent';
          const warning = { unit, value: percent } as const;
          const rule = ruleOf(kind, { ...SETTINGS[kind], warning, floor: percent });
          const move = createMove();
          const change = isUp ? Move.UP : Move.DOWN;
          move[Move.PRICE] = near;
          move[Move.WARNING] = percent;
          move[change] = ((near - reference) / reference) * 100;
          move[change + 1] = reference;
          move[rule.quiet.lowest] = reference;
          move[rule.quiet.highest] = reference;
          const isQuiet = near < reference * rule.quiet.up && near > reference * rule.quiet.down;
          if (isQuiet) quiet++;
          if (levelOf(rule, move, change) === 0) return;
          beyond++;
          expect(isQuiet).toBe(false);
        },
      ),
      { numRuns: 20_000 },
    );
    expect(beyond).toBeGreaterThan(1000);
    // Few: all of these are within 40 doubles of the threshold, or tiny.
    expect(quiet).toBeGreaterThan(0);
  },
);

test('the zone is made of the lowest threshold of any hour', () => {
  const days = [true, true, true, true, true, true, true];
  const span = { from: 0, to: 1440 };
  const scale = [
    { from: 0, to: 60, by: 3 },
    { from: 60, to: 90, by: 0.25 },
  ];
  const warning = { unit: 'percent', value: 2 } as const;
  const hours = { tz: 'UTC', days, ...span, scale };
  const { quiet } = ruleOf('gap', { warning, hours });
  expect(quiet.up).toBeCloseTo(1.005, 9);
  expect(quiet.down).toBeCloseTo(0.995, 9);
  const wide = ruleOf('gap', { warning, hours: { ...hours, scale: scale.slice(0, 1) } });
  expect(wide.quiet.up).toBeCloseTo(1.02, 9);
});

test('an open episode, and a band that was not inside yet, are never quiet', () => {
  const warning = { unit: 'percent', value: 2 } as const;
  for (const kind of ['spike', 'gap', 'drift', 'band'] as const) {
    const { quiet } = ruleOf(kind, { ...SETTINGS[kind], warning });
    const inside = Flag.BEGUN | (kind === 'band' ? Flag.ARMED : 0);
    expect(inside & quiet.mask, kind).toBe(quiet.flags);
    expect((inside | 1) & quiet.mask, kind).not.toBe(quiet.flags);
    expect((inside | 2) & quiet.mask, kind).not.toBe(quiet.flags);
    expect(inside & ~Flag.BEGUN & quiet.mask, kind).not.toBe(quiet.flags);
    if (kind === 'band') expect(Flag.BEGUN & quiet.mask).not.toBe(quiet.flags);
  }
});

test('what is quiet for rules that share a zone is quiet for each of them', () => {
  let inside = 0;
  const percent = fc.double({ min: 0.1, max: 5, noNaN: true });
  const shared = fc.tuple(fc.constantFrom('spike', 'gap', 'band'), percent);
  const near = fc.double({ min: 98, max: 102, noNaN: true });
  fc.assert(
    fc.property(
      fc.array(shared, { minLength: 1, maxLength: 8 }),
      fc.array(near, { minLength: 5, maxLength: 5 }),
      (kinds, prices) => {
        const rules = kinds.map(([kind, value]) =>
          ruleOf(kind as RuleKind, {
            ...SETTINGS[kind as keyof typeof SETTINGS],
            warning: { value, unit: 'percent' },
          }),
        );
        const move = createMove();
        const [now, a, b, last, average] = prices as [number, number, number, number, number];
        move[Move.PRICE] = now;
        move[Move.WINDOW_LOWEST] = Math.min(now, a, b);
        move[Move.WINDOW_HIGHEST] = Math.max(now, a, b);
        move[Move.LAST_PRICE] = last;
        move[Move.AVERAGE] = average;
        const isQuiet = rules.every(
          ({ quiet }) =>
            now < (move[quiet.lowest] as number) * quiet.up &&
            now > (move[quiet.highest] as number) * quiet.down,
        );
        expect(isInZone(sharedZone(rules), move)).toBe(isQuiet);
        if (isQuiet) inside++;
      },
    ),
  );
  expect(inside).toBeGreaterThan(10);
});
