import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { beforeEach, describe, expect, it } from 'vitest';
import { readCommandLine } from '../../src/config/command-line.ts';
import { checkRules } from '../../src/rules-tools/check-command.ts';
import { testRules } from '../../src/rules-tools/test-command.ts';
import { folderForTest } from '../support/folders.ts';

const FLASH = {
  name: 'flash',
  kind: 'spike',
  symbols: ['*'],
  windowMs: 1000,
  warning: '2%',
  critical: '5%',
  episode: { cooldownMs: 30_000 },
  overrides: [
    { symbols: ['PENNY-*'], warning: '20%', critical: '50%' },
    { symbols: ['TEST-*'], off: true },
  ],
};
const RULES = [
  FLASH,
  {
    name: 'unusual',
    kind: 'drift',
    symbols: ['SPY'],
    overMs: 300_000,
    warning: '8s',
    floor: '0.1%',
    hours: {
      tz: 'America/New_York',
      days: 'mon-fri',
      from: '09:30',
      to: '16:00',
      scale: [{ from: '09:30', to: '09:45', by: 2 }],
    },
  },
  { name: 'quiet', kind: 'stale', tenant: 'acme', symbols: ['BTC-*'], afterMs: 15_000 },
];
const SINK = { name: 'ops', kind: 'webhook', url: 'https://example.com/secret', rules: ['flash'] };

let folder: string;
beforeEach(() => {
  folder = folderForTest();
});

async function run(...argv: string[]) {
  const command = readCommandLine(['rules', ...argv], {}, folder);
  let out = '';
  let errors = '';
  if (command.kind === 'fail') return { status: 2, out, errors: command.message };
  const collect = (take: (text: string) => void) =>
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        take(chunk.toString());
        done();
      },
    });
  const output = {
    stdout: collect((text) => {
      out += text;
    }),
    stderr: collect((text) => {
      errors += text;
    }),
  };
  if (command.kind === 'rules check') {
    return { status: await checkRules(command, output), out, errors };
  }
  if (command.kind !== 'rules test') throw new Error(`not such a command: ${command.kind}`);
  return { status: await testRules(command, output), out, errors };
}

