import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { readCommandLine } from '../../src/config/command-line.ts';
import { diskSegments } from '../../src/journal/index.ts';
import { type JournalCommand, runJournalCommand } from '../../src/journal-tools/commands.ts';
import { TempFolder } from '../../testkit/temp-folder.ts';
import { JournalRig } from '../support/journal-rig.ts';
import { startTestServer } from '../support/running-server.ts';

const TICKS = 300;
/** Between two frames, ms. */
const APART_MS = 10;

async function replay(store: string, url: string, ...flags: string[]) {
  let output = '';
  const take = (text: string) => {
    output += text;
  };
  const stdout = new Writable({
    write: (chunk, _encoding, done) => {
      take(String(chunk));
      done();
    },
  });
  const command = readCommandLine(['replay', `--store.directory=${store}`, ...flags], {}, '/');
  const status = await runJournalCommand(command as JournalCommand, {
    stdout,
    stderr: { write: take },
    url,
  });
  return { status, output };
}

function fill(store: string): void {
  mkdirSync(join(store, 'journal'));
  const rig = new JournalRig(diskSegments(join(store, 'journal')));
  for (let i = 1; i <= TICKS; i++) rig.frame([[1, i, 1000 + i * APART_MS]], i);
  rig.flush();
}

test('a replay publishes what the journal has, once, in order', async () => {
  using folder = new TempFolder();
  fill(folder.path);
  const server = await startTestServer({ processing: { partitions: 1 } });
  try {
    const url = `ws://127.0.0.1:${server.port}`;
    const { status, output } = await replay(folder.path, url, '--speed=max');
    expect([status, output]).toEqual([0, `${TICKS} ticks published, 0 rejected, 0 dropped\n`]);
    const read = async () => {
      const response = await fetch(`http://127.0.0.1:${server.port}/api/prices/S1`);
      return (await response.json()) as object;
    };
    await expect.poll(read).toMatchObject({ updateCount: TICKS, currentPrice: TICKS });
  } finally {
    await server.stop();
  }
});

test('a replay keeps the pace of the journal, and moves its times', async () => {
  using folder = new TempFolder();
  fill(folder.path);
  const server = await startTestServer({ processing: { partitions: 1, maxPastMs: 60_000 } });
  try {
    const url = `ws://127.0.0.1:${server.port}`;
    const begun = performance.now();
    const flags = ['--speed=2', '--shift-to-now', '--to=1970-01-01T00:00:02Z'];
    const { status, output } = await replay(folder.path, url, ...flags);
    expect([status, output]).toEqual([0, '99 ticks published, 0 rejected, 0 dropped\n']);
    // The frames came a ms apart: their sequence is their receipt time.
    expect(performance.now() - begun).toBeGreaterThan(98 / 2);
    const { output: refused } = await replay(folder.path, url, '--speed=max');
    expect(refused).toBe(`${TICKS} ticks published, ${TICKS} rejected, 0 dropped\n`);
  } finally {
    await server.stop();
  }
});

test('a replay of one tenant publishes to its own server by its own symbols', async () => {
  using folder = new TempFolder();
  mkdirSync(join(folder.path, 'journal'));
  const rig = new JournalRig(diskSegments(join(folder.path, 'journal')));
  rig.names.set(1, 'BTC');
  rig.names.set(2, '\u0001acme\u0001BTC');
  for (let i = 1; i <= 3; i++) {
    rig.frame(
      [
        [1, i, 1000 + i],
        [2, 10 * i, 1000 + i],
      ],
      i,
    );
  }
  rig.flush();
  const server = await startTestServer();
  try {
    const url = `ws://127.0.0.1:${server.port}`;
    const { output } = await replay(folder.path, url, '--speed=max', '--tenant=acme');
    expect(output).toBe('3 ticks published, 0 rejected, 0 dropped\n');
    const read = async () => {
      const response = await fetch(`http://127.0.0.1:${server.port}/api/prices`);
      return ((await response.json()) as { items: object[] }).items;
    };
    await expect.poll(read).toMatchObject([{ symbol: 'BTC', updateCount: 3, maxPrice: 30 }]);
  } finally {
    await server.stop();
  }
});

test('a replay leaves the rules of the journal out: those of the server judge', async () => {
  using folder = new TempFolder();
  mkdirSync(join(folder.path, 'journal'));
  const rig = new JournalRig(diskSegments(join(folder.path, 'journal')));
  const spike = { kind: 'spike', symbols: ['*'], windowMs: 1000, warning: '2%' };
  const text = (name: string) => JSON.stringify({ rules: [{ ...spike, name }] });
  rig.appender.appendRules(text('old'), 1000);
  rig.frame([[1, 100, 1000]], 1);
  rig.frame([[1, 103, 1010]], 2);
  rig.appender.appendRules(text('older'), 1010);
  rig.frame([[1, 100, 1020]], 3);
  rig.flush();
  const file = join(folder.path, 'rules.json');
  writeFileSync(file, text('own'));
  const server = await startTestServer({ processing: { partitions: 1 }, rules: { file } });
  try {
    const url = `ws://127.0.0.1:${server.port}`;
    const { output } = await replay(folder.path, url, '--speed=max');
    expect(output).toBe('3 ticks published, 0 rejected, 0 dropped\n');
    const read = async () => {
      const response = await fetch(`http://127.0.0.1:${server.port}/api/prices/S1/alerts`);
      return ((await response.json()) as { items: object[] }).items;
    };
    await expect.poll(read).toMatchObject([
      { sequence: 1, rule: 'own', phase: 'start', time: '1970-01-01T00:00:01.010Z' },
      { sequence: 2, rule: 'own', phase: 'end', reason: 'reverted' },
    ]);
  } finally {
    await server.stop();
  }
});

test('a replay says that nobody is there', async () => {
  using folder = new TempFolder();
  fill(folder.path);
  const { status, output } = await replay(folder.path, 'not a url');
  expect(status).toBe(1);
  expect(output).toMatch(/^tickwire replay: url: expected the URL of a server/);
});
