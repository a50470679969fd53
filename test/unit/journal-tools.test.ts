import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { readCommandLine } from '../../src/config/command-line.ts';
import { diskSegments } from '../../src/journal/index.ts';
import { type JournalCommand, runJournalCommand } from '../../src/journal-tools/commands.ts';
import { ProgressBar } from '../../src/journal-tools/progress-bar.ts';
import { TempFolder } from '../../testkit/temp-folder.ts';
import { JournalRig } from '../support/journal-rig.ts';

/** Runs a command on a store. */
async function run(store: string, ...argv: string[]) {
  let output = '';
  const stdout = new Writable({
    write: (chunk, _encoding, done) => {
      output += String(chunk);
      done();
    },
  });
  return { ...(await runInto(stdout, store, argv)), output };
}

async function runInto(stdout: Writable, store: string, argv: readonly string[]) {
  let errors = '';
  const command = readCommandLine([...argv, `--store.directory=${store}`], {}, '/');
  if (command.kind === 'fail') return { status: 2, errors: command.message };
  const stderr = { write: (text: string) => (errors += text) };
  const status = await runJournalCommand(command as JournalCommand, { stdout, stderr });
  return { status, errors };
}

/** A store with a journal of some segments; ticks of two symbols, a second apart. */
function fill(store: string, frames = 400): JournalRig {
  mkdirSync(join(store, 'journal'));
  const rig = new JournalRig(diskSegments(join(store, 'journal')), { ringBytes: 65_536 });
  rig.names.set(1, 'BTC');
  rig.names.set(2, 'a,"b"');
  rig.names.set(3, '\u0001acme\u0001ETH');
  for (let i = 1; i <= frames; i++) {
    const time = Date.UTC(2026, 0, 1) + i * 1000;
    rig.frame(
      [
        [1, i, time],
        [2, 0.1 * i, time + 0.5],
        [3, 1e21, time],
      ],
      i,
      1,
    );
    if (i % 100 === 0) rig.flush();
  }
  return rig;
}

describe('tickwire journal export', () => {
  test('prints ticks in order, as CSV', async () => {
    using folder = new TempFolder();
    fill(folder.path);
    const { status, output } = await run(folder.path, 'journal', 'export');
    expect(status).toBe(0);
    const lines = output.split('\n');
    expect(lines.slice(0, 4)).toEqual([
      'time,symbol,price',
      '1767225601000,BTC,1',
      '1767225601000.5,"a,""b""",0.1',
      '1767225601000,acme/ETH,1e+21',
    ]);
    expect(lines).toHaveLength(1 + 3 * 400 + 1);
  });

  test('waits for a slow reader, and leaves no listener behind', async () => {
    using folder = new TempFolder();
    fill(folder.path, 12_000).flush();
    let lines = 0;
    let writes = 0;
    let listenersMax = 0;
    const stdout = new Writable({
      highWaterMark: 1,
      write: (chunk, _encoding, done) => {
        writes++;
        lines += String(chunk).split('\n').length - 1;
        listenersMax = Math.max(listenersMax, stdout.listenerCount('close'));
        setImmediate(done);
      },
    });
    const { status, errors } = await runInto(stdout, folder.path, ['journal', 'export']);
    expect([status, errors, lines]).toEqual([0, '', 1 + 3 * 12_000]);
    expect(writes).toBeGreaterThan(10);
    expect(listenersMax).toBeLessThan(3);
    expect(stdout.listenerCount('close') + stdout.listenerCount('error')).toBe(0);
  });

  test.each([
    ['EPIPE', 0, ''],
    ['ENOSPC', 1, 'tickwire journal export: write ENOSPC\n'],
  ])('ends when its output fails with %s: status %i', async (code, status, errors) => {
    using folder = new TempFolder();
    fill(folder.path, 12_000).flush();
    let writes = 0;
    const fault = Object.assign(new Error(`write ${code}`), { code, syscall: 'write' });
    const stdout = new Writable({
      highWaterMark: 1,
      write: (_chunk, _encoding, done) => setImmediate(done, ++writes === 2 ? fault : null),
    });
    // As the process has it for its own.
    stdout.on('error', () => undefined);
    expect(await runInto(stdout, folder.path, ['journal', 'export'])).toEqual({ status, errors });
    expect(writes).toBe(2);
  });

  test('selects by time and symbol, and prints JSON', async () => {
    using folder = new TempFolder();
    fill(folder.path);
    const { output } = await run(
      folder.path,
      'journal',
      'export',
      '--from=2026-01-01T00:01:40Z',
      '--to',
      '2026-01-01T01:01:42+01:00',
      '--symbols=B*,acme/*',
      '--format=ndjson',
    );
    expect(output.trimEnd().split('\n')).toEqual([
      '{"time":1767225700000,"symbol":"BTC","price":100}',
      '{"time":1767225700000,"symbol":"acme/ETH","price":1e+21}',
      '{"time":1767225701000,"symbol":"BTC","price":101}',
      '{"time":1767225701000,"symbol":"acme/ETH","price":1e+21}',
    ]);
    expect((await run(folder.path, 'journal', 'export', '--from', '-15m')).output).toBe(
      'time,symbol,price\n',
    );
  });

  test('names the symbols of one tenant as it knows them', async () => {
    using folder = new TempFolder();
    fill(folder.path);
    const symbolsOf = async (...flags: string[]) => {
      const args = ['--format=ndjson', '--from=2026-01-01T00:06:40Z', ...flags];
      const { status, output } = await run(folder.path, 'journal', 'export', ...args);
      expect(status).toBe(0);
      const lines = output.split('\n').slice(0, -1);
      return lines.map((line) => (JSON.parse(line) as { symbol: string }).symbol);
    };
    expect(await symbolsOf()).toEqual(['BTC', 'a,"b"', 'acme/ETH']);
    expect(await symbolsOf('--tenant=acme')).toEqual(['ETH']);
    expect(await symbolsOf('--tenant', 'acme', '--symbols=E*')).toEqual(['ETH']);
    expect(await symbolsOf('--tenant=acme', '--symbols=acme/*')).toEqual([]);
    expect(await symbolsOf('--tenant=')).toEqual(['BTC', 'a,"b"']);
    expect(await symbolsOf('--tenant=acm')).toEqual([]);
    const { errors } = await run('/', 'journal', 'export', '--tenant=a/b');
    expect(errors).toContain('--tenant: expected the name of a tenant');
  });

  test('says what is wrong with its flags', async () => {
    const { errors } = await run('/', 'journal', 'export', '--from=yesterday', '--format=xml');
    expect(errors).toContain('--from: expected a time such as 2026-03-01T09:30:00Z, or -15m');
    expect(errors).toContain('--format: expected csv or ndjson, got "xml"');
    expect((await run('/', 'journal')).errors).toContain('expected info, verify or export');
    expect((await run('/', 'journal', 'exprt')).errors).toContain('got "exprt"');
    expect((await run('/', 'replay', '--sped=3')).errors).toContain('did you mean --speed');
    expect((await run('/', 'replay', '--speed=0')).errors).toContain('a number above 0, or max');
  });
});

