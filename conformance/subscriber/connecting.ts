import type { Frame } from '../../src/protocol/index.ts';
import { Op } from '../../testkit/independent/protocol.ts';
import type { ScriptedConnection } from '../../testkit/scripted-server.ts';
import type { Check } from '../check.ts';
import type { ConnectOptions, Role } from '../client.ts';
import { expect, expectSame, shown } from '../expect.ts';
import { later, type Rig } from '../rig.ts';
import { fullEntry, oneTick } from '../scripted/market.ts';

/** What a client offered as `Sec-WebSocket-Protocol`. */
function offered({ headers }: ScriptedConnection): string[] {
  return (headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
}

async function reads(rig: Rig, options: ConnectOptions, subprotocol: string): Promise<void> {
  rig.market.values.set('BTC', oneTick(100.25));
  const { client, server } = await rig.pair('subscriber', options);
  const subscribing = later(client.subscribe(['BTC']));
  const session = await rig.stream(server);
  expectSame('the path', '/v1/stream', session.connection.url.pathname);
  const names = offered(session.connection);
  expect(names[0] === subprotocol, `the subprotocol ${subprotocol} first`, () => shown(names));
  await subscribing;
  await client.holds('BTC', oneTick(100.25));
}

/** Waits for a frame of the connection that is wanted; passes over others. */
async function frameThat(
  rig: Rig,
  connection: ScriptedConnection,
  isWanted: (frame: Frame) => boolean,
  what: string,
): Promise<void> {
  const found = async () => {
    while (!isWanted(await connection.next()));
  };
  await rig.within(found(), what);
}

/** A token may come in a header, as a subprotocol, or in the first frame. */
async function showsToken(rig: Rig, connection: ScriptedConnection, token: string): Promise<void> {
  if (connection.headers.authorization !== undefined) {
    expectSame('the header', `Bearer ${token}`, connection.headers.authorization);
  } else if (!offered(connection).includes(`bearer.${token}`)) {
    const frame = await rig.within(connection.next(), `the token ${token}, or AUTH`);
    expectSame('the first frame', [Op.AUTH, token], frame);
  }
}

/** Replaces the token of a client: in its session, and of the next one. */
export async function renewsToken(rig: Rig, role: Role): Promise<void> {
  const { client, server } = await rig.pair(role, { token: 'a.b-c_d' });
  const connection = await rig.connection(server);
  const publishing = { publisher: 'feed', sequence: 0, credit: 100, overflow: 'dropOldest' };
  connection.welcome({ heartbeatMs: 60_000, ...publishing });
  await client.reaches('live');
  await client.authenticate('e.f-g_h');
  const isIt = ([op, token]: Frame) => op === Op.AUTH && token === 'e.f-g_h';
  await frameThat(rig, connection, isIt, 'AUTH with the new token');
  connection.cut();
  const next = await rig.connection(server);
  await showsToken(rig, next, 'e.f-g_h');
}

/** Session start: encodings, WELCOME, tokens. */
export const connectingChecks: readonly Check[] = [
  {
    name: 'subprotocol',
    role: 'subscriber',
    promise: 'Opens /v1/stream with the subprotocol of its encoding and reads MessagePack.',
    section: 'Connecting',
    run: (rig) => reads(rig, {}, 'tickwire.v1'),
  },
  {
    name: 'json',
    role: 'subscriber',
    promise: 'Reads the same frames as JSON where it is told to.',
    section: 'Connecting',
    run: (rig) => reads(rig, { encoding: 'json' }, 'tickwire.v1.json'),
  },
  {
    name: 'path-prefix',
    role: 'subscriber',
    promise: 'Keeps the path of the URL that it is given, for servers behind a proxy.',
    section: 'Connecting',
    async run(rig) {
      const server = await rig.server();
      await rig.client().connect('subscriber', `${server.url}/market`);
      const { url } = await rig.connection(server);
      expectSame('the path', '/market/v1/stream', url.pathname);
    },
  },
  {
    name: 'welcome-first',
    role: 'subscriber',
    promise: 'Is live once WELCOME came, not when the socket opens.',
    section: 'Session start',
    async run(rig) {
      const { client, server } = await rig.pair('subscriber');
      const connection = await rig.connection(server);
      expectSame('before WELCOME the state', 'connecting', await client.state());
      connection.welcome({ heartbeatMs: 60_000 });
      await client.reaches('live');
    },
  },
  {
    name: 'token',
    role: 'subscriber',
    promise: 'Shows its token in a header, as a subprotocol or in AUTH, the first frame.',
    section: 'Connecting',
    async run(rig) {
      const { server } = await rig.pair('subscriber', { token: 'a.b-c_d' });
      const connection = await rig.connection(server);
      await showsToken(rig, connection, 'a.b-c_d');
    },
  },
  {
    name: 'token-renewal',
    role: 'subscriber',
    promise: 'Replaces its token by AUTH in the open session, and uses it from then on.',
    section: 'Connecting',
    run: (rig) => renewsToken(rig, 'subscriber'),
  },
  {
    name: 'error-before-welcome',
    role: 'subscriber',
    promise: 'Comes back if the server cannot check its token now (ERROR 14, then 1013).',
    section: 'Connecting',
    async run(rig) {
      rig.market.values.set('BTC', oneTick(5));
      const { client, server } = await rig.pair('subscriber', { token: 'a.b-c_d' });
      const subscribing = later(client.subscribe(['BTC']));
      const first = await rig.connection(server);
      first.send([Op.ERROR, null, 14, 'the keys cannot be fetched', true, null]);
      first.close(1013);
      await rig.stream(server);
      await subscribing;
      await client.holds('BTC', oneTick(5));
    },
  },
  {
    name: 'unknown-ignored',
    role: 'subscriber',
    promise: 'Ignores ops, keys and further elements that it does not know.',
    section: 'Session start',
    async run(rig) {
      rig.market.values.set('BTC', oneTick(100));
      const { client, server, session } = await rig.subscriber(['BTC'], {
        welcome: { later: { deep: [1, 2] }, another: 'text' },
        onRequest([op, id], own) {
          if (op !== Op.SUBSCRIBE) return false;
          own.patterns.set('BTC', { stats: true, anomalies: true, alerts: false, fields: 63 });
          own.send([Op.SUBSCRIBED, id, [0], { conflateMs: 0, fields: 63, more: 1 }, 'later']);
          return true;
        },
      });
      const id = rig.market.idOf('BTC');
      session.send([34, 'later', { key: [1] }]);
      session.send([Op.SYMBOLS, [id, 'BTC'], 'later']);
      session.send([1000, null]);
      session.send([Op.STATS, 1, fullEntry(id, oneTick(100)), 300, { key: 1 }]);
      await client.holds('BTC', oneTick(100));
      session.send([Op.ANOMALY, 1, [[id, ...rig.market.raise('BTC')]], true]);
      await client.toldOf('BTC', 1);
      expect(await client.verify(), 'VERIFY to find it in sync', () => 'that it does not');
      expect(server.waiting === 0, 'one connection', () => 'a second one');
    },
  },
];
