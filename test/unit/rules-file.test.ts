import { describe, expect, it } from 'vitest';
import { formatFault, parseRuleFile, RuleSet } from '../../src/rules/index.ts';

const SPIKE = { name: 'flash', kind: 'spike', symbols: ['*'], windowMs: 1000, warning: '2%' };

function faultsOf(value: unknown): string[] {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return (parseRuleFile(text).faults ?? []).map(formatFault);
}

const faultsOfRule = (rule: object) => faultsOf({ rules: [{ ...SPIKE, ...rule }] });

describe('a rule file', () => {
  it('may say what the example of the documentation says', () => {
    const rules = [
      {
        ...SPIKE,
        critical: '5%',
        minMove: 0.02,
        episode: { clear: 0.5, holdMs: 1000, cooldownMs: 30_000, step: true },
        overrides: [
          { symbols: ['PENNY-*'], warning: '20%', critical: '50%' },
          { symbols: ['TEST-*'], off: true },
        ],
      },
      {
        ...SPIKE,
        name: 'unusual',
        warning: '8s',
        critical: '15s',
        floor: '0.1%',
        sigma: { sampleMs: 1000, halfLifeMs: 300_000, warmup: 60, scale: 'ewma' },
        hours: {
          tz: 'America/New_York',
          days: 'mon-fri',
          from: '09:30',
          to: '16:00',
          scale: [{ from: '09:30', to: '09:45', by: 2 }],
        },
      },
      { name: 'print', kind: 'gap', symbols: ['*'], warning: '1.5%' },
      { name: 'run', kind: 'drift', symbols: ['*'], overMs: 300_000, warning: '3%' },
      { name: 'band', kind: 'band', symbols: ['BTC-USD'], around: 'average', warning: '5%' },
      { name: 'quiet', kind: 'stale', symbols: ['BTC-*'], afterMs: 15_000 },
      {
        name: 'mine',
        kind: 'module',
        symbols: ['*'],
        module: './my-detector.mjs',
        warning: '3',
        options: { k: 5 },
      },
    ];
    expect(faultsOf({ rules, sinks: [{ kind: 'webhook' }] })).toEqual([]);
  });

  it.each<[string, unknown, string[]]>([
    ['text that is not JSON', '{"rules": [}', [expect.stringMatching(/^the file: expected JSON/)]],
    ['no object', [], ['the file: expected an object with "rules", got []']],
    ['no rules', {}, ['rules: expected an array of rules, got nothing']],
    ['an unknown key', { rules: [], rule: 1 }, [expect.stringMatching(/^rule: .*unknown key/)]],
    [
      'two rules of one name',
      { rules: [SPIKE, SPIKE] },
      ['rules[1].name: expected a name of its own, got "flash", the name of rules[0]'],
    ],
  ])('is refused for %s', (_, value, faults) => {
    expect(faultsOf(value)).toEqual(faults);
  });

  it.each<[string, object, string]>([
    ['a name with a space', { name: 'a b' }, 'rules[0].name: expected 1 to 32'],
    ['an unknown kind', { kind: 'spike2' }, 'kind: expected one of spike, gap'],
    ['a threshold without a unit', { warning: '2' }, 'warning: expected percent or sigma above 0'],
    ['a threshold of 0', { warning: '0%' }, 'warning: expected percent or sigma above 0'],
    ['a threshold as a number', { warning: 2 }, 'warning: expected percent or sigma above 0'],
    ['a critical below warning', { critical: '1%' }, 'critical: expected more than "warning"'],
    ['sigma without a floor', { warning: '8s' }, 'floor: expected percent such as "0.1%"'],
    ['a window of 0', { windowMs: 0 }, 'windowMs: expected ms above 0'],
    ['a key of another kind', { overMs: 5 }, 'overMs: expected one of name, kind'],
    ['no symbols', { symbols: [] }, 'symbols: expected at least one pattern'],
    ['a wrong pattern', { symbols: ['*', ' A'] }, 'symbols[1]: expected a symbol or a pattern'],
    ['an unknown zone', { hours: { tz: 'Mars' } }, 'hours.tz: expected an IANA time zone'],
    ['unknown days', { hours: { days: 'mon-foo' } }, 'hours.days: expected days'],
    [
      'a day that runs back',
      { hours: { from: '16:00', to: '09:00' } },
      'hours.to: expected a time',
    ],
    ['a key of an episode', { episode: { hold: 1 } }, 'episode.hold: expected one of clear'],
    ['a key of an override', { overrides: [{ symbols: ['A'], a: 1 }] }, 'overrides[0].a: expected'],
    ['a wrong override', { overrides: [{ symbols: ['A'], off: 1 }] }, 'overrides[0].off: expected'],
    ['clear above 1', { episode: { clear: 2 } }, 'episode.clear: expected a number from 0 to 1'],
    ['a scale', { sigma: { scale: 'sd' } }, 'sigma.scale: expected "ewma" or "mad", got "sd"'],
  ])('is refused for %s', (_, change, fault) => {
    const faults = faultsOfRule(change);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain(fault);
  });

  it('names every fault, and where it is', () => {
    const faults = faultsOfRule({
      warning: 'x',
      episode: { clear: -1, holdMs: 'a' },
      overrides: [{ symbols: ['A'] }, { symbols: ['B'], minMove: -1 }],
    });
    expect(faults.map((fault) => fault.split(':')[0])).toEqual([
      'rules[0] "flash".warning',
      'rules[0] "flash".episode.clear',
      'rules[0] "flash".episode.holdMs',
      'rules[0] "flash".overrides[1].minMove',
    ]);
  });

  it('has at most 64 rules, and 8 for a symbol where patterns tell', () => {
    const many = (count: number, symbols: (index: number) => string[]) => ({
      rules: Array.from({ length: count }, (_, i) => ({
        ...SPIKE,
        name: `r${i}`,
        symbols: symbols(i),
      })),
    });
    expect(faultsOf(many(64, (i) => [`S${i}`]))).toEqual([]);
    expect(faultsOf(many(65, (i) => [`S${i}`]))[0]).toContain('at most 64 rules, got 65');
    expect(faultsOf(many(8, () => ['*']))).toEqual([]);
    expect(faultsOf(many(9, () => ['*']))[0]).toContain('at most 8 rules for "*"');
    expect(faultsOf(many(9, (i) => (i < 8 ? ['*'] : ['A'])))[0]).toContain('for "A"');
    // These may or may not match the same symbols.
    expect(faultsOf(many(9, (i) => [`${i}*`]))).toEqual([]);
  });
});

