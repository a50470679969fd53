import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  constants,
  openSync,
  readFileSync,
  readSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { freePort, programArgs } from '../../testkit/managed-process.ts';
import { SMALL } from '../../testkit/server-process.ts';
import { folderForSuite } from '../support/folders.ts';

const folder = folderForSuite();
const env = { PATH: process.env.PATH };

/** A server whose standard output is a descriptor, or where a shell sends it. */
async function startWith(output: number, shell = '', format = 'json') {
  const port = await freePort();
  const flags = [...SMALL, `--server.port=${port}`, '--store.directory=', `--log.format=${format}`];
  const command = [process.execPath, ...programArgs('src/main'), ...flags];
  const child = spawn('/bin/bash', ['-c', `${shell || 'exec "$@"'}`, 'bash', ...command], {
    env,
    stdio: ['ignore', output, 'ignore'],
  });
  const exited = once(child, 'exit');
  onTestFinished(() => void child.kill('SIGKILL'));
  const metrics = () => fetch(`http://127.0.0.1:${port}/metrics`).then((answer) => answer.text());
  await expect
    .poll(() => metrics().catch(() => child.exitCode ?? ''), { timeout: 60_000 })
    .toContain('tickwire_log_lines_dropped_total');
  const stop = async () => {
    child.kill('SIGTERM');
    return (await exited)[0] as number;
  };
  const dropped = async () => {
    return Number(/^tickwire_log_lines_dropped_total (\d+)$/m.exec(await metrics())?.[1]);
  };
  return { dropped, stop };
}

/** A pipe that is full, and its reader. */
function fullPipe(name: string): { reader: number; writer: number } {
  const path = join(folder, name);
  execFileSync('mkfifo', [path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const filler = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  expect(() => {
    for (;;) writeSync(filler, ' '.repeat(4095).concat('\n'));
  }).toThrow('EAGAIN');
  const writer = openSync(path, 'w');
  closeSync(filler);
  onTestFinished(() => {
    closeSync(reader);
    closeSync(writer);
  });
  return { reader, writer };
}

it.each(['json', 'pretty'])(
  'a server serves on when its log is on a full disk: %s',
  async (format) => {
    const full = openSync('/dev/full', 'w');
    onTestFinished(() => closeSync(full));
    const server = await startWith(full, '', format);
    expect(await server.dropped()).toBeGreaterThan(0);
    expect(await server.stop()).toBe(0);
  },
);

it('a server serves on when its log file may not grow', async () => {
  const path = join(folder, 'limited');
  const log = openSync(path, 'a');
  onTestFinished(() => closeSync(log));
  writeSync(log, `${' '.repeat(1000)}\n`);
  const server = await startWith(log, 'ulimit -f 1; exec "$@"');
  expect(await server.dropped()).toBeGreaterThan(0);
  expect(statSync(path).size).toBeLessThanOrEqual(1024);
  expect(await server.stop()).toBe(0);
  expect(readFileSync(path, 'utf8').length).toBeLessThanOrEqual(1024);
});

it('a server serves on when its standard output is closed', async () => {
  const server = await startWith(1, 'exec "$@" >&-');
  expect(await server.stop()).toBe(0);
});

it('a server whose pipe is full serves on, and says its last words when it is read', async () => {
  const { reader, writer } = fullPipe('read');
  const server = await startWith(writer);
  expect(await server.dropped()).toBe(0);
  let text = '';
  const bytes = Buffer.alloc(65_536);
  const timer = setInterval(() => {
    try {
      text += bytes.toString('utf8', 0, readSync(reader, bytes));
    } catch {
      // Nothing there yet.
    }
  }, 5);
  onTestFinished(() => clearInterval(timer));
  expect(await server.stop()).toBe(0);
  await expect.poll(() => text).toMatch(/listening on .*stopping.*"msg":"stopped"\}\n$/s);
});

it('a server whose pipe nobody reads ends all the same', async () => {
  const { writer } = fullPipe('unread');
  const server = await startWith(writer);
  const start = performance.now();
  expect(await server.stop()).toBe(0);
  expect(performance.now() - start).toBeLessThan(30_000);
});

it('a reader of the settings may go early', () => {
  const command = [process.execPath, ...programArgs('src/main'), '--print-config'];
  const script = 'set -o pipefail; "$@" | head -c 10; echo $? >&2';
  const { stdout, stderr } = spawnSync('/bin/bash', ['--norc', '-c', script, 'bash', ...command], {
    env,
    encoding: 'utf8',
  });
  expect(stdout).toHaveLength(10);
  expect(stderr).toBe('0\n');
});
