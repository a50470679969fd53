import { Op } from '../../testkit/independent/protocol.ts';
import type { Check } from '../check.ts';
import type { Role } from '../client.ts';
import { expect } from '../expect.ts';
import { closing, type Rig } from '../rig.ts';
import { oneTick } from '../scripted/market.ts';
import type { StreamSession } from '../scripted/stream-session.ts';

const HEARTBEAT_MS = 400;
/** A client that gives up before this was too quick, ms. */
const SOONEST_MS = 2 * HEARTBEAT_MS;
/** Long heartbeats: a busy machine that delays one of ours must not look like silence, ms. */
const KEPT_HEARTBEAT_MS = 1200;
const KEPT_MS = 5400;

/** A server that is silent after WELCOME; the connection is open, and nothing answers. */
async function dropsSilent(rig: Rig, role: Role): Promise<void> {
  const { client, server } = await rig.pair(role);
  const connection = await rig.connection(server);
  const start = performance.now();
  const info = { heartbeatMs: HEARTBEAT_MS, sequence: 0, credit: 100, overflow: 'wait' };
  connection.welcome({ ...info, publisher: connection.url.searchParams.get('publisher') ?? '' });
  await client.reaches('live');
  // What it sends meanwhile, such as PING, is not answered.
  await Promise.race([closing(rig, connection), rig.connection(server)]);
  const silentMs = performance.now() - start;
  const least = `at least ${SOONEST_MS} ms of silence`;
  expect(silentMs >= SOONEST_MS - 100, least, () => `${silentMs.toFixed(0)} ms`);
  if (server.waiting === 0) await rig.connection(server);
}

/** A server that sends something twice a heartbeat: the client must stay. */
async function staysWhile(rig: Rig, send: (session: StreamSession) => void): Promise<void> {
  await rig.calmly(async () => {
    const welcome = { heartbeatMs: KEPT_HEARTBEAT_MS };
    const { client, server, session } = await rig.subscriber(['BTC'], { welcome });
    const timer = setInterval(() => send(session), KEPT_HEARTBEAT_MS / 2);
    rig.defer(() => clearInterval(timer));
    let isClosed = false;
    void session.connection.closed.then(() => {
      isClosed = true;
    });
    const isLost = () => isClosed || server.waiting > 0;
    await rig.stays(KEPT_MS, isLost, 'one connection', () => 'its end, or another one');
    expect((await client.state()) === 'live', 'it to stay live', () => 'another state');
  });
}

/** Telling a silent connection from a quiet one. */
export const livenessChecks: readonly Check[] = [
  {
    name: 'silence',
    role: 'subscriber',
    promise: 'Gives a connection up after 2.5 heartbeats of silence, and opens another.',
    section: 'Staying alive',
    run: (rig) => dropsSilent(rig, 'subscriber'),
  },
  {
    name: 'publisher-silence',
    role: 'publisher',
    promise: 'Gives a connection up after 2.5 heartbeats of silence, and opens another.',
    section: 'Staying alive',
    run: (rig) => dropsSilent(rig, 'publisher'),
  },
  {
    name: 'heartbeats',
    role: 'subscriber',
    promise: 'Keeps a quiet connection while heartbeats come.',
    section: 'Staying alive',
    run: (rig) => staysWhile(rig, (session) => session.heartbeat()),
  },
  {
    name: 'any-frame-counts',
    role: 'subscriber',
    promise: 'Takes every frame as a sign of life, not HEARTBEAT alone.',
    section: 'Staying alive',
    async run(rig) {
      rig.market.values.set('BTC', oneTick(100));
      await staysWhile(rig, (session) => session.full('BTC'));
    },
  },
  {
    name: 'frame-loss',
    role: 'subscriber',
    promise: 'Comes again when HEARTBEAT counts other frames than came.',
    section: 'Staying alive',
    async run(rig) {
      rig.market.values.set('BTC', oneTick(100));
      const { client, server, session } = await rig.subscriber(['BTC']);
      session.heartbeat();
      await client.holds('BTC', oneTick(100));
      expect(server.waiting === 0, 'one connection', () => 'another one');
      session.connection.send([Op.HEARTBEAT, Date.now(), 1000]);
      await rig.stream(server);
      await client.holds('BTC', oneTick(100));
    },
  },
];
