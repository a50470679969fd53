import { freePort } from '../../testkit/managed-process.ts';
import type { ScriptedServer } from '../../testkit/scripted-server.ts';
import { delay } from '../../testkit/until.ts';
import type { Check } from '../check.ts';
import type { Role } from '../client.ts';
import { Broken, expect, shown } from '../expect.ts';
import { closing, later, type Rig } from '../rig.ts';
import { oneTick } from '../scripted/market.ts';

/** Codes after which a client comes back; 1006: no close frame. Some are in no table. */
const COMES_BACK = [1001, 1006, 1011, 1012, 1013, 4001, 4002, 4010, 4099, 4499];
const ENDS = [4500, 4501, 4503, 4507, 4600];
/** A client that has not come again after this has ended, ms. */
const QUIET_MS = 1500;
/** Clients that wait beside each other, to see how their waits differ. */
const CLIENTS = 10;
const JITTER_MS = 8000;
/** Ten of them spread less once in 30 000 times; a busy machine spreads clients by a second. */
const SPREAD_MS_MIN = 2000;
/** The same of backing off, in mean waits: more than a busy machine adds. */
const SPREAD_PART_MIN = 0.2;
/** The longest wait that the protocol allows, ms. */
const WAIT_MS_MAX = 30_000;
/** Waits until one that doubles without a bound is likely beyond that, in one of the clients. */
const WAITS = 8;
/** Slack for a machine that is busy, ms. */
const LATE_MS = 3000;

async function endSession(rig: Rig, server: ScriptedServer, code: number): Promise<void> {
  const connection = await rig.connection(server);
  const publishing = { publisher: 'feed', sequence: 0, credit: 100, overflow: 'dropOldest' };
  connection.welcome({ heartbeatMs: 60_000, ...publishing });
  if (code === 1006) connection.cut();
  else connection.close(code);
  await closing(rig, connection);
}

export async function comesBack(rig: Rig, role: Role, code: number): Promise<void> {
  const { server } = await rig.pair(role);
  await endSession(rig, server, code);
  await rig.within(server.connection(), `after ${code} another connection`);
}

export async function ends(rig: Rig, role: Role, code: number): Promise<void> {
  const { client, server } = await rig.pair(role);
  await endSession(rig, server, code);
  await client.reaches('closed').catch((error: unknown) => {
    throw new Broken(`after ${code} the state "closed"`, (error as Error).message);
  });
  const isBack = () => server.waiting > 0;
  await rig.stays(QUIET_MS, isBack, `no connection after ${code}`, () => 'another one');
}

/** How long a client that is sent away each time waits before it comes again, ms. */
async function waits(rig: Rig, count: number): Promise<number[]> {
  const { server } = await rig.pair('subscriber');
  const times: number[] = [];
  let lostAt = 0;
  for (let i = 0; i <= count; i++) {
    const connection = await rig.within(
      server.connection(),
      'another attempt',
      WAIT_MS_MAX + LATE_MS,
    );
    if (i > 0) times.push(connection.openedAt - lostAt);
    connection.cut();
    lostAt = performance.now();
  }
  return times;
}

/** Several clients that are sent away each time: how their waits grow and differ. */
async function backsOff(rig: Rig): Promise<void> {
  const all = await Promise.all(Array.from({ length: CLIENTS }, () => waits(rig, 3)));
  const mean = (index: number) => all.reduce((sum, one) => sum + (one[index] ?? 0), 0) / CLIENTS;
  const means = [0, 1, 2].map(mean);
  const text = () => `means of ${means.map((ms) => `${ms.toFixed(0)} ms`).join(', ')}`;
  expect((means[2] as number) > 1.2 * (means[0] as number), 'waits that grow', text);
  expect((means[2] as number) > 200, 'a third wait of more than 200 ms', text);
  const thirds = all.map((one) => one[2] ?? 0);
  const spread = Math.max(...thirds) - Math.min(...thirds);
  expect(spread > SPREAD_PART_MIN * (means[2] as number), 'waits that differ', () => shown(thirds));
}

/** Several clients before a planned restart: how their returns spread. */
async function spreadsOut(rig: Rig): Promise<void> {
  const back = async () => {
    const { client, server } = await rig.pair('subscriber');
    const connection = await rig.connection(server);
    connection.welcome({ heartbeatMs: 60_000 });
    await client.reaches('live');
    connection.send([31, 'restart', 1000, JITTER_MS]);
    connection.close(4001);
    await closing(rig, connection);
    const start = performance.now();
    const next = await rig.within(server.connection(), 'its return', JITTER_MS + LATE_MS);
    return next.openedAt - start;
  };
  const times = await Promise.all(Array.from({ length: CLIENTS }, back));
  const spread = Math.max(...times) - Math.min(...times);
  const text = () => `returns after ${times.map((ms) => ms.toFixed(0)).join(', ')} ms`;
  expect(spread > SPREAD_MS_MIN, `returns spread over ${JITTER_MS} ms`, text);
}

/** Coming back, or not. */
export const reconnectingChecks: readonly Check[] = [
  {
    name: 'comes-back',
    role: 'subscriber',
    promise: 'Reconnects after a lost connection and every close code below 4500 but 4004.',
    section: 'Close codes',
    async run(rig) {
      await Promise.all(COMES_BACK.map((code) => comesBack(rig, 'subscriber', code)));
    },
  },
  {
    name: 'ends',
    role: 'subscriber',
    promise: 'Ends for good after the close codes from 4500 to 4999, and says so.',
    section: 'Close codes',
    async run(rig) {
      await Promise.all(ENDS.map((code) => ends(rig, 'subscriber', code)));
    },
  },
  {
    name: 'server-comes-later',
    role: 'subscriber',
    promise: 'Keeps trying while there is no server yet, and connects once there is one.',
    section: 'Reconnecting',
    async run(rig) {
      rig.market.values.set('BTC', oneTick(100));
      const port = await freePort();
      const client = rig.client();
      await client.connect('subscriber', `ws://127.0.0.1:${port}`);
      const subscribing = later(client.subscribe(['BTC']));
      await delay(700);
      await rig.stream(await rig.server(port));
      await subscribing;
      await client.holds('BTC', oneTick(100));
    },
  },
  {
    name: 'backoff',
    role: 'subscriber',
    promise: 'Waits longer from attempt to attempt, and not as long as the next client.',
    section: 'Reconnecting',
    run: (rig) => rig.calmly(() => backsOff(rig)),
  },
  {
    name: 'backoff-bound',
    role: 'subscriber',
    promise: 'Waits for half a minute at most, however often an attempt fails.',
    section: 'Reconnecting',
    async run(rig) {
      await Promise.all(Array.from({ length: CLIENTS }, () => waits(rig, WAITS)));
    },
  },
  {
    name: 'goaway-jitter',
    role: 'subscriber',
    promise: 'Returns after GOAWAY at a random time within jitterMs, not with all the others.',
    section: 'Staying alive',
    run: (rig) => rig.calmly(() => spreadsOut(rig)),
  },
];