describe('tickwire journal info and verify', () => {
  test.each(['info', 'verify'])('%s: say what there is', async (command) => {
    using folder = new TempFolder();
    const { appender } = fill(folder.path);
    const { status, output } = await run(folder.path, 'journal', command);
    expect(status).toBe(0);
    expect(output).toContain(`positions 0 to ${appender.position}`);
    expect(output).toMatch(/ticks +1200 in 400 frames/);
    expect(output).toMatch(/symbols +3\n/);
    expect(output).toMatch(/gaps +0,/);
    expect(output).toMatch(/runs +1, 0 of them stopped\nthe last +runs, or was killed/);
  });

  test.each(['info', 'verify'])('%s: say that the last run was stopped', async (command) => {
    using folder = new TempFolder();
    const rig = fill(folder.path);
    rig.appender.appendClose(Date.UTC(2026, 0, 2));
    rig.flush();
    const { output } = await run(folder.path, 'journal', command);
    expect(output).toMatch(/runs +1, 1 of them stopped\n/);
    expect(output).toMatch(/the last +was stopped at 2026-01-02T00:00:00.000Z: nothing is missing/);
  });

  test('name each damage, and what a crash left', async () => {
    using folder = new TempFolder();
    fill(folder.path);
    const directory = join(folder.path, 'journal');
    const files = diskSegments(directory).list();
    const [first = '', second = ''] = files.map(({ name }) => join(directory, name));
    for (const [path, place] of [
      [first, 5000],
      [second, 300],
    ] as const) {
      const bytes = readFileSync(path);
      bytes[place] = (bytes[place] ?? 0) ^ 1;
      writeFileSync(path, bytes);
    }
    const last = join(directory, files.at(-1)?.name ?? '');
    writeFileSync(last, Buffer.concat([readFileSync(last), Buffer.alloc(24, 7)]));
    const { status, output } = await run(folder.path, 'journal', 'verify');
    expect(status).toBe(1);
    expect(output).toMatch(/torn end +24 bytes/);
    const damages = output.split('\n').filter((line) => line.startsWith('DAMAGE'));
    expect(damages).toHaveLength(2);
    expect(damages[0]).toContain(first);
    expect(damages[1]).toMatch(/damaged at byte \d+ \(position \d+\)/);
  });

  test('say that there is none', async () => {
    using folder = new TempFolder();
    const { status, errors } = await run(folder.path, 'journal', 'info');
    expect(status).toBe(1);
    expect(errors).toContain('there is no journal in');
  });
});

test('a bar is drawn on a terminal only, and cleared', () => {
  const drawn: string[] = [];
  const bar = new ProgressBar({ isTTY: true, write: (text) => drawn.push(text) }, 1000);
  bar.update(500);
  bar.finish();
  expect(drawn[0]).toMatch(/█{15}░{15} 50 %/);
  expect(drawn.at(-1)).toBe('\r\u001b[K');
  const silent = new ProgressBar({ write: (text) => drawn.push(text) }, 1000);
  silent.update(500);
  silent.finish();
  expect(drawn).toHaveLength(2);
});
