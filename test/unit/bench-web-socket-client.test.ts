import { EventEmitter, once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { WebSocketClient } from '../../bench/load/web-socket-client.ts';
import type { Payload } from '../../bench/wires/wire.ts';

/** Around every length encoding, and beyond one read. */
const LENGTHS = [0, 1, 125, 126, 127, 65_535, 65_536, 300_000];
const TCP_CHUNK_BYTES = 7;

let server: WebSocketServer;
let port: number;
const proxies: { close(): void }[] = [];

beforeEach(async () => {
  server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
});

afterEach(() => {
  for (const socket of server.clients) socket.terminate();
  for (const proxy of proxies.splice(0)) proxy.close();
  server.close();
});

/** A client, its messages and its events. */
class Peer {
  readonly client: WebSocketClient;
  readonly received: Payload[] = [];
  drains = 0;
  readonly opened: Promise<unknown>;
  /** Why. */
  readonly closed: Promise<string>;
  readonly #events = new EventEmitter();

  constructor(to: number, protocol?: string) {
    this.opened = once(this.#events, 'opened');
    this.closed = once(this.#events, 'closed').then(([reason]) => reason as string);
    this.client = new WebSocketClient(
      { host: '127.0.0.1', port: to, path: '/some?path=1', protocol },
      {
        opened: () => this.#events.emit('opened'),
        // The view is valid until the return.
        message: (payload) => {
          this.received.push(typeof payload === 'string' ? payload : Uint8Array.from(payload));
        },
        drained: () => {
          this.drains++;
        },
        closed: (reason) => this.#events.emit('closed', reason),
      },
    );
  }

  async got(count: number): Promise<void> {
    await expect.poll(() => this.received.length, { timeout: 30_000 }).toBe(count);
  }
}

async function meet(to = port, protocol?: string): Promise<{ peer: Peer; socket: WebSocket }> {
  const connection = once(server, 'connection') as Promise<[WebSocket]>;
  const peer = new Peer(to, protocol);
  const [socket] = await connection;
  await peer.opened;
  return { peer, socket };
}

/** A proxy that forwards the server's bytes a few at a time. */
async function choppingProxy(): Promise<number> {
  const proxy = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    near.pipe(far);
    near.on('error', () => far.destroy());
    far.on('error', () => near.destroy());
    chop(far, near).catch(() => near.destroy());
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  proxies.push(proxy);
  return (proxy.address() as AddressInfo).port;
}

async function chop(from: Socket, to: Socket): Promise<void> {
  to.setNoDelay(true);
  for await (const chunk of from) {
    const bytes = chunk as Buffer;
    for (let at = 0; at < bytes.length; at += TCP_CHUNK_BYTES) {
      to.write(bytes.subarray(at, at + TCP_CHUNK_BYTES));
      await nextTurn();
    }
  }
}

function bytesOf(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = i * 31 + length;
  return bytes;
}

/** As text: vitest compares arrays by element, 100 times slower. */
function hex(payloads: readonly Payload[]): readonly string[] {
  return payloads.map((each) =>
    typeof each === 'string' ? each : Buffer.from(each).toString('hex'),
  );
}

describe('WebSocketClient', () => {
  it('sends and receives messages of every length, bytes and text', async () => {
    const { peer, socket } = await meet();
    socket.on('message', (data: Buffer, isBinary) => socket.send(isBinary ? data : String(data)));
    const messages: Payload[] = LENGTHS.flatMap((length) => [bytesOf(length), 'ä'.repeat(length)]);
    for (const message of messages) peer.client.add(message);
    peer.client.flush();
    await peer.got(messages.length);
    expect(hex(peer.received)).toEqual(hex(messages));
    expect(peer.client.messages).toBe(messages.length);
  });

  it('counts the bytes of frames with their headers', async () => {
    const { peer, socket } = await meet();
    for (const length of [125, 126, 65_536]) socket.send(bytesOf(length));
    await peer.got(3);
    expect(peer.client.bytes).toBe(2 + 125 + 4 + 126 + 10 + 65_536);
  });

  it('puts frames together that reads split anywhere', async () => {
    const { peer, socket } = await meet(await choppingProxy());
    const messages = [0, 1, 125, 126, 400, 65_536].map(bytesOf);
    for (const message of messages) socket.send(message);
    await peer.got(messages.length);
    expect(hex(peer.received)).toEqual(hex(messages));
  });

  it('joins messages of several frames and answers pings between them', async () => {
    const { peer, socket } = await meet();
    const pong = once(socket, 'pong') as Promise<[Buffer]>;
    socket.send('one, ', { fin: false });
    socket.ping('here?');
    socket.send('two, ', { fin: false });
    socket.send('three', { fin: true });
    socket.send(bytesOf(3));
    await peer.got(2);
    expect(peer.received).toEqual(['one, two, three', bytesOf(3)]);
    expect(String((await pong)[0])).toBe('here?');
  });

  it('asks for the subprotocol and the path', async () => {
    const request = once(server, 'connection') as Promise<[WebSocket, { url: string }]>;
    const { socket } = await meet(port, 'some.v1');
    expect(socket.protocol).toBe('some.v1');
    expect((await request)[1].url).toBe('/some?path=1');
  });

  it('keeps what a slow server does not take, in order, and says when it is gone', async () => {
    const { peer, socket } = await meet();
    socket.pause();
    const count = 3000;
    for (let i = 0; i < count; i++) {
      peer.client.add(bytesOf(4000 + i));
      if (i % 3 === 0) peer.client.flush();
    }
    peer.client.flush();
    expect(peer.client.bufferedBytes).toBeGreaterThan(1 << 20);
    const drainsBefore = peer.drains;
    let inOrder = 0;
    socket.on('message', (data: Buffer) => {
      if (data.equals(bytesOf(4000 + inOrder))) inOrder++;
    });
    socket.resume();
    await expect.poll(() => inOrder, { timeout: 30_000 }).toBe(count);
    expect(peer.client.bufferedBytes).toBe(0);
    expect(peer.drains).toBeGreaterThan(drainsBefore);
  });

  it('says why a connection ended', async () => {
    const { peer, socket } = await meet();
    socket.close(4001, 'enough');
    expect(await peer.closed).toBe('the server closed: 4001 enough');
    expect(peer.client.isOpen).toBe(false);
  });

  it('closes in order', async () => {
    const { peer, socket } = await meet();
    const close = once(socket, 'close') as Promise<[number]>;
    peer.client.close();
    expect((await close)[0]).toBe(1005);
    expect(await peer.closed).toBe('closed');
  });

  it('reports an answer that is no upgrade', async () => {
    server.options.verifyClient = () => false;
    expect(await new Peer(port).closed).toBe(
      'the server answered the upgrade with: HTTP/1.1 401 Unauthorized',
    );
  });

  it('says that nothing listens', async () => {
    const free = createServer().listen(0, '127.0.0.1');
    await once(free, 'listening');
    const { port: nobody } = free.address() as AddressInfo;
    free.close();
    expect(await new Peer(nobody).closed).toContain('ECONNREFUSED');
  });
});