function setOf(rules: object[]): RuleSet {
  const { file } = parseRuleFile(JSON.stringify({ rules }));
  if (file === undefined) throw new Error('the file is wrong');
  return new RuleSet(file);
}

describe('the rules of a symbol', () => {
  it('take the last override that matches, key by key', () => {
    const set = setOf([
      {
        ...SPIKE,
        critical: '9%',
        overrides: [
          { symbols: ['P*'], warning: '3%', critical: '5%' },
          { symbols: ['PX'], warning: '4%' },
          { symbols: ['PZ'], off: true },
          { symbols: ['PZZ'], off: false },
        ],
      },
    ]);
    const levels = (symbol: string) =>
      set.plan('', symbol).rules.map(({ warning, critical }) => [warning.value, critical?.value]);
    expect(levels('A')).toEqual([[2, 9]]);
    expect(levels('PA')).toEqual([[3, 5]]);
    expect(levels('PX')).toEqual([[4, 5]]);
    expect(levels('PZ')).toEqual([]);
    expect(set.plan('', 'A')).toBe(set.plan('', 'B'));
  });

  it('are those of its tenant', () => {
    const set = setOf([SPIKE, { ...SPIKE, name: 'theirs', tenant: 'acme' }]);
    expect(set.plan('', 'A').rules.map(({ name }) => name)).toEqual(['flash']);
    expect(set.plan('acme', 'A').rules.map(({ name }) => name)).toEqual(['theirs']);
    expect(set.plan('other', 'A').rules).toEqual([]);
  });

  it('are eight at most: the others are faults of the symbol', () => {
    const rules = Array.from({ length: 10 }, (_, i) => ({
      ...SPIKE,
      name: `r${i}`,
      symbols: [`A${'*'.repeat(i + 1)}`],
    }));
    const plan = setOf(rules).plan('', 'A1');
    expect(plan.rules).toHaveLength(8);
    expect(plan.faults).toEqual([
      'rule "r8": more than 8 rules for a symbol',
      'rule "r9": more than 8 rules for a symbol',
    ]);
  });

  it('lack those that an override left without what they need', () => {
    const { windowMs: _, ...rest } = SPIKE;
    const set = setOf([{ ...rest, overrides: [{ symbols: ['A'], windowMs: 5 }] }]);
    expect(set.plan('', 'A').rules).toHaveLength(1);
    expect(set.plan('', 'B').faults).toEqual(['rule "flash": its length of time is not given']);
  });
});
