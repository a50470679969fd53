import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { runBacktestCommand } from '../../src/backtest/command.ts';
import { readCommandLine } from '../../src/config/command-line.ts';
import { folderForTest } from '../support/folders.ts';

const RULES = {
  rules: [
    { name: 'flash', kind: 'spike', symbols: ['*'], windowMs: 1000, warning: '2%', critical: '5%' },
    { name: 'print', kind: 'gap', symbols: ['*'], warning: '1.5%' },
  ],
};

/** The vector of docs/RULES.md, and a symbol that moves for good. */
const TICKS = `time,symbol,price
0,SPY,249.75
2,SPY,249.75
5,SPY,257.6591
5,SPY,257.6591
9,SPY,249.75
6,SPY,249.75
12,SPY,249.74
100,UP,100
150,UP,103
200,UP,106
9000,UP,106
`;

interface ShownResult {
  readonly run: {
    readonly alerts: readonly {
      readonly symbol: string;
      readonly rule: string;
      readonly phase: string;
      readonly level: string;
      readonly time: number;
      readonly changePercent: number;
      readonly reason?: string;
    }[];
    readonly rules: readonly object[];
    readonly days: readonly object[];
  };
}

interface Outcome {
  readonly status: number;
  readonly out: string;
  readonly errors: string;
}

async function run(...argv: string[]): Promise<Outcome> {
  const command = readCommandLine(['backtest', ...argv], {}, folderForTest());
  if (command.kind === 'fail') return { status: 2, out: '', errors: command.message };
  if (command.kind !== 'backtest') throw new Error(`not the command: ${command.kind}`);
  let out = '';
  let errors = '';
  const stdout = new Writable({
    write(chunk: Buffer, _encoding, done) {
      out += chunk.toString();
      done();
    },
  });
  const stderr = { write: (text: string) => (errors += text) };
  const status = await runBacktestCommand(command, { stdout, stderr });
  return { status, out, errors };
}

function fileOf(name: string, content: string | Uint8Array): string {
  const path = join(folderForTest(), name);
  writeFileSync(path, content);
  return path;
}

const rulesFile = (rules: object = RULES) => fileOf('rules.json', JSON.stringify(rules));
const ticksFile = (text = TICKS) => fileOf('ticks.csv', text);

