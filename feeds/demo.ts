import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { watchNpm } from '../src/npm-parent.ts';
import { builtProgram, freePort, ManagedProcess } from '../testkit/managed-process.ts';
import { isServing } from '../testkit/server-process.ts';
import { delay } from '../testkit/until.ts';

/*
 * npm run feed:demo: a feed process with two made-up exchanges (tickwire feed --demo), a server and
 * its dashboard. Needs no internet.
 */

const DEFAULT_PORT = 9001;
const POLL_MS = 100;

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: String(DEFAULT_PORT) },
    /** Of the feed's metrics. */
    'metrics-port': { type: 'string', default: '9101' },
    seconds: { type: 'string' },
  },
});

const folder = await mkdtemp(join(tmpdir(), 'tickwire-feed-demo-'));
const port = await freePort(Number(values.port));
const metricsPort = await freePort(Number(values['metrics-port']));
const server = new ManagedProcess(
  process.execPath,
  [builtProgram('src/main'), `--server.port=${port}`, `--store.directory=${join(folder, 'store')}`],
  { detached: true },
);
let feed: ChildProcess | undefined;
let isInterrupted = false;
let isOver = false;
const interrupted = new Promise<void>((resolve) => {
  const stop = () => {
    isInterrupted = true;
    feed?.kill('SIGTERM');
    resolve();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, stop);
  watchNpm(process.env, stop);
});
try {
  await Promise.race([server.ready(() => isServing(port)), interrupted]);
  if (!isInterrupted) await showFeeds();
} finally {
  isOver = true;
  if (feed !== undefined && feed.exitCode === null && feed.signalCode === null) {
    feed.kill('SIGTERM');
    await once(feed, 'exit');
  }
  await server.stop();
  await rm(folder, { recursive: true, force: true });
}
// A feed that is interrupted while it starts has no exit code.
process.exit(feed?.exitCode ?? (isInterrupted ? 0 : 1));

/** Runs the feeds until one of the programs ends, or the time is up. */
async function showFeeds(): Promise<void> {
  process.stdout.write(
    `dashboard: http://127.0.0.1:${port}/   metrics: http://127.0.0.1:${metricsPort}/metrics\n`,
  );
  feed = startFeed();
  const died = server.exited.then(() => {
    if (!isOver) process.stderr.write(`the server ended\n${server.output}`);
  });
  await Promise.race([once(feed, 'exit'), died, timeUp()]);
}

function startFeed(): ChildProcess {
  const target = [`--url=ws://127.0.0.1:${port}`, `--metrics-port=${metricsPort}`];
  const args = [builtProgram('src/main'), 'feed', '--demo', ...target];
  // The table is the feed's; an interrupt reaches it by this process.
  return spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] });
}

/** Resolves once the feeds have been live for `--seconds`; without them never. */
async function timeUp(): Promise<void> {
  if (values.seconds === undefined) return new Promise(() => {});
  while (!(await isServing(metricsPort))) await delay(POLL_MS);
  await delay(Number(values.seconds) * 1000);
}
