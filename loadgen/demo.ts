import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Anomaly, connect } from '../client-sdk/src/index.ts';
import { Screen } from '../src/terminal-screen.ts';
import { playDemoMarket } from './demo-market.ts';
import { demoLines } from './demo-table.ts';
import { OwnServer } from './own-server.ts';
import { onInterrupt } from './run-program.ts';

/*
 * npm run demo: a server with its defaults and some rules, a seeded market, and a live table
 * through a real subscription.
 */

const DEFAULT_PORT = 9001;
const TICKS_PER_SECOND = 5000;
const ANOMALIES_KEPT = 1000;
const VERIFY_MS = 2000;

const USAGE = `npm run demo -- [--port=9001] [--seconds=N] [flags of the server, with =]`;
const RULES = fileURLToPath(new URL('../../examples/rules.json', import.meta.url));
/** The demo's data is no secret: pages of any origin may try the SDK with it. */
const SERVER_FLAGS = ['--server.allowedOrigins=*', `--rules.file=${RULES}`];
/** Connections of a dying server end before it does, by at most so long, ms. */
const DEATH_MS = 1000;
/** The end of a dead server's output that is shown, lines. */
const LAST_LINES = 5;

const { own, serverFlags } = splitDemoFlags(process.argv.slice(2));
const flags = parseFlags(own);

// Where its server demands tokens, as it does with TICKWIRE_AUTH_JWT_SECRET and the like.
const token = process.env.TICKWIRE_TOKEN;

const interrupt = new AbortController();
onInterrupt(() => interrupt.abort());
const seconds = Number(flags.seconds ?? Number.POSITIVE_INFINITY);
const server = await startServer();
const screen = new Screen(process.stdout);
const died = server.exited.then((exit) => {
  if (!interrupt.signal.aborted) throw new Error(deathOf(exit));
});
try {
  await Promise.race([Promise.all([playMarket(server.url), showTable(server)]), died]);
} catch (error) {
  process.exitCode = 1;
  screen.close();
  // What ends with the server fails, too, even before it has ended: say the cause.
  const exit = await Promise.race([server.exited, sleep(DEATH_MS)]);
  const message = exit === undefined ? (error as Error).message : deathOf(exit);
  process.stderr.write(`${message}\n`);
} finally {
  interrupt.abort();
  screen.close();
  await server.stop();
}
process.exit();

/** Flags with a dot in their name are settings of the server. */
function splitDemoFlags(argv: readonly string[]) {
  const isSetting = (arg: string) => /^--[a-z]+\.\w+=/.test(arg);
  return {
    own: argv.filter((arg) => !isSetting(arg)),
    serverFlags: [...SERVER_FLAGS, ...argv.filter(isSetting)],
  };
}

function parseFlags(args: string[]) {
  try {
    const options = {
      help: { type: 'boolean', short: 'h' },
      port: { type: 'string' },
      seconds: { type: 'string' },
    } as const;
    const { help, ...values } = parseArgs({ args, options }).values;
    if (help !== true) return values;
    process.stdout.write(`Usage: ${USAGE}\n`);
    process.exit(0);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\nUsage: ${USAGE}\n`);
    process.exit(2);
  }
}

async function startServer(): Promise<OwnServer> {
  const port = serverFlags.findLast((flag) => flag.startsWith('--server.port='));
  const preferred = port?.slice('--server.port='.length) ?? flags.port ?? DEFAULT_PORT;
  try {
    const others = serverFlags.filter((flag) => !flag.startsWith('--server.port='));
    return await OwnServer.start(others, Number(preferred));
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    process.exit(1);
  }
}

function deathOf(exit: number | string): string {
  const lines = server.output.trimEnd().split('\n').slice(-LAST_LINES).join('\n');
  return `The server of the demo ended (${exit}). Its last lines:\n${lines}`;
}

async function playMarket(url: string): Promise<void> {
  const { signal } = interrupt;
  const rates = { ticksPerSecond: TICKS_PER_SECOND, frameTicks: 256 };
  await playDemoMarket({ url, token, ...rates, seconds, signal });
  interrupt.abort();
}

async function showTable({ url }: OwnServer): Promise<void> {
  const anomalies: Anomaly[] = [];
  let updates = 0;
  let isInSync: boolean | undefined;
  const subscriber = connect(url, {
    conflateMs: 100,
    ...(token === undefined ? {} : { token }),
  });
  subscriber.on('update', ({ changes }) => {
    for (const { updateCount, previousUpdateCount } of changes) {
      updates += updateCount - (previousUpdateCount || 0);
    }
  });
  subscriber.on('anomaly', (anomaly) => {
    anomalies.unshift(anomaly);
    anomalies.length = Math.min(anomalies.length, ANOMALIES_KEPT);
  });
  await subscriber.subscribe('*').ready;
  let verifyAt = 0;
  let shownAt = performance.now();
  while (!interrupt.signal.aborted) {
    await sleep(screen.everyMs, undefined, { signal: interrupt.signal }).catch(() => undefined);
    if (interrupt.signal.aborted) break;
    const now = performance.now();
    if (now >= verifyAt) {
      isInSync = (await subscriber.verify()).equal;
      verifyAt = now + VERIFY_MS;
    }
    const ticksPerSecond = (updates / (now - shownAt)) * 1000;
    [updates, shownAt] = [0, now];
    const symbols = [...subscriber.symbols()];
    const httpUrl = url.replace('ws:', 'http:');
    const view = { url: httpUrl, ticksPerSecond, symbols, anomalies, isInSync, now: Date.now() };
    screen.show(demoLines(view, screen.isTerminal, screen.width));
  }
  subscriber.close();
}
