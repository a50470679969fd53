import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { DIALECTS } from '../feeds/exchange/dialects.ts';
import { ScriptedExchange } from '../feeds/exchange/scripted-exchange.ts';
import { describeMachine, formatMachine } from '../loadgen/machine.ts';
import { ManagedProcess, programArgs } from '../testkit/managed-process.ts';
import { parseMetrics } from '../testkit/metrics.ts';
import { preciseCpuMs, residentBytes } from '../testkit/process-figures.ts';
import { ServerProcess } from '../testkit/server-process.ts';
import { delay, until } from '../testkit/until.ts';
import { VenueFrames } from './load/venue-frames.ts';

/**
 * How many trades a second one feed process carries: a scripted venue writes as fast as it is read,
 * the feed publishes to a server. At the end every trade that was sent must be in the server, once.
 *
 * Run: `npm run build`, then `node dist/bench/feed-capacity.js [SECONDS] [ROUNDS]`. Linux.
 */

const [seconds = 8, rounds = 3] = process.argv.slice(2).map(Number);
const WARM_UP_MS = 3000;
/** Written at once: some ms of the feed's time. */
const BATCH_TRADES = 2000;
const MIB = 2 ** 20;

interface Case {
  readonly venue: 'binance' | 'kraken';
  readonly symbols: number;
  readonly tradesPerMessage: number;
}

const CASES: readonly Case[] = [
  { venue: 'binance', symbols: 1, tradesPerMessage: 1 },
  { venue: 'binance', symbols: 100, tradesPerMessage: 1 },
  { venue: 'binance', symbols: 1000, tradesPerMessage: 1 },
  { venue: 'kraken', symbols: 100, tradesPerMessage: 20 },
];

/** A column's title, its figure and how many digits of it behind the point. */
const COLUMNS = [
  ['trades/s', 'tradesPerSecond', 0],
  ['feed µs', 'feedMicros', 2],
  ['feed cores', 'feedCores', 2],
  ['server µs', 'serverMicros', 2],
  ['MiB idle', 'idleMiB', 0],
  ['MiB loaded', 'loadMiB', 0],
  ['pauses', 'pauses', 0],
] as const;

/** Of one round. µs are processor time a trade. */
type Figures = Readonly<Record<(typeof COLUMNS)[number][1], number>>;

const load = loadavg().map((value) => value.toFixed(1));
console.log(`${formatMachine(describeMachine())}, load before ${load.join(' ')}`);
console.log(`medians of ${rounds} rounds of ${seconds} s`);
const titles = COLUMNS.map(([title]) => title.padStart(11));
console.log(`${'venue'.padEnd(9)} symbols a message${titles.join('')}`);
for (const each of CASES) {
  const figures: Figures[] = [];
  for (let round = 0; round < rounds; round += 1) figures.push(await measure(each));
  const cells = COLUMNS.map(([, name, digits]) => {
    const sorted = figures.map((one) => one[name]).toSorted((a, b) => a - b);
    return (sorted[Math.floor(rounds / 2)] as number).toFixed(digits).padStart(11);
  });
  const { venue, symbols, tradesPerMessage } = each;
  const head = [venue.padEnd(9), `${symbols}`.padStart(7), `${tradesPerMessage}`.padStart(9)];
  console.log(head.join(' ') + cells.join(''));
}

async function measure({ venue, symbols: count, tradesPerMessage }: Case): Promise<Figures> {
  const symbols = Array.from({ length: count }, (_, at) => `S${1000 + at}USDT`);
  const folder = await mkdtemp(join(tmpdir(), 'tickwire-feed-capacity-'));
  const exchange = await ScriptedExchange.start(DIALECTS[venue]);
  const server = await ServerProcess.start(['--processing.overflow=wait']);
  const config = join(folder, 'feeds.json');
  await writeFile(
    config,
    JSON.stringify({ feeds: [{ name: 'feed', venue, url: exchange.url, symbols }] }),
  );
  const feed = new ManagedProcess(process.execPath, [
    ...programArgs('src/main'),
    'feed',
    `--config=${config}`,
    `--url=ws://127.0.0.1:${server.port}`,
    '--metrics-port=0',
  ]);
  try {
    await feed.ready(() => feed.output.includes('"msg":"live"'));
    const idleMiB = residentBytes(feed.pid) / MIB;
    const port = /metrics on port (\d+)/.exec(feed.output)?.[1];
    const metric = async (name: string, labels = '') => {
      const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
      return parseMetrics(text).get(`tickwire_feed_${name}{feed="feed",venue="${venue}"${labels}}`);
    };
    const published = async () => (await metric('trades_total', ',result="published"')) ?? 0;
    const messages = Math.ceil(BATCH_TRADES / tradesPerMessage);
    const frames = new VenueFrames(exchange.dialect, symbols, messages, tradesPerMessage);
    let sent = 0;
    const over = new AbortController();
    const sending = (async () => {
      while (!over.signal.aborted) {
        await exchange.current.sendFrames(frames.next());
        sent += frames.trades;
      }
    })();
    await delay(WARM_UP_MS);
    const from = { at: performance.now(), trades: await published(), ...cpuNow(feed, server) };
    await delay(seconds * 1000);
    const to = { at: performance.now(), trades: await published(), ...cpuNow(feed, server) };
    const loadMiB = residentBytes(feed.pid) / MIB;
    over.abort();
    await sending;
    await until(async () => (await acceptedBy(server)) >= sent, 'all trades in the server');
    const [missed, malformed] = [
      await metric('missed_trades_total'),
      await metric('malformed_messages_total'),
    ];
    if ((await acceptedBy(server)) !== sent || missed !== 0 || malformed !== 0) {
      throw new Error(`sent ${sent}, missed ${missed}, malformed ${malformed}`);
    }
    const trades = to.trades - from.trades;
    return {
      tradesPerSecond: (trades * 1000) / (to.at - from.at),
      feedMicros: ((to.feedMs - from.feedMs) * 1000) / trades,
      serverMicros: ((to.serverMs - from.serverMs) * 1000) / trades,
      feedCores: (to.feedMs - from.feedMs) / (to.at - from.at),
      idleMiB,
      loadMiB,
      pauses: (await metric('pauses_total')) ?? 0,
    };
  } finally {
    await feed.stop();
    await server.stop();
    await exchange.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

function cpuNow(feed: ManagedProcess, server: ManagedProcess) {
  return { feedMs: preciseCpuMs(feed.pid), serverMs: preciseCpuMs(server.pid) };
}

/** Ticks that the server has taken, of all symbols. */
async function acceptedBy(server: ServerProcess): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${server.port}/metrics`)).text();
  return parseMetrics(text).get('tickwire_ticks_accepted_total') ?? 0;
}
