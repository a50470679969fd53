import { once } from 'node:events';
import type { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { Digest, encodeFrame, type Frame } from '../../../src/protocol/index.ts';
import { type ScriptedConnection, ScriptedServer } from '../../../testkit/scripted-server.ts';
import { TcpProxy } from '../../../testkit/tcp-proxy.ts';
import { encodeWebSocketFrame, Opcode, upgradeAnswer } from '../../../testkit/web-socket.ts';
import { connect, type Subscriber } from '../../src/index.ts';
import {
  expectHealed,
  FULL_BTC,
  NAMES,
  nextRequest,
  openFirst,
  PATTERNS,
} from '../support/session-script.ts';

let server: ScriptedServer;
let proxy: TcpProxy;
let subscriber: Subscriber;
let connection: ScriptedConnection;
let reasons: string[];

beforeEach(async () => {
  // No wait between attempts.
  vi.spyOn(Math, 'random').mockReturnValue(0);
  server = await ScriptedServer.start();
  proxy = await TcpProxy.start(Number(new URL(server.url).port));
  onTestFinished(() => proxy.close());
  subscriber = connect(proxy.url, { connectTimeoutMs: 200 });
  reasons = [];
  subscriber.on('state', ({ closure }) => closure && reasons.push(closure.reason));
  subscriber.subscribe(PATTERNS);
  connection = await server.connection();
  await openFirst(connection, subscriber);
});
afterEach(() => {
  subscriber.close();
  server.stop();
  vi.restoreAllMocks();
});

const WELCOME: Frame = [
  16,
  {
    version: 1,
    epoch: 'e1',
    session: 's2',
    serverTime: 1,
    heartbeatMs: 5000,
    limits: { frameBytesMax: 1_048_576, subscriptionsMax: 10_000 },
  },
];
const welcome = frameBytes(WELCOME);

function messageBytes(payload: Uint8Array, opcode: number = Opcode.BINARY, isFinal = true): Buffer {
  return encodeWebSocketFrame({ opcode, payload, isFinal });
}

/** A frame as bytes on the wire. */
function frameBytes(frame: Frame): Buffer {
  return messageBytes(encodeFrame(frame, 'binary') as Uint8Array);
}

/** Reads the head of an HTTP request. */
async function readHead(socket: Socket): Promise<string> {
  let head = '';
  while (!head.includes('\r\n\r\n')) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    head += chunk.toString('latin1');
  }
  return head;
}

/** Upgrades the client's connection, sends these bytes, and cuts it or not. */
async function upgrade(client: Socket, bytes: Uint8Array, isCut: boolean): Promise<void> {
  client.write(Buffer.concat([Buffer.from(upgradeAnswer(await readHead(client))), bytes]), () => {
    if (isCut) client.end();
  });
}

async function answer(client: Socket, text: string): Promise<void> {
  await readHead(client);
  client.end(text);
}

/** What a platform's own WebSocket says of a failure differs by version, and may be nothing. */
const isPlatforms = globalThis.WebSocket !== undefined;
const OWN = /^(?!no WELCOME|unreadable|not a frame|frame of op)/;
const bySocket = (reason: RegExp) => (isPlatforms ? OWN : reason);

