import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { StartTransport } from '../../src/gateway/transport/transport.ts';
import { until } from '../../testkit/until.ts';
import { onTransports } from '../support/running-server.ts';
import { Client, RawPeer } from '../support/transport-peers.ts';
import { rigs, text } from '../support/transport-rig.ts';
import { overTls, STARTS } from './transport/suite.ts';

/** Short; uws keeps its own 10 s except for bodies. */
const LIMITS = { headMs: 600, idleMs: 600, bodyBytesMax: 3200 };
/** The slowest allowed body leaves little slack, so that lateness shows. */
const BODY_MS = LIMITS.idleMs + LIMITS.bodyBytesMax / 16;

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n';
const POST = 'POST / HTTP/1.1\r\nHost: a\r\n';

/** Writes at once and then periodically, until the server closes. */
function drip(peer: RawPeer, first: string, next: string, everyMs = 50): void {
  peer.tcp.write(first);
  const timer = setInterval(() => peer.tcp.write(next), everyMs);
  for (const event of ['close', 'end']) peer.tcp.on(event, () => clearInterval(timer));
}

/** Slow heads and idle peers. */
const SLOW_HEADS: Readonly<Record<string, (peer: RawPeer) => void>> = {
  'says nothing': () => undefined,
  'stops amid the head': (peer) => peer.tcp.write(GET),
  'sends a header byte by byte': (peer) => drip(peer, `${GET}x: `, 'y'),
  'sends header after header': (peer) => drip(peer, GET, 'x: y\r\n'),
  'idles after an answer': (peer) => peer.tcp.write(`${GET}\r\n`),
};

/** Slow bodies and the expected answers. */
const SLOW_BODIES: Readonly<Record<string, readonly [(peer: RawPeer) => void, number]>> = {
  'stops amid the body': [(peer) => peer.tcp.write(`${POST}Content-Length: 100\r\n\r\nabc`), 408],
  'sends the body byte by byte': [
    (peer) => drip(peer, `${POST}Content-Length: 3000\r\n\r\n`, 'x'),
    408,
  ],
  'sends chunk after chunk': [
    (peer) => drip(peer, `${POST}Transfer-Encoding: chunked\r\n\r\n`, '1\r\nx\r\n'),
    408,
  ],
  'sends too much, and never ends': [
    (peer) => {
      // Exceeds the limit only after a while.
      const chunk = `400\r\n${'x'.repeat(0x400)}\r\n`;
      drip(peer, `${POST}Transfer-Encoding: chunked\r\n\r\n${chunk}`, chunk, 20);
    },
    413,
  ],
};

interface Life {
  /** Since the first byte. */
  readonly ms: number;
  readonly received: string;
}

async function lifeOf(peer: RawPeer, act: (peer: RawPeer) => void): Promise<Life> {
  const start = performance.now();
  act(peer);
  await until(() => peer.closed || peer.tcp.readableEnded, 'the end of the connection', 25_000);
  const ms = performance.now() - start;
  peer.tcp.destroy();
  return { ms, received: peer.text() };
}

/** @param headMs the transport's limit for a head and for an idle connection */
function suite(start: StartTransport, headMs: number): void {
  const startRig = rigs(start);
  const startServer = () =>
    startRig(
      { request: () => text(200, 'ok'), message: ({ socket }, m) => socket.send(m) },
      LIMITS,
    );

  // In parallel: uws takes as long for all as for one.
  it('ends connections that are slow with a head or idle, and no WebSocket', async () => {
    const rig = await startServer();
    const client = await Client.open(rig.port, '/');
    const lives = Object.entries(SLOW_HEADS).map(async ([name, act]) => {
      const { ms, received } = await lifeOf(await RawPeer.connect(rig.port), act);
      expect(ms, name).toBeGreaterThan(headMs * 0.7);
      expect(received, name).not.toMatch(name.startsWith('idles') ? / 408 / : / 200 /);
    });
    await Promise.all(lives);
    client.ws.send('still here');
    expect(await client.received(1)).toEqual(['still here']);
    expect(rig.faults).toEqual([]);
  });

  it.each(Object.entries(SLOW_BODIES))('ends one that %s', async (_, [act, status]) => {
    const rig = await startServer();
    const { ms, received } = await lifeOf(await RawPeer.connect(rig.port), act);
    expect(ms).toBeGreaterThan(BODY_MS * 0.9);
    expect(received).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(rig.faults).toEqual([]);
  });

  it('takes a body that comes slowly, but in time', async () => {
    const rig = await startRig({ request: ({ body }) => text(200, String(body.length)) }, LIMITS);
    const peer = await RawPeer.connect(rig.port);
    peer.tcp.write(`${POST}Content-Length: 5\r\n\r\n`);
    for (const byte of 'abcde') {
      peer.tcp.write(byte);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await until(() => peer.text().endsWith('\r\n\r\n5'), 'the answer');
  });
}

function handshakeSuite(start: StartTransport): void {
  const startRig = rigs(overTls(start));

  it('ends connections that never finish the handshake of TLS', async () => {
    const rig = await startRig({}, LIMITS);
    const silent = connect(rig.port, '127.0.0.1');
    const slow = connect(rig.port, '127.0.0.1');
    slow.write(Buffer.from('16030100a5010000a10303', 'hex'));
    const timer = setInterval(() => slow.write('x'), 50);
    let open = 2;
    for (const peer of [silent, slow]) {
      peer.on('error', () => undefined);
      peer.on('close', () => open--);
      peer.resume();
    }
    await until(() => open === 0, 'the end of both', 25_000);
    clearInterval(timer);
    expect(rig.faults).toEqual([]);
  });
}

onTransports((transport) => {
  // uws has a fixed 10 s.
  suite(STARTS[transport], transport === 'uws' ? 10_000 : LIMITS.headMs);
  handshakeSuite(STARTS[transport]);
});

describe('over TLS', () => {
  describe('on node', () => suite(overTls(STARTS.node), LIMITS.headMs));
});
