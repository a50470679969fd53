import { describe, expect, it } from 'vitest';
import type { Socket, StartTransport } from '../../../src/gateway/transport/transport.ts';
import { delay, until } from '../../../testkit/until.ts';
import { Opcode } from '../../../testkit/web-socket.ts';
import { Client, RawPeer } from '../../support/transport-peers.ts';
import type { Behavior } from '../../support/transport-rig.ts';
import { rigs } from '../../support/transport-rig.ts';

function useAll(socket: Socket): void {
  socket.send('text');
  socket.send(new Uint8Array(3));
  socket.ping();
  socket.cork(() => socket.send('corked'));
  socket.end(4000, 'again');
}

function fillUp(socket: Socket, bytes: number): number {
  let count = 0;
  while (socket.bufferedAmount() < bytes) {
    socket.send(new Uint8Array(1 << 16));
    count++;
  }
  return count;
}

export function closingSuite(start: StartTransport): void {
  describe('closing', () => {
    const startRig = rigs(start);

    it('with end delivers what was sent, then the code and the reason', async () => {
      const rig = await startRig();
      const client = await Client.open(rig.port, '/');
      const session = await rig.session('/');
      session.socket.send('first');
      session.socket.end(4001, 'going away');
      expect(session.calls).toEqual([]);
      expect(await client.closing()).toEqual({ code: 4001, reason: 'going away' });
      expect(client.messages).toEqual(['first']);
      await until(() => session.closeCode !== null, 'the close');
      expect(session.closeCode).toBe(4001);
    });

    it.each<[string, Behavior]>([
      ['the open', { open: ({ socket }) => bye(socket) }],
      ['a message', { message: ({ socket }) => bye(socket) }],
      ['a cork', { message: ({ socket }) => setImmediate(() => socket.cork(() => bye(socket))) }],
      ['a timer', { message: ({ socket }) => setTimeout(() => bye(socket), 1) }],
    ])('with end from %s takes no longer than the peer needs', async (_, behavior) => {
      const rig = await startRig(behavior);
      const peer = await RawPeer.upgrade(rig.port, '/');
      peer.send(Opcode.TEXT, Buffer.from('go'));
      await until(() => peer.frames().length === 2, 'the close frame');
      peer.send(Opcode.CLOSE, Buffer.from([0x0f, 0xa2]));
      await until(() => peer.tcp.readableEnded, 'the end of the connection', 500);
      const [words, close] = peer.frames();
      expect(words?.payload.toString()).toBe('last words');
      expect(close?.payload).toEqual(Buffer.from([0x0f, 0xa2, ...Buffer.from('bye')]));
      peer.tcp.end();
      const session = await rig.session('/');
      await until(() => session.closeCode !== null, 'the close');
      expect(session.calls.filter((call) => call === 'close')).toEqual(['close']);
    });

    it('with end waits for a peer that reads slowly', async () => {
      const rig = await startRig();
      const peer = await RawPeer.upgrade(rig.port, '/');
      const session = await rig.session('/');
      peer.tcp.pause();
      const count = fillUp(session.socket, 4 << 20);
      session.socket.end(4003, 'done');
      session.socket.send('too late');
      peer.tcp.resume();
      await until(() => peer.frames().at(-1)?.opcode === Opcode.CLOSE, 'the close frame');
      const frames = peer.frames();
      expect(frames).toHaveLength(count + 1);
      expect(frames.at(-1)?.payload.readUInt16BE(0)).toBe(4003);
      peer.send(Opcode.CLOSE, Buffer.from([0x0f, 0xa3]));
      peer.tcp.end();
      await until(() => session.closeCode !== null, 'the close');
      expect(session.closeCode).toBe(4003);
    });

    it('cuts a long reason between characters', async () => {
      const rig = await startRig();
      const client = await Client.open(rig.port, '/');
      (await rig.session('/')).socket.end(4001, '€'.repeat(50));
      expect((await client.closing()).reason).toBe('€'.repeat(41));
    });

    it('cuts off a peer that never answers the close', async () => {
      const rig = await startRig();
      const peer = await RawPeer.upgrade(rig.port, '/');
      const session = await rig.session('/');
      session.socket.end(4001, 'bye');
      const keepWriting = setInterval(() => peer.send(Opcode.PING, Buffer.alloc(0)), 50);
      await until(() => peer.closed, 'the cut');
      clearInterval(keepWriting);
      await until(() => session.closeCode !== null, 'the close');
      expect(session.closeCode).toBe(4001);
      expect(session.calls).toEqual(['close']);
    });

    it('cuts off a peer that takes nothing of what was sent before', async () => {
      const rig = await startRig();
      const peer = await RawPeer.upgrade(rig.port, '/');
      const session = await rig.session('/');
      peer.tcp.pause();
      fillUp(session.socket, 1 << 20);
      const before = performance.now();
      session.socket.end(4002, 'too slow');
      await until(() => session.closeCode !== null, 'the close');
      expect(performance.now() - before).toBeGreaterThan(1500);
      expect(session.closeCode).toBe(4002);
      expect(session.calls).toEqual(['close']);
      const keepWriting = setInterval(() => peer.send(Opcode.PING, Buffer.alloc(0)), 50);
      await until(() => peer.closed, 'the cut');
      clearInterval(keepWriting);
    });

    it('by the peer tells its code, or 1006 where it just went', async () => {
      const rig = await startRig();
      const polite = await Client.open(rig.port, '/polite');
      const silent = await Client.open(rig.port, '/silent');
      const rude = await Client.open(rig.port, '/rude');
      await rig.session('/rude');
      polite.ws.close(4321, 'enough');
      silent.ws.close();
      rude.ws.terminate();
      await until(() => rig.sessions.every((each) => each.closeCode !== null), 'three closes');
      const codes = rig.sessions.map((each) => [each.path, each.closeCode]);
      expect(Object.fromEntries(codes)).toEqual({
        '/polite': 4321,
        '/silent': 1005,
        '/rude': 1006,
      });
      expect((await polite.closing()).code).toBe(4321);
    });

    it('happens once, is the last call, and leaves a socket that does nothing', async () => {
      const rig = await startRig({ close: (session) => useAll(session.socket) });
      const client = await Client.open(rig.port, '/');
      const session = await rig.session('/');
      session.socket.ping();
      await until(() => session.calls.includes('pong'), 'the pong');
      client.ws.close(4000);
      await until(() => session.closeCode !== null, 'the close');
      await delay(50);
      useAll(session.socket);
      expect(session.socket.bufferedAmount()).toBe(0);
      expect(session.socket.remoteAddress).toBe('127.0.0.1');
      expect(session.calls).toEqual(['pong', 'close']);
      expect(client.messages).toEqual([]);
      expect(rig.faults).toEqual([]);
    });

    it('from here silences the peer at once: no call but close', async () => {
      const rig = await startRig({
        message: (session) => {
          bye(session.socket);
          useAll(session.socket);
        },
      });
      const client = await Client.open(rig.port, '/');
      for (let i = 0; i < 100; i++) client.ws.send('more');
      await client.closing();
      const session = await rig.session('/');
      await until(() => session.closeCode !== null, 'the close');
      expect(session.calls).toEqual(['message', 'close']);
      expect(client.messages).toEqual(['last words']);
    });
  });
}

function bye(socket: Socket): void {
  socket.send('last words');
  socket.end(4002, 'bye');
}