/** Ways in which the next attempt fails, with the client's reason. */
const failures: readonly (readonly [string, (client: Socket) => unknown, RegExp])[] = [
  ['accepted and reset', (client) => client.resetAndDestroy(), bySocket(/ECONNRESET|hang up/)],
  ['accepted and closed', (client) => client.end(), bySocket(/hang up|ECONNRESET/)],
  ['accepted and never answered', () => undefined, /no WELCOME in time/],
  ['answered with half a head', (client) => answer(client, 'HTTP/1.1 101 Swi'), bySocket(/./)],
  [
    'answered with no HTTP at all',
    (client) => answer(client, '220 mail.example\r\n'),
    bySocket(/Parse/),
  ],
  [
    'answered with 503',
    (client) => answer(client, 'HTTP/1.1 503 Busy\r\ncontent-length: 4\r\n\r\nbusy'),
    bySocket(/503/),
  ],
  [
    'answered with 404',
    (client) => answer(client, 'HTTP/1.1 404 Not Found\r\n\r\n'),
    bySocket(/404/),
  ],
  [
    'answered with 200',
    (client) => answer(client, 'HTTP/1.1 200 OK\r\n\r\nhello'),
    bySocket(/200/),
  ],
  [
    'answered with a redirect',
    (client) => answer(client, 'HTTP/1.1 302 Found\r\nlocation: /login\r\n\r\n'),
    bySocket(/302/),
  ],
  ['upgraded and cut', (client) => upgrade(client, Buffer.alloc(0), true), /^$/],
  ['upgraded and left alone', (client) => upgrade(client, Buffer.alloc(0), false), /no WELCOME/],
  ['cut in the head of WELCOME', (client) => upgrade(client, welcome.subarray(0, 1), true), /^$/],
  ['cut in the midst of WELCOME', (client) => upgrade(client, welcome.subarray(0, 50), true), /^$/],
  [
    'stopped in the midst of it',
    (client) => upgrade(client, welcome.subarray(0, 50), false),
    /no W/,
  ],
  ['told that it was welcome, and cut', (client) => upgrade(client, welcome, true), /^$/],
  [
    'told something masked, which no server may',
    (client) => upgrade(client, Buffer.from([0x82, 0x81, 1, 2, 3, 4, 5]), false),
    bySocket(/MASK/),
  ],
  [
    'told garbage',
    (client) => upgrade(client, messageBytes(Buffer.from([0xc1, 7])), false),
    /0xc1/,
  ],
  [
    'told nothing in a message',
    (client) => upgrade(client, messageBytes(Buffer.alloc(0)), false),
    /unr/,
  ],
  [
    'told a text',
    (client) => upgrade(client, messageBytes(Buffer.from('hello'), Opcode.TEXT), false),
    /unreadable frame/,
  ],
  [
    'told a number',
    (client) => upgrade(client, messageBytes(Buffer.from([7])), false),
    /not a frame/,
  ],
  [
    'told statistics before it was welcome',
    (client) => upgrade(client, Buffer.concat([NAMES, [20, 5, FULL_BTC], WELCOME].map(raw)), false),
    /frame of op 22 before WELCOME/,
  ],
];

function raw(frame: unknown): Buffer {
  return frameBytes(frame as Frame);
}

describe('an attempt that is', () => {
  it.each(failures)('%s: the next one recovers everything', async (_, fail, reason) => {
    const updates: unknown[] = [];
    subscriber.on('update', (update) => updates.push(update));
    proxy.intercept((client) => void fail(client));
    connection.cut();
    const healthy = await server.connection();
    expect(reasons).toHaveLength(2);
    expect(reasons[1]).toMatch(reason);
    expect(updates).toEqual([]);
    // Node's own WebSocket may connect once more for the same attempt.
    if (!isPlatforms) expect(proxy.accepted).toBe(3);
    await expectHealed(healthy, subscriber);
    expect(subscriber.failure).toBeUndefined();
  });

  it('closed for a message that is too big: likewise', async () => {
    const head = Buffer.alloc(10);
    head.writeUInt8(0x82, 0);
    head.writeUInt8(127, 1);
    head.writeBigUInt64BE(1n << 40n, 2);
    proxy.intercept((client) => void upgrade(client, head, false));
    connection.cut();
    await expectHealed(await server.connection(), subscriber);
  });
});