function fileOf(name: string, content: unknown): string {
  const path = join(folder, name);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

const check = (content: unknown, ...argv: string[]) =>
  run('check', fileOf('rules.json', content), ...argv);

describe('rules check', () => {
  it('says what a file means', async () => {
    const { status, out, errors } = await check({ rules: RULES, sinks: [SINK] });
    expect(errors).toBe('');
    expect(status).toBe(0);
    expect(out.split('\n').slice(1)).toEqual([
      '',
      'flash: spike, for *',
      '  when a price is more than 2 % (critical: 5 %) from the lowest or highest of 1 s',
      '  an episode ends within 0.5 × the threshold of where it began, or 1 s after the last ' +
        'tick beyond; for 30 s after it only a higher level starts another',
      '  for PENNY-*: warning 20 %, critical 50 %',
      '  for TEST-*: off',
      '',
      'unusual: drift, for SPY',
      '  when a price is more than 8 sigma, at least 0.1 % from the price 5 min before',
      '  sigma: a sample every 1 s, a half-life of 5 min; silent for the first 60 samples',
      '  an episode ends within 0.5 × the threshold of where it began, or 1 s after the last ' +
        'tick beyond',
      '  hours: mon, tue, wed, thu, fri, 09:30 to 16:00 (America/New_York); thresholds × 2 from ' +
        '09:30 to 09:45',
      '',
      'quiet: stale, for BTC-* of tenant acme',
      '  when no tick arrives for more than 15 s',
      '',
      'ops: webhook (json) to https://example.com',
      '  flash; all levels; all phases',
      '',
    ]);
  });

  it('says for symbols which rules apply, with what, and why others do not', async () => {
    const symbols = ['--symbol', 'PENNY-1,acme/BTC-USD', '--symbol=TEST-1'];
    const { status, out } = await check({ rules: RULES }, ...symbols);
    expect(status).toBe(0);
    const blocks = out.split('\n\n');
    expect(blocks[0]).toContain(
      'PENNY-1 of the default tenant: 1 of 3 rules apply\n  flash: spike',
    );
    expect(blocks[0]).toContain('more than 20 % (critical: 50 %)');
    expect(blocks[0]).toContain('  unusual: not, is for SPY\n');
    expect(blocks[1]).toContain('BTC-USD of tenant acme: 1 of 3 rules apply');
    expect(blocks[1]).toContain('  flash: not, is of the default tenant\n');
    expect(blocks[1]).toContain('more than 15 s');
    expect(blocks[2]).toContain('0 of 3 rules apply\n  flash: not, an override says off');
  });

  it('fails for a symbol that a rule cannot apply to', async () => {
    const { warning, critical: _none, ...rest } = FLASH;
    const rule = { ...rest, overrides: [{ symbols: ['PENNY-*'], warning }] };
    const content = { rules: [rule] };
    expect(await check(content)).toMatchObject({ status: 0 });
    expect(await check(content, '--symbol', 'PENNY-1')).toMatchObject({ status: 0 });
    expect(await check(content, '--symbol', 'SPY')).toMatchObject({
      status: 1,
      out: expect.stringContaining('flash: FAULT: "warning" is not given'),
    });
    expect(await check(content, '--symbol', 'A*')).toMatchObject({ status: 1, out: '' });
  });

  it('names every fault, of rules and sinks', async () => {
    const content = {
      rules: [{ ...FLASH, windowMs: -1, warning: '2' }],
      sinks: [{ ...SINK, url: 'http://example.com/secret', rules: ['flesh'] }],
    };
    const { status, out, errors } = await check(content);
    expect([status, out]).toEqual([1, '']);
    expect(errors).toContain('rules[0] "flash".windowMs: expected ms above 0');
    expect(errors).toContain('rules[0] "flash".warning: expected percent or sigma');
    expect(errors).toContain('sinks[0].url: expected an https URL');
    expect(errors).toContain('sinks[0].rules: expected names of rules of this file, got "flesh"');
    expect(errors).not.toContain('secret');
    expect(await check('{')).toMatchObject({ status: 1, errors: expect.stringContaining('JSON') });
  });

  it('loads modules', async () => {
    const rule = { name: 'own', kind: 'module', symbols: ['*'], module: './own.mjs', warning: '3' };
    expect(await check({ rules: [rule] })).toMatchObject({
      status: 1,
      errors: expect.stringContaining('module ./own.mjs of a rule'),
    });
    fileOf('own.mjs', 'export default { state: 0, onTick() {} };');
    const good = { ...rule, module: './own.mjs' };
    expect(await check({ rules: [good] })).toMatchObject({
      status: 0,
      out: expect.stringContaining('when ./own.mjs returns more than 3'),
    });
  });

  it('wants one file', async () => {
    const { status, errors } = await run('check');
    expect([status, errors]).toEqual([
      2,
      'tickwire rules check:\n  expected a rule file, got nothing',
    ]);
    expect(await run('check', 'a', 'b')).toMatchObject({
      status: 2,
      errors: expect.stringContaining('unexpected argument "b"'),
    });
    expect(await run()).toMatchObject({
      errors: expect.stringContaining('rules: expected check or test, got nothing'),
    });
    expect(await run('check', '/nowhere/rules.json')).toMatchObject({ status: 1 });
  });
});

const PRINT = {
  name: 'a bad print',
  symbol: 'SPY',
  ticks: [
    [0, 249.75],
    [5, 257.6591],
    [9, 249.75],
  ],
  alerts: [
    { rule: 'flash', phase: 'start', changePercent: 3.1668068068 },
    { rule: 'flash', phase: 'end', reason: 'reverted', time: '1970-01-01T00:00:00.009Z' },
  ],
};
const test = (cases: readonly unknown[], rules: unknown = { rules: RULES }, ...argv: string[]) =>
  run('test', fileOf('cases.json', { rules, cases }), ...argv);

describe('rules test', () => {
  it.each(['crypto', 'stocks', 'fx'])('passes the examples for %s of docs/RULES.md', async (of) => {
    const root = join(import.meta.dirname, '../..');
    const file = `examples/rules/${of}.test.json`;
    expect(readFileSync(join(root, 'docs/RULES.md'), 'utf8')).toContain(`(../${file})`);
    const path = join(root, file);
    const { cases } = JSON.parse(readFileSync(path, 'utf8')) as { cases: unknown[] };
    const { status, out, errors } = await run('test', path);
    expect([errors, out, status]).toEqual(['', `${cases.length} passed, 0 failed\n`, 0]);
    expect(cases.length).toBeGreaterThan(3);
  });

  it('passes the sample of the documentation', async () => {
    const docs = readFileSync(join(import.meta.dirname, '../../docs/RULES.md'), 'utf8');
    const samples = [...docs.matchAll(/```json\n([\s\S]*?)```/g)].map(([, text]) => text ?? '');
    const sample = samples.find((text) => text.includes('"cases"')) ?? '';
    const { status, out, errors } = await run('test', fileOf('sample.json', sample));
    expect(errors).toBe('');
    expect(out).toBe('3 passed, 0 failed\n');
    expect(status).toBe(0);
    expect(docs).toContain('# 3 passed, 0 failed');
  });

  it('reads the rules from a file beside it', async () => {
    fileOf('rules.json', { rules: RULES });
    expect(await test([PRINT], './rules.json')).toEqual({
      status: 0,
      out: '1 passed, 0 failed\n',
      errors: '',
    });
    expect(await test([PRINT], './other.json')).toMatchObject({
      status: 1,
      errors: expect.stringContaining('other.json'),
    });
  });

  it('shows what was expected, and what came', async () => {
    const [start, end] = PRINT.alerts;
    const wrong = { ...PRINT, name: 'wrong', alerts: [{ ...start, level: 'critical' }] };
    const missing = { ...PRINT, name: 'missing', alerts: [start, end, { phase: 'start' }] };
    const { status, out } = await test([PRINT, wrong, missing]);
    expect(status).toBe(1);
    const lines = out.split('\n');
    expect(lines.slice(0, 2)).toEqual([
      'FAILED wrong',
      '  - {"rule":"flash","phase":"start","level":"critical","changePercent":3.1668068068}',
    ]);
    expect(lines[2]).toMatch(/^ {2}\+ .*"phase":"start".*"level":"warning"/);
    // It was not expected at all.
    expect(lines[3]).toMatch(/^ {2}\+ .*"phase":"end".*"time":9.*"reason":"reverted"/);
    expect(lines[4]).toBe('FAILED missing');
    expect(lines.slice(7)).toEqual(['  - {"phase":"start"}', '1 passed, 2 failed', '']);
  });

  it('compares numbers within 1e-9, not more', async () => {
    const [, end] = PRINT.alerts;
    const off = { ...PRINT, alerts: [{ phase: 'start', changePercent: 3.16681 }, end] };
    expect(await test([off])).toMatchObject({ status: 1 });
  });

  it('goes by tenant, clock and settings', async () => {
    const quiet = {
      name: 'quiet',
      tenant: 'acme',
      symbol: 'BTC-USD',
      ticks: [[1000, 5], { clock: 16_001 }],
      alerts: [{ rule: 'quiet', phase: 'start', direction: 'None', time: 16_001 }],
    };
    const early = { ...quiet, name: 'early', ticks: [[1000, 5], { clock: 16_000 }], alerts: [] };
    const other = { ...quiet, name: 'other', tenant: 'beta', alerts: [] };
    const { out } = await test([quiet, early, other]);
    expect(out).toBe('3 passed, 0 failed\n');
    const late = {
      name: 'late',
      symbol: 'SPY',
      ticks: [
        [0, 100],
        [20, 100],
        [10, 90],
      ],
      alerts: [],
    };
    expect(await test([late])).toMatchObject({ status: 0 });
    const folded = await test([late], { rules: RULES }, '--processing.lateTicks', 'fold');
    expect(folded.out).toContain('1 failed');
  });

  it('fails a case where a module does', async () => {
    fileOf('bad.mjs', 'export default { state: 0, onTick() { throw new Error("no"); } };');
    const rule = { name: 'own', kind: 'module', symbols: ['*'], module: './bad.mjs', warning: '3' };
    const { status, out } = await test([{ ...PRINT, alerts: [] }], { rules: [rule] });
    expect([status, out]).toEqual([
      1,
      'FAILED a bad print\n  rule "own": its module threw an error\n0 passed, 1 failed\n',
    ]);
  });

  it('names every fault of a file', async () => {
    const bad = {
      name: '',
      symbol: 'A*',
      ticks: [[0, -1], { clock: 5 }, { clock: 4 }, [1]],
      alerts: [{ level: 'high', colour: 'red' }],
    };
    const { status, errors } = await test([bad]);
    expect(status).toBe(1);
    for (const place of [
      'name: expected',
      'symbol: expected a symbol, got "A*"',
      'ticks[0]: expected',
      'ticks[2]: expected a clock of at least 5',
      'ticks[3]: expected',
      'alerts[0].level: expected one of warning, critical, got "high"',
      'alerts[0].colour: expected one of rule,',
    ]) {
      expect(errors).toContain(`cases[0].${place}`);
    }
    expect(await test([])).toMatchObject({ status: 1 });
    const slip = { ...PRINT, alerts: [{ rule: 'flesh' }] };
    expect(await test([slip])).toMatchObject({
      status: 1,
      errors: expect.stringContaining('expected one of flash, unusual, quiet, got "flesh"'),
    });
    expect(await test([PRINT], { rules: [{ ...FLASH, windowMs: 0 }] })).toMatchObject({
      status: 1,
      errors: expect.stringContaining('windowMs'),
    });
  });
});
