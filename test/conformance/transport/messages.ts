import { describe, expect, it } from 'vitest';
import type { StartTransport } from '../../../src/gateway/transport/transport.ts';
import { until } from '../../../testkit/until.ts';
import type { WebSocketFrame } from '../../../testkit/web-socket.ts';
import { Opcode } from '../../../testkit/web-socket.ts';
import { FRAME_BYTES_MAX } from '../../support/transport-options.ts';
import { Client, RawPeer } from '../../support/transport-peers.ts';
import type { RecordingSession } from '../../support/transport-rig.ts';
import { rigs } from '../../support/transport-rig.ts';

const echo = {
  message: (session: RecordingSession, data: Uint8Array | string) => session.socket.send(data),
};

function pattern(length: number, seed = 0): Buffer {
  const bytes = Buffer.alloc(length);
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + seed) & 0xff;
  return bytes;
}

function isClose(frame: WebSocketFrame): boolean {
  return frame.opcode === Opcode.CLOSE;
}

export function messagesSuite(start: StartTransport): void {
  describe('messages', () => {
    const startRig = rigs(start);

    it('keep their kind, content and order', async () => {
      const rig = await startRig(echo);
      const client = await Client.open(rig.port, '/');
      const sent = ['text', pattern(5), '', Buffer.alloc(0), '\ufeffprice €, 𝄞', pattern(70_000)];
      for (const message of sent) client.ws.send(message);
      expect(await client.received(sent.length)).toEqual(sent);
    });

    it('arrive as text and as plain bytes, whose slice is a copy', async () => {
      const got: unknown[] = [];
      const rig = await startRig({
        message: (_, data) => got.push(typeof data === 'string' ? data : data.slice(1)),
      });
      const client = await Client.open(rig.port, '/');
      client.ws.send('t');
      client.ws.send(Buffer.from([1, 2, 3]));
      await until(() => got.length === 2, 'both');
      expect(got).toEqual(['t', new Uint8Array([2, 3])]);
    });

    it('may be views into a larger buffer', async () => {
      const rig = await startRig();
      const client = await Client.open(rig.port, '/');
      const { socket } = await rig.session('/');
      socket.send(new Uint8Array([9, 1, 2, 9]).subarray(1, 3));
      expect(await client.received(1)).toEqual([Buffer.from([1, 2])]);
    });

    it('may be as large as the limit, and larger towards the peer', async () => {
      const rig = await startRig({
        message: (session, data) => {
          session.socket.send(data);
          session.socket.send(pattern(3 * FRAME_BYTES_MAX));
        },
      });
      const client = await Client.open(rig.port, '/');
      client.ws.send(pattern(FRAME_BYTES_MAX));
      const [first, second] = (await client.received(2)) as [Buffer, Buffer];
      expect(first.equals(pattern(FRAME_BYTES_MAX))).toBe(true);
      expect(second.equals(pattern(3 * FRAME_BYTES_MAX))).toBe(true);
    });

    it('over the limit end their connection only', async () => {
      const rig = await startRig(echo);
      const other = await Client.open(rig.port, '/other');
      const client = await Client.open(rig.port, '/large');
      client.ws.send(pattern(FRAME_BYTES_MAX + 1));
      expect([1006, 1009]).toContain((await client.closing()).code);
      const session = await rig.session('/large');
      await until(() => session.closeCode !== null, 'the close');
      expect(session.calls).toEqual(['close']);
      other.ws.send('alive');
      expect(await other.received(1)).toEqual(['alive']);
      expect(rig.faults).toEqual([]);
    });

    it('may come in fragments, with a ping between them', async () => {
      const rig = await startRig(echo);
      const peer = await RawPeer.upgrade(rig.port, '/');
      peer.send(Opcode.TEXT, Buffer.from('one '), false);
      peer.send(Opcode.PING, Buffer.from('p'));
      peer.send(Opcode.CONTINUATION, Buffer.from([0xe2, 0x82]), false);
      peer.send(Opcode.CONTINUATION, Buffer.from([0xac]));
      await until(() => peer.frames().length === 2, 'pong and echo');
      const [pong, answer] = peer.frames();
      expect([pong?.opcode, pong?.payload.toString()]).toEqual([10, 'p']);
      expect([answer?.opcode, answer?.payload.toString()]).toEqual([Opcode.TEXT, 'one €']);
    });

    it.each([
      ['text that is not UTF-8', Opcode.TEXT, Buffer.from([0x61, 0xc3, 0x28])],
      ['a reserved opcode', 3, Buffer.from('x')],
      ['a continuation of nothing', Opcode.CONTINUATION, Buffer.from('x')],
    ])('that break the protocol (%s) end their connection only', async (_, opcode, payload) => {
      const rig = await startRig(echo);
      const other = await Client.open(rig.port, '/other');
      const peer = await RawPeer.upgrade(rig.port, '/bad');
      peer.send(opcode, payload);
      const ended = () => peer.tcp.readableEnded || peer.frames().some(isClose);
      await until(ended, 'the end of the connection');
      peer.tcp.destroy();
      const session = await rig.session('/bad');
      await until(() => session.closeCode !== null, 'the close');
      expect(session.calls).toEqual(['close']);
      other.ws.send('alive');
      expect(await other.received(1)).toEqual(['alive']);
      expect(rig.faults).toEqual([]);
    });

    it('sent in a cork arrive in order, and those before and after it', async () => {
      const rig = await startRig();
      const client = await Client.open(rig.port, '/');
      const { socket } = await rig.session('/');
      socket.send('1');
      socket.cork(() => {
        socket.send('2');
        socket.cork(() => socket.send(pattern(100_000)));
        socket.send('4');
      });
      socket.send('5');
      expect(await client.received(5)).toEqual(['1', '2', pattern(100_000), '4', '5']);
      expect(socket.bufferedAmount()).toBe(0);
    });

    it('to one socket may be corked from the callback of another', async () => {
      const rig = await startRig({
        message: (session) => {
          const other = rig.sessions.find((each) => each !== session) as RecordingSession;
          session.socket.send('to self 1');
          other.socket.cork(() => {
            other.socket.send('to other 1');
            session.socket.send('to self 2');
            other.socket.send('to other 2');
          });
          session.socket.send('to self 3');
        },
      });
      const one = await Client.open(rig.port, '/one');
      const two = await Client.open(rig.port, '/two');
      await rig.session('/two');
      one.ws.send('go');
      expect(await one.received(3)).toEqual(['to self 1', 'to self 2', 'to self 3']);
      expect(await two.received(2)).toEqual(['to other 1', 'to other 2']);
    });

    it('go on after a cork whose work threw, and the caller gets what it threw', async () => {
      const rig = await startRig();
      const client = await Client.open(rig.port, '/');
      const { socket } = await rig.session('/');
      const work = () => {
        socket.send('before');
        throw new Error('planted');
      };
      expect(() => socket.cork(work)).toThrow('planted');
      socket.send('after');
      expect(await client.received(2)).toEqual(['before', 'after']);
    });

    it('leave room for pings, whose pongs are told', async () => {
      const rig = await startRig();
      const client = await Client.open(rig.port, '/');
      const session = await rig.session('/');
      session.socket.ping();
      await until(() => session.calls.includes('pong'), 'the pong');
      expect(client.pings).toBe(1);
      expect(session.calls).toEqual(['pong']);
      expect(session.marks).toEqual([0]);
    });

    it('leave room for marked pings behind them, whose pongs repeat the marks', async () => {
      const rig = await startRig();
      const client = await Client.open(rig.port, '/');
      const session = await rig.session('/');
      const { socket } = session;
      const before: number[] = [];
      client.ws.on('ping', () => before.push(client.messages.length));
      socket.cork(() => {
        socket.send('one');
        socket.ping(1);
        socket.send('two');
        socket.ping(2 ** 32 - 1);
      });
      socket.ping(0x01020304);
      await until(() => session.marks.length === 3, 'the pongs');
      expect(session.marks).toEqual([1, 2 ** 32 - 1, 0x01020304]);
      expect(before).toEqual([1, 2, 2]);
    });

    it('leave room for pongs that nothing asked for, which have no mark', async () => {
      const rig = await startRig();
      const client = await Client.open(rig.port, '/');
      const session = await rig.session('/');
      for (const payload of ['', 'abc', 'abcde']) client.ws.pong(payload);
      await until(() => session.marks.length === 3, 'the pongs');
      expect(session.marks).toEqual([0, 0, 0]);
    });
  });
}