describe('a backtest', () => {
  it('says what the rules would have said', async () => {
    const { status, out, errors } = await run(
      '--rules',
      rulesFile(),
      '--ticks',
      ticksFile(),
      '--json',
      '--clock',
      '--clock',
    );
    expect([status, errors]).toEqual([0, '']);
    const { run: result, ...figures } = JSON.parse(out) as ShownResult;
    expect(figures).toMatchObject({ ticks: 11, late: 1, symbols: 2, from: 0, to: 9000 });
    const shown = result.alerts.map(
      ({ symbol, rule, phase, level, time, reason = '' }) =>
        `${symbol} ${rule} ${phase} ${level} ${time} ${reason}`,
    );
    expect(shown).toEqual([
      'SPY flash start warning 5 ',
      'SPY print start warning 5 ',
      'SPY flash end warning 9 reverted',
      'SPY print end warning 9 reverted',
      'UP flash start warning 150 ',
      'UP print start warning 150 ',
      'UP flash escalate critical 200 ',
      'UP flash end critical 1200 settled',
      'UP print end warning 1150 settled',
    ]);
    expect(result.alerts[0]?.changePercent).toBeCloseTo(3.1668, 4);
    expect(result.rules[0]).toMatchObject({
      rule: 'flash',
      kind: 'spike',
      alerts: 5,
      episodes: 2,
      critical: 1,
      escalations: 1,
      ended: { reverted: 1, reversed: 0, settled: 1, closed: 0 },
      open: 0,
      shareReverted: 0.5,
      perSymbolDay: 1,
    });
    expect(result.days).toEqual([
      { symbol: 'SPY', day: '1970-01-01', ticks: 7, episodes: { flash: 1, print: 1 } },
      { symbol: 'UP', day: '1970-01-01', ticks: 4, episodes: { flash: 1, print: 1 } },
    ]);
  });

  it('scores labels and compares two files', async () => {
    const labels = fileOf('labels.csv', 'symbol,from,to\nUP,120,300\nDOWN,0,10\n');
    const other = { rules: [{ ...RULES.rules[0], warning: '4%', critical: undefined }] };
    const { out, status } = await run(
      '--rules',
      rulesFile(),
      '--against',
      rulesFile(other),
      '--ticks',
      ticksFile(),
      '--labels',
      labels,
    );
    expect(status).toBe(0);
    expect(out).toContain('precision 50.0 % (2 of 4 episodes), recall 50.0 % (1 of 2 labels)');
    expect(out).toContain('detected after 30 ms (median), 30 ms (worst)');
    expect(out).toMatch(/that \S+ has too: 2\n/);
    expect(out).toMatch(/only of \S+rules\.json: 2\n {2}1970-01-01T00:00:00\.005Z SPY flash/);
  });

  it('writes a report that shows prices and episodes, and escapes names', async () => {
    const html = join(folderForTest(), 'report.html');
    const ticks = ticksFile(TICKS.replaceAll('UP', '<b>&'));
    const { status } = await run('--rules', rulesFile(), '--ticks', ticks, '--html', html);
    expect(status).toBe(0);
    const report = readFileSync(html, 'utf8');
    expect(report).not.toContain('<b>');
    expect(report).toContain('&lt;b&gt;&amp;');
    expect(report.match(/<svg/g)).toHaveLength(2);
    expect(report.match(/<rect class="critical"/g)).toHaveLength(1);
    expect(report).not.toMatch(/(?:src|href)=/);
  });

  it('tells the time while nothing comes', async () => {
    const rules = { rules: [{ name: 'quiet', kind: 'stale', symbols: ['A'], afterMs: 15_000 }] };
    const rows = ['time,symbol,price', '0,A,1', '1000,B,1', '3600000,B,1', '3700000,A,1'];
    const { out } = await run(
      '--rules',
      rulesFile(rules),
      '--ticks',
      ticksFile(rows.join('\n')),
      '--json',
      '--clock',
    );
    const { alerts } = (JSON.parse(out) as ShownResult).run;
    expect(alerts).toMatchObject([
      { rule: 'quiet', phase: 'start', direction: 'None', time: 15_250 },
      { rule: 'quiet', phase: 'end', reason: 'reverted', time: 3_700_000 },
    ]);
  });

  it('sorts late ticks as the server does', async () => {
    const rows = ['time,symbol,price', '0,A,100', '20,A,100', '10,A,105', '2000,A,100'];
    const ticks = ticksFile(rows.join('\n'));
    const starts = async (...flags: string[]) => {
      const { out } = await run('--rules', rulesFile(), '--ticks', ticks, '--json', ...flags);
      return (JSON.parse(out) as ShownResult).run.alerts.map(({ rule, time }) => `${rule} ${time}`);
    };
    expect(await starts()).toEqual([]);
    const sorted = ['flash 10', 'print 10', 'flash 20', 'print 20'];
    expect(await starts('--processing.allowedLatenessMs=50')).toEqual(sorted);
  });

  it('reads compressed files, passes over what is no tick, and says so', async () => {
    const path = fileOf('ticks.csv.gz', gzipSync(`${TICKS}1,X,\n1,,5\n,X,5\n1,X,-5\n`));
    const { out, errors } = await run('--rules', rulesFile(), '--ticks', path);
    expect(out).toContain('11 ticks of 2 symbols (1 late)');
    expect(errors).toContain('4 rows are no ticks');
  });

  it('stops the clock of a file that is not in the order of time', async () => {
    const rows = ['time,symbol,price', '0,A,1', '3600000,A,1', '0,B,1', '99999999,B,1'];
    const { errors, status } = await run(
      '--rules',
      rulesFile(),
      '--ticks',
      ticksFile(rows.join('\n')),
      '--clock',
    );
    expect([status, errors]).toEqual([0, expect.stringContaining('not in the order of time')]);
  });

  it.each([
    [[], '--rules: expected a file, got nothing'],
    [['--rules', 'R'], 'expected either --ticks FILE or --journal DIR'],
    [['--rules', 'R', '--ticks', 'T', '--journal', 'J'], 'either --ticks FILE or --journal DIR'],
    [['--rules', '/none.json', '--ticks', 'T'], "no such file or directory, open '/none.json'"],
    [['--rules', 'R', '--ticks', '/none.csv'], '/none.csv: no such file'],
    [['--rules', 'R', '--journal', '/none'], 'there is no journal in /none'],
    [['--rules', 'BAD', '--ticks', 'T'], 'rules[0] "x".warning: expected percent'],
    [['--rules', 'R', '--ticks', 'COLUMNS'], 'expected a column "price", got time, symbol, bid'],
    [['--rules', 'R', '--ticks', 'T', '--labels', 'LABELS'], 'expected "from" in ms or RFC 3339'],
  ])('refuses %j', async (argv, message) => {
    const files: Readonly<Record<string, () => string>> = {
      R: () => rulesFile(),
      T: () => ticksFile(),
      BAD: () => rulesFile({ rules: [{ name: 'x', kind: 'gap', symbols: ['*'], warning: 'two' }] }),
      COLUMNS: () => ticksFile('time,symbol,bid\n1,A,1\n'),
      LABELS: () => fileOf('labels.csv', 'symbol,from,to\nA,soon,2\n'),
    };
    const { status, errors } = await run(...argv.map((word) => files[word]?.() ?? word));
    expect(status).toBeGreaterThan(0);
    expect(errors).toContain(message);
  });
});
