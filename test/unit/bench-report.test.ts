import { describe, expect, it } from 'vitest';
import { chooseContenders, chooseWorkloads, parseBenchOptions } from '../../bench/bench-options.ts';
import { formatMarkdown, spliceReport } from '../../bench/report/markdown.ts';
import { type Results, spreadOf } from '../../bench/report/results.ts';
import type { WorkloadGroup } from '../../bench/workloads/workload.ts';
import { workloadsWith } from '../../bench/workloads/workloads.ts';

const GROUP: WorkloadGroup = {
  name: 'run',
  title: 'Run',
  description: 'What it is.',
  columns: [
    { key: 'cost', title: 'µs', digits: 2 },
    { key: 'rate', title: 'ticks/s', digits: 0 },
  ],
  ratio: { column: 'cost', to: 'ceiling' },
  workloads: [],
};

const RESULTS: Results = {
  command: 'npm run bench --',
  machine: {
    processor: 'A processor',
    processors: 2,
    memoryGiB: 4,
    platform: 'linux x64',
    node: 'v20.0.0',
    commit: 'abc',
    date: '2026-01-02T03:04:05.678Z',
  },
  startedAt: '2026-01-02T03:04:05.678Z',
  endedAt: '2026-01-02T03:14:05.678Z',
  loadBefore: [0.1, 0.2, 0.3],
  loadAfter: [1, 2, 3],
  rounds: 3,
  seconds: 2,
  contenders: [
    { key: 'tickwire', name: 'Tickwire', description: 'does it all', version: '1' },
    { key: 'ceiling', name: 'ceiling', description: 'does nothing', version: '2' },
    { key: 'nats', name: 'NATS', description: 'does some', skipped: 'not installed' },
  ],
  workloads: [
    {
      name: 'run-a',
      group: 'run',
      setting: 'a lot',
      rounds: {
        ceiling: [{ cost: 2 }, { cost: 4 }],
        tickwire: [
          { cost: 1.5, rate: 9999.6 },
          { cost: 1, rate: 1e6 },
          { cost: 3, rate: 5 },
        ],
      },
    },
    { name: 'run-b', group: 'run', setting: 'a file', skipped: 'there is none', rounds: {} },
  ],
  failures: [{ workload: 'run-a', contender: 'ceiling', round: 3, message: 'it died\nof it' }],
};

describe('spreadOf', () => {
  it.each([
    [[3], { median: 3, min: 3, max: 3 }],
    [[10, 9, 100], { median: 10, min: 9, max: 100 }],
    [[4, 1, 2, 3], { median: 2.5, min: 1, max: 4 }],
  ])('%j', (values, spread) => {
    expect(spreadOf(values)).toEqual(spread);
  });

  it('refuses nothing', () => {
    expect(() => spreadOf([])).toThrow(RangeError);
  });
});

describe('formatMarkdown', () => {
  const text = formatMarkdown(RESULTS, [GROUP]);

  it('has medians with their bounds, and ratios of medians', () => {
    const rows = text.split('\n').filter((line) => line.startsWith('|'));
    const cells = rows.map((row) => row.split('|').map((cell) => cell.trim()));
    expect(cells[0]).toEqual(['', 'workload', 'contender', 'µs', 'ticks/s', 'µs ÷ ceiling', '']);
    expect(cells[2]).toEqual([
      '',
      'a lot',
      'Tickwire',
      '1.50 (1.00–3.00)',
      '10,000 (5–1,000,000)',
      '0.50',
      '',
    ]);
    expect(cells[3]).toEqual(['', '', 'ceiling', '3.00 (2.00–4.00)', '–', '1.00', '']);
  });

  it('says who and what did not run, what failed, and where it was', () => {
    expect(text).toContain('- *NATS*: does some (did not run: not installed)');
    expect(text).toContain('Not run: a file: there is none.');
    expect(text).toContain('- run-a, ceiling, round 3: it died');
    expect(text).not.toContain('of it');
    expect(text).toContain(
      'Measured by `npm run bench --` on 2026-01-02: A processor, 2 processors, 4 GiB, ' +
        'Node v20.0.0, commit\nabc.',
    );
  });
});

describe('spliceReport', () => {
  it('makes a document', () => {
    const made = spliceReport(undefined, 'text');
    expect(made).toBe('<!-- bench:begin -->\n\ntext\n\n<!-- bench:end -->\n');
    expect(spliceReport('no markers', 'text')).toBe(made);
  });

  it('replaces the text between the markers, and nothing else', () => {
    const before = 'head\n<!-- bench:begin -->\nold $&\n<!-- bench:end -->\ntail\n';
    const after = 'head\n<!-- bench:begin -->\n\nnew $& $1\n\n<!-- bench:end -->\ntail\n';
    expect(spliceReport(before, 'new $& $1')).toBe(after);
    expect(spliceReport(after, 'new $& $1')).toBe(after);
  });

  it.each(['<!-- bench:begin -->', '<!-- bench:end --> <!-- bench:begin -->'])(
    'refuses %s',
    (document) => {
      expect(() => spliceReport(document, 'text')).toThrow('the document needs');
    },
  );
});

describe('the command line', () => {
  const groups = workloadsWith(undefined);

  it('has defaults, and others for a first look', () => {
    expect(parseBenchOptions([])).toMatchObject({ rounds: 3, quick: false, list: false });
    expect(parseBenchOptions(['--quick', '--seconds', '2'])).toMatchObject({
      rounds: 1,
      seconds: 2,
      quick: true,
    });
    expect(parseBenchOptions(['--contenders', 'ws, nats'])).toMatchObject({
      contenders: ['ws', 'nats'],
    });
  });

  it.each([['--rounds', '0'], ['--seconds', 'x'], ['--what'], ['surplus']])(
    'refuses %s %s',
    (...argv) => {
      expect(() => parseBenchOptions(argv)).toThrow(expect.objectContaining({ exitCode: 2 }));
    },
  );

  it('chooses workloads by their names and their groups', () => {
    const names = (chosen: readonly string[] | undefined, isQuick = false) =>
      chooseWorkloads(groups, chosen, isQuick).flatMap(({ workloads }) =>
        workloads.map(({ name }) => name),
      );
    expect(names(['recorded', 'ingest-1-of-100'])).toEqual(['ingest-1-of-100', 'recorded']);
    expect(names(['latency']).length).toBeGreaterThan(2);
    const all = names(undefined);
    expect(new Set(all).size).toBe(all.length);
    const quick = names(undefined, true);
    expect(all).toEqual(expect.arrayContaining(quick));
    expect(quick.length).toBeLessThan(all.length / 2);
    expect(() => names(['nonsense'])).toThrow('no workload is named nonsense');
  });

  it('chooses contenders that take part', () => {
    const ingest = chooseWorkloads(groups, ['ingest'], false);
    expect(chooseContenders(ingest, undefined)).toEqual([
      'tickwire',
      'tickwire-stored',
      'inline',
      'inline-heard-only',
      'counter',
    ]);
    expect(chooseContenders(ingest, ['nats', 'counter'])).toEqual(['counter']);
    expect(() => chooseContenders(ingest, ['nonsense'])).toThrow('no contender is named nonsense');
  });
});
