import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type Anomaly, connect } from '../client-sdk/src/index.ts';
import { Clock } from './clock.ts';
import { demoLines, Screen } from './demo-table.ts';
import { Market } from './market.ts';
import { OwnServer } from './own-server.ts';
import { Publishers } from './publishers.ts';
import { onInterrupt } from './run-program.ts';

/*
 * npm run demo: a server with its defaults, a seeded market, and a live table through a real
 * subscription.
 */

const DEFAULT_PORT = 9001;
const SYMBOLS = 200;
const TICKS_PER_SECOND = 5000;
/** About one jump beyond 2 % every two seconds. */
const JUMP_PROBABILITY = 1e-4;
const ANOMALIES_KEPT = 1000;
const VERIFY_MS = 2000;

const { values: flags } = parseArgs({
  options: { port: { type: 'string' }, seconds: { type: 'string' } },
});

// Where its server demands tokens, as it does with TICKWIRE_AUTH_JWT_SECRET and the like.
const token = process.env.TICKWIRE_TOKEN;

const interrupt = new AbortController();
onInterrupt(() => interrupt.abort());
const seconds = Number(flags.seconds ?? Number.POSITIVE_INFINITY);
const server = await OwnServer.start('', Number(flags.port ?? DEFAULT_PORT));
const screen = new Screen(process.stdout);
try {
  await Promise.all([playMarket(server.url), showTable(server)]);
} finally {
  screen.close();
  await server.stop();
}
process.exit();

async function playMarket(url: string): Promise<void> {
  const clock = new Clock();
  const market = new Market(
    {
      symbols: SYMBOLS,
      seed: 1,
      rate: TICKS_PER_SECOND,
      zipfExponent: 1,
      jumpProbability: JUMP_PROBABILITY,
    },
    clock,
  );
  const durationMs = seconds * 1000;
  const publishers = new Publishers(
    {
      url,
      token,
      encoding: 'binary',
      publishers: 2,
      frameTicks: 256,
      runId: 'demo',
      durationMs,
      warmUpMs: 0,
      isPaced: true,
    },
    market,
    clock,
  );
  await publishers.connect(market.weights);
  await publishers.run(clock.now(), interrupt.signal);
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
    screen.show(demoLines(view, screen.isTerminal));
  }
  subscriber.close();
}