/** Ways in which a reopened session breaks before it is complete. */
const breaks: readonly (readonly [string, (session: ScriptedConnection) => unknown])[] = [
  ['after WELCOME', (session) => session.cut()],
  [
    'between SUBSCRIBE and SUBSCRIBED',
    async (session) => {
      await nextRequest(session);
      session.cut();
    },
  ],
  ['between SUBSCRIBED and SYMBOLS', (session) => answerAndCut(session, [])],
  ['between SYMBOLS and STATS', (session) => answerAndCut(session, [NAMES])],
  ['after half of the entries', (session) => answerAndCut(session, [NAMES, [20, 5, FULL_BTC]])],
  [
    'by a delta before the full entry',
    (session) => answerThen(session, [NAMES, [20, 5, [0, 1, 101]]]),
  ],
  [
    'by a full entry and a delta of another symbol before its own',
    (session) => answerThen(session, [NAMES, [20, 5, [...FULL_BTC, 1, 5, 21, 1]]]),
  ],
  ['by an entry that is cut off', (session) => answerThen(session, [NAMES, [20, 5, [0, 127, 1]]])],
  [
    'by an entry without a name',
    (session) => answerThen(session, [[20, 5, [9, ...FULL_BTC.slice(1)]]]),
  ],
  [
    'by an anomaly without a name',
    (session) => answerThen(session, [[21, 5, [[9, 1, 1, 1, 1, 1, 1]]]]),
  ],
  ['by STATS without entries', (session) => answerThen(session, [[20, 5]])],
  ['by ANOMALY that is no list', (session) => answerThen(session, [NAMES, [21, 5, null]])],
  ['by ANOMALY of nothing', (session) => answerThen(session, [NAMES, [21, 5, [null]]])],
  ['by SYMBOLS that are none', (session) => answerThen(session, [[22, null]])],
  [
    'by an answer without codes',
    async (session) => session.send([19, (await nextRequest(session))[1]]),
  ],
  ['by a HEARTBEAT that counts more', (session) => answerThen(session, [[24, 5, 17]])],
  ['by a HEARTBEAT that counts less', (session) => answerThen(session, [NAMES, [24, 5, 0]])],
  ['by a HEARTBEAT that counts nothing', (session) => answerThen(session, [[24, 5]])],
  ['by garbage', (session) => session.sendRaw(Buffer.from([0xd4, 1, 1]))],
  ['by frames that bury each other', (session) => session.sendRaw(Buffer.alloc(1_000_000, 0x91))],
];

async function answerThen(session: ScriptedConnection, frames: readonly Frame[]): Promise<void> {
  const [, requestId] = await nextRequest(session);
  session.send([19, requestId, [0, 0], { conflateMs: 0, fields: 63 }]);
  for (const frame of frames) session.send(frame);
}

async function answerAndCut(session: ScriptedConnection, frames: readonly Frame[]): Promise<void> {
  await answerThen(session, frames);
  // Lets the frames arrive: a reset may overtake them.
  session.close(1001);
}

