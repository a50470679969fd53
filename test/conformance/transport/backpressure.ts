import { describe, expect, it } from 'vitest';
import type { Socket, StartTransport } from '../../../src/gateway/transport/transport.ts';
import { until } from '../../../testkit/until.ts';
import { Opcode } from '../../../testkit/web-socket.ts';
import { Client, RawPeer } from '../../support/transport-peers.ts';
import { rigs } from '../../support/transport-rig.ts';

const MESSAGE_BYTES = 4096;

/** Sends numbered messages from one buffer until `bytes` stay with the socket. */
function fill(socket: Socket, bytes: number, first = 0): number {
  const message = new Uint8Array(MESSAGE_BYTES);
  const view = new DataView(message.buffer);
  let next = first;
  while (socket.bufferedAmount() < bytes) {
    view.setUint32(0, next++);
    view.setUint32(MESSAGE_BYTES - 4, next);
    socket.send(message);
    message.fill(0xff);
    if (next > 1e6) throw new Error('The kernel takes everything');
  }
  return next;
}

function expectInOrder(frames: readonly { readonly payload: Buffer }[], count: number): void {
  expect(frames).toHaveLength(count);
  for (let i = 0; i < count; i++) {
    const payload = frames[i]?.payload as Buffer;
    if (payload.readUInt32BE(0) !== i || payload.readUInt32BE(MESSAGE_BYTES - 4) !== i + 1) {
      throw new Error(`Message ${i} holds ${payload.readUInt32BE(0)}`);
    }
  }
}

export function backpressureSuite(start: StartTransport): void {
  describe('backpressure', () => {
    const startRig = rigs(start);

    it('shows as a buffered amount that a peer which reads takes away, nothing lost', async () => {
      const rig = await startRig();
      const peer = await RawPeer.upgrade(rig.port, '/');
      const session = await rig.session('/');
      peer.tcp.pause();
      const count = fill(session.socket, 4 << 20);
      expect(session.drains).toBe(0);
      peer.tcp.resume();
      await until(() => session.socket.bufferedAmount() === 0, 'an empty buffer');
      await until(() => peer.bytes().length >= count * (MESSAGE_BYTES + 4), 'all of it');
      expect(session.drains).toBeGreaterThan(0);
      expectInOrder(peer.frames(), count);
    });

    it('drains again after it was filled again from the drain', async () => {
      let sent = 0;
      let refills = 0;
      const rig = await startRig({
        drain: (session) => {
          if (refills < 3 && session.socket.bufferedAmount() < 1 << 20) {
            refills++;
            sent = fill(session.socket, 2 << 20, sent);
          }
        },
      });
      const peer = await RawPeer.upgrade(rig.port, '/');
      const session = await rig.session('/');
      peer.tcp.pause();
      sent = fill(session.socket, 1 << 20);
      peer.tcp.resume();
      await until(() => refills === 3 && session.socket.bufferedAmount() === 0, 'three refills');
      await until(() => peer.bytes().length >= sent * (MESSAGE_BYTES + 4), 'all of it');
      expectInOrder(peer.frames(), sent);
    });

    it('of a small backlog drains too', async () => {
      const rig = await startRig();
      const peer = await RawPeer.upgrade(rig.port, '/');
      const session = await rig.session('/');
      peer.tcp.pause();
      fill(session.socket, 1);
      expect(session.socket.bufferedAmount()).toBeLessThan(2 * MESSAGE_BYTES);
      peer.tcp.resume();
      await until(() => session.drains > 0, 'the drain');
      await until(() => session.socket.bufferedAmount() === 0, 'an empty buffer');
    });

    it('counts what was corked once the cork is off', async () => {
      const rig = await startRig();
      const peer = await RawPeer.upgrade(rig.port, '/');
      const session = await rig.session('/');
      peer.tcp.pause();
      session.socket.cork(() => {
        for (let i = 0; i < 40; i++) session.socket.send(new Uint8Array(1 << 20));
      });
      expect(session.socket.bufferedAmount()).toBeGreaterThan(8 << 20);
      peer.tcp.resume();
      await until(() => session.drains > 0, 'the drain');
      await until(() => session.socket.bufferedAmount() === 0, 'an empty buffer');
    });

    it('counts what was sent within a call of a handler once the call is over', async () => {
      const bytes = 12 << 10;
      const inCalls: number[] = [];
      const rig = await startRig({
        message: ({ socket }) => {
          inCalls.push(socket.bufferedAmount());
          socket.send(new Uint8Array(bytes));
          inCalls.push(socket.bufferedAmount());
        },
      });
      const peer = await RawPeer.upgrade(rig.port, '/');
      const { socket } = await rig.session('/');
      peer.tcp.pause();
      for (let calls = 1; socket.bufferedAmount() === 0; calls++) {
        peer.send(Opcode.TEXT, Buffer.from('more'));
        await until(() => inCalls.length === 2 * calls, 'the call');
        if (calls > 10_000) throw new Error('The kernel takes everything');
      }
      // The first message that the kernel did not take whole, and none before it.
      expect(socket.bufferedAmount()).toBeLessThan(bytes + 100);
      peer.tcp.resume();
      await until(() => socket.bufferedAmount() === 0, 'an empty buffer');
    });

    it('counts what was sent within a cork, though it was asked for there', async () => {
      const bytes = 12 << 10;
      const rig = await startRig();
      const peer = await RawPeer.upgrade(rig.port, '/');
      const { socket } = await rig.session('/');
      peer.tcp.pause();
      for (let corks = 0; socket.bufferedAmount() === 0; corks++) {
        socket.cork(() => {
          socket.send(new Uint8Array(bytes));
          socket.bufferedAmount();
        });
        if (corks > 10_000) throw new Error('The kernel takes everything');
      }
      expect(socket.bufferedAmount()).toBeLessThan(bytes + 100);
      peer.tcp.resume();
      await until(() => socket.bufferedAmount() === 0, 'an empty buffer');
    });

    it('of one peer does not hold up another, nor what the slow one says', async () => {
      const heard: (string | Uint8Array)[] = [];
      const rig = await startRig({ message: (_, data) => heard.push(data) });
      const slow = await RawPeer.upgrade(rig.port, '/slow');
      const quick = await Client.open(rig.port, '/quick');
      slow.tcp.pause();
      fill((await rig.session('/slow')).socket, 1 << 20);
      (await rig.session('/quick')).socket.send('quick');
      expect(await quick.received(1)).toEqual(['quick']);
      slow.send(Opcode.TEXT, Buffer.from('hello'));
      await until(() => heard.length === 1, 'the message');
      expect(heard).toEqual(['hello']);
      slow.tcp.destroy();
      const session = await rig.session('/slow');
      await until(() => session.closeCode !== null, 'the close');
      expect(session.closeCode).toBe(1006);
      expect(session.socket.bufferedAmount()).toBe(0);
    });
  });
}
