import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { watchNpm } from '../src/npm-parent.ts';
import { builtProgram, freePort, ManagedProcess } from '../testkit/managed-process.ts';
import { isServing } from '../testkit/server-process.ts';
import { delay } from '../testkit/until.ts';
import { DIALECTS } from './exchange/dialects.ts';
import { ScriptedExchange } from './exchange/scripted-exchange.ts';
import { ScriptedMarket } from './exchange/scripted-market.ts';

/*
 * npm run feed:demo: two made-up exchanges on loopback, a feed process, a server and its dashboard.
 * Needs no internet. Every few seconds something goes wrong at an exchange.
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
const binance = await ScriptedExchange.start(DIALECTS.binance);
const kraken = await ScriptedExchange.start(DIALECTS.kraken);
const markets = [
  new ScriptedMarket(binance, {
    prices: { BTCUSDT: 64_000, ETHUSDT: 3100, SOLUSDT: 145, XRPUSDT: 0.52, DOGEUSDT: 0.11 },
    tradesPerSecond: 400,
    faultEveryMs: 9000,
  }),
  new ScriptedMarket(kraken, {
    prices: { 'BTC/USD': 64_010, 'ETH/USD': 3101, 'ADA/USD': 0.35 },
    tradesPerSecond: 60,
    faultEveryMs: 14_000,
  }),
];
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
  for (const market of markets) market.stop();
  if (feed !== undefined && feed.exitCode === null && feed.signalCode === null) {
    feed.kill('SIGTERM');
    await once(feed, 'exit');
  }
  await Promise.all([binance.stop(), kraken.stop(), server.stop()]);
  await rm(folder, { recursive: true, force: true });
}
// A feed that is interrupted while it starts has no exit code.
process.exit(feed?.exitCode ?? (isInterrupted ? 0 : 1));

/** Runs the feeds until one of the programs ends, or the time is up. */
async function showFeeds(): Promise<void> {
  const config = join(folder, 'feeds.json');
  await writeFile(config, JSON.stringify({ feeds: feeds() }));
  process.stdout.write(
    `dashboard: http://127.0.0.1:${port}/   metrics: http://127.0.0.1:${metricsPort}/metrics\n`,
  );
  feed = startFeed(config);
  const died = server.exited.then(() => {
    if (!isOver) process.stderr.write(`the server ended\n${server.output}`);
  });
  await Promise.race([once(feed, 'exit'), died, timeUp()]);
}

function feeds(): object[] {
  return [
    {
      name: 'demo-binance',
      venue: 'binance',
      url: binance.url,
      // The last has no trades: a quiet symbol is no fault.
      symbols: ['BTCUSDT', 'ETHUSDT', 'SOLUSDT', 'XRPUSDT', 'DOGEUSDT', 'QUIETUSDT'],
    },
    {
      name: 'demo-kraken',
      venue: 'kraken',
      url: kraken.url,
      symbols: ['BTC/USD', 'ETH/USD', 'ADA/USD'],
    },
  ];
}

function startFeed(config: string): ChildProcess {
  const target = [`--url=ws://127.0.0.1:${port}`, `--metrics-port=${metricsPort}`];
  const args = [builtProgram('src/main'), 'feed', `--config=${config}`, ...target];
  // The table is the feed's; an interrupt reaches it by this process.
  return spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] });
}

/** Resolves once the feeds have been live for `--seconds`; without them never. */
async function timeUp(): Promise<void> {
  if (values.seconds === undefined) return new Promise(() => {});
  while (!(await isServing(metricsPort))) await delay(POLL_MS);
  await delay(Number(values.seconds) * 1000);
}
