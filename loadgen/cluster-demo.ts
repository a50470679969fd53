import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Screen } from '../src/terminal-screen.ts';
import { findNatsServer, NATS_SOURCE, NatsServers } from '../testkit/nats-server.ts';
import { Random } from '../testkit/random.ts';
import { ClusterTable } from './cluster-table.ts';
import { playDemoMarket } from './demo-market.ts';
import { OwnServer } from './own-server.ts';
import { onInterrupt } from './run-program.ts';

/*
 * npm run cluster:demo: a NATS server, two owners and two edges on this machine. A seeded market is
 * published through one edge and shown from the other; every now and then an owner is killed.
 */

const TICKS_PER_SECOND = 2000;
const LEASE_MS = 2000;
const SHARDS = 16;
/** Time between two deaths of owners, ms, and until the dead one is started again. */
const KILL_MS = 12_000;
const RESTART_MS = 5000;

const USAGE = 'npm run cluster:demo -- [--seconds=N] [--kill=no]';

const flags = parseFlags(process.argv.slice(2));
const command = await findNatsServer();
if (command === undefined) {
  process.stderr.write(`The demo needs ${NATS_SOURCE}\n`);
  process.exit(1);
}
const interrupt = new AbortController();
onInterrupt(() => interrupt.abort());
const seconds = Number(flags.seconds ?? Number.POSITIVE_INFINITY);
const screen = new Screen(process.stdout);
const brokers = await NatsServers.start(command);
const owners: OwnServer[] = [];
const edges: OwnServer[] = [];
let kills = 0;
try {
  owners.push(await member('owner'), await member('owner'));
  edges.push(await member('edge'), await member('edge'));
  const [first, second] = edges as [OwnServer, OwnServer];
  const table = new ClusterTable(second.url, screen);
  await table.subscribed();
  void table.show(() => `owners killed: ${kills}`, interrupt.signal);
  void killOwners();
  const published = await playMarket(first.url);
  interrupt.abort();
  const counted = await table.settle(published);
  screen.close();
  const lost = published - counted;
  process.stdout.write(
    `${published} ticks published at one edge, ${counted} counted at the other; ` +
      `${kills} owners killed; ${lost === 0 ? 'nothing is missing' : `${lost} are missing`}\n`,
  );
  if (lost !== 0) process.exitCode = 1;
} catch (error) {
  process.exitCode = 1;
  screen.close();
  process.stderr.write(`${(error as Error).message}\n`);
} finally {
  interrupt.abort();
  screen.close();
  await Promise.all([...edges, ...owners].map((server) => server.stop()));
  await brokers.stop();
}
process.exit();

function parseFlags(args: string[]) {
  try {
    const options = {
      help: { type: 'boolean', short: 'h' },
      kill: { type: 'string' },
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

/** Edges answer that they are ready once all shards have an owner. */
function member(role: 'edge' | 'owner'): Promise<OwnServer> {
  return OwnServer.start([
    `--cluster.role=${role}`,
    `--cluster.servers=${brokers.addresses}`,
    `--cluster.shards=${SHARDS}`,
    '--cluster.replicas=1',
    `--cluster.leaseMs=${LEASE_MS}`,
    '--processing.partitions=1',
  ]);
}

/** Returns how many ticks were published, all of which are acknowledged. */
async function playMarket(url: string): Promise<number> {
  const { signal } = interrupt;
  const rates = { ticksPerSecond: TICKS_PER_SECOND, frameTicks: 64 };
  const market = await playDemoMarket({ url, token: undefined, ...rates, seconds, signal });
  const { sent, unacknowledged } = market;
  if (unacknowledged > 0) throw new Error(`${unacknowledged} ticks were not acknowledged`);
  return sent;
}

/** Kills one owner after the other, and starts it again. */
async function killOwners(): Promise<void> {
  if (flags.kill === 'no') return;
  const random = new Random(1);
  while (await waited(KILL_MS)) {
    const index = random.below(owners.length);
    await owners[index]?.end();
    kills++;
    await waited(RESTART_MS);
    await owners[index]?.stop();
    if (!interrupt.signal.aborted) owners[index] = await member('owner');
  }
}

/** False if the demo ends meanwhile. */
async function waited(ms: number): Promise<boolean> {
  await sleep(ms, undefined, { signal: interrupt.signal }).catch(() => undefined);
  return !interrupt.signal.aborted;
}