describe('a session that breaks', () => {
  it.each(breaks)('%s: the next one recovers everything', async (_, breakIt) => {
    connection.cut();
    const session = await server.connection();
    session.welcome();
    void breakIt(session);
    const healthy = await server.connection();
    expect(['BTC', 'ETH'].map((symbol) => subscriber.get(symbol)?.isLive)).toEqual([false, false]);
    await expectHealed(healthy, subscriber);
    expect(subscriber.counters.reconnects).toBe(2);
  });

  it('in a fragment of STATS: likewise, and the fragment does not count', async () => {
    const statistics = encodeFrame([20, 5, FULL_BTC], 'binary') as Uint8Array;
    const fragment = messageBytes(statistics.subarray(0, 20), Opcode.BINARY, false);
    const updates: unknown[] = [];
    subscriber.on('update', (update) => updates.push(update));
    proxy.intercept((client) => {
      void upgrade(client, Buffer.concat([welcome, frameBytes(NAMES), fragment]), true);
    });
    connection.cut();
    const healthy = await server.connection();
    expect(updates).toEqual([]);
    await expectHealed(healthy, subscriber);
  });

  it('is complete once the fragments of STATS are', async () => {
    const statistics = encodeFrame([20, 5, FULL_BTC], 'binary') as Uint8Array;
    const pieces = [...statistics].map((byte, i) =>
      messageBytes(
        Uint8Array.of(byte),
        i === 0 ? Opcode.BINARY : Opcode.CONTINUATION,
        i === statistics.length - 1,
      ),
    );
    const update = new Promise<number[]>((resolve) => {
      subscriber.on('update', ({ changes }) => resolve(changes.map((each) => each.currentPrice)));
    });
    proxy.intercept((client) => {
      void upgrade(client, Buffer.concat([welcome, frameBytes(NAMES), ...pieces]), false);
    });
    connection.cut();
    expect(await update).toEqual([100]);
  });

  it('by VERIFY with another digest: it is replaced and recovers', async () => {
    const verifying = subscriber.verify();
    const [, requestId] = await nextRequest(connection);
    connection.send([26, requestId, 1, 2]);
    expect((await verifying).equal).toBe(false);
    expect(await connection.closed).toBe(4501);
    const healthy = await server.connection();
    expect(subscriber.get('BTC')?.isLive).toBe(false);
    await expectHealed(healthy, subscriber);
  });

  it('rejects open requests, and sends unsent ones in the next session', async () => {
    const asked = subscriber.verify();
    await nextRequest(connection);
    connection.cut();
    await expect(asked).rejects.toThrow('connection closed (1006)');
    const early = [subscriber.verify(), subscriber.ping(), subscriber.history('BTC')];
    const session = await server.connection();
    session.cut();
    const healthy = await server.connection();
    healthy.welcome();
    const answers = { 4: 0, 7: 0, 8: 0 };
    while (answers[7] + answers[8] < 2) {
      const [op, requestId] = await healthy.next();
      if (op === 6) healthy.send([25, requestId, 1]);
      if (op === 4) healthy.send([19, requestId, [0, 0], {}]);
      if (op === 7) healthy.send([26, requestId, new Digest().value, 0]);
      if (op === 8) healthy.send([27, requestId, 'BTC', [], false]);
      if (op === 4 || op === 7 || op === 8) answers[op]++;
    }
    const [verification, roundTripMs, page] = await Promise.all(early);
    expect([verification, page]).toMatchObject([
      { symbolCount: 0 },
      { anomalies: [], more: false },
    ]);
    expect(roundTripMs).toBeGreaterThan(0);
    expect(answers[4]).toBe(1);
  });

  it('by a malformed answer rejects the request, and recovers', async () => {
    const asked = subscriber.history('BTC');
    const [, requestId] = await nextRequest(connection);
    connection.send([27, requestId, 'BTC', null, false]);
    await expect(asked).rejects.toThrow('an answer does not have the shape of its op');
    await expectHealed(await server.connection(), subscriber);
  });

  it('right after WELCOME keeps what waited for it', async () => {
    const lost = new Promise<void>((resolve) => {
      subscriber.on('state', () => resolve());
    });
    // WELCOME and the breaking frame arrive together, before waiting code can run.
    proxy.intercept((client) => {
      void upgrade(client, Buffer.concat([welcome, frameBytes([20, 5])]), false);
    });
    connection.cut();
    await lost;
    const verifying = subscriber.verify();
    const pinging = subscriber.ping();
    const healthy = await server.connection();
    healthy.welcome();
    await nextRequest(healthy);
    // In any order: what verifying needs may still be loading.
    const ops = new Set<unknown>();
    while (ops.size < 2) {
      const [op, id] = await healthy.next();
      ops.add(op);
      healthy.send(op === 7 ? [26, id, new Digest().value, 0] : [25, id, 7]);
    }
    expect(ops).toEqual(new Set([6, 7]));
    await verifying;
    expect(await pinging).toBeGreaterThan(0);
  });

  it('ignores a second WELCOME', async () => {
    connection.welcome({ epoch: 'e2', heartbeatMs: 1 });
    const before = subscriber.session;
    const roundTrip = subscriber.ping();
    // The first PING is the initial one.
    for (let i = 0; i < 2; i++) connection.send([25, (await connection.next())[1], 7]);
    await roundTrip;
    expect(subscriber.session).toBe(before);
    expect(subscriber.state).toBe('live');
    expect(reasons).toEqual([]);
  });
});
