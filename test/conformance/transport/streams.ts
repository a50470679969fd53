import { describe, expect, it } from 'vitest';
import type {
  HttpResponse,
  Socket,
  StartTransport,
} from '../../../src/gateway/transport/transport.ts';
import { delay, until } from '../../../testkit/until.ts';
import { RawPeer } from '../../support/transport-peers.ts';
import { type Behavior, RecordingSession, rigs } from '../../support/transport-rig.ts';

const LINE = `${'x'.repeat(8191)}\n`;

/** Sends until the kernel takes no more, and much stays with the socket. */
async function fill(socket: Socket): Promise<number> {
  let sent = 0;
  for (let taken = true; taken; taken = socket.bufferedAmount() < 1 << 19) {
    for (; socket.bufferedAmount() < 1 << 20; sent++) {
      if (sent > 1e5) throw new Error('the kernel takes everything');
      socket.send(LINE);
    }
    await delay(1);
  }
  return sent;
}

/** Requirements on HTTP answers without an end. */
export function streamsSuite(start: StartTransport): void {
  describe('an answer without an end', () => {
    const startRig = rigs(start);

    /** Starts a transport whose every answer is a stream, and records the sessions. */
    async function startStreams(behavior: Behavior = {}) {
      const sessions: RecordingSession[] = [];
      const answer: HttpResponse = {
        status: 200,
        headers: { 'content-type': 'text/plain' },
        body: '',
        stream: (socket) => {
          const session = new RecordingSession(socket, '/', behavior);
          sessions.push(session);
          behavior.open?.(session);
          return session;
        },
      };
      const rig = await startRig({ request: () => answer });
      return { rig, sessions, session: () => sessions[0] as RecordingSession };
    }

    async function ask(port: number, method = 'GET'): Promise<RawPeer> {
      const peer = await RawPeer.connect(port);
      peer.tcp.write(`${method} /s HTTP/1.1\r\nhost: a\r\n\r\n`);
      return peer;
    }

    it('sends what comes, as it comes, in order', async () => {
      const { rig, session } = await startStreams({
        open: ({ socket }) => {
          socket.cork(() => {
            socket.send('one\n');
            socket.send(new TextEncoder().encode('two\n'));
          });
        },
      });
      const response = await fetch(rig.url('/s'));
      expect(response.status).toBe(200);
      expect(response.headers.get('content-type')).toBe('text/plain');
      expect(response.headers.get('content-length')).toBe(null);
      const text = response.body?.pipeThrough(new TextDecoderStream());
      let read = '';
      const reading = (async () => {
        for await (const part of text ?? []) read += part;
      })();
      await until(() => read === 'one\ntwo\n', 'what was sent at once');
      session().socket.send('three\n');
      await until(() => read.endsWith('three\n'), 'what was sent later');
      session().socket.end(4001, 'over');
      await reading;
      expect(read).toBe('one\ntwo\nthree\n');
      await until(() => session().closeCode === 4001, 'the close');
    });

    it('shows a peer that does not read, and drains when it does, nothing lost', async () => {
      const { rig, sessions, session } = await startStreams({
        open: ({ socket }) => socket.send('start\n'),
      });
      const peer = await ask(rig.port);
      await until(() => sessions.length === 1, 'the stream');
      await until(() => peer.text().includes('start\n'), 'the start');
      peer.tcp.pause();
      const lines = await fill(session().socket);
      peer.tcp.resume();
      await until(() => session().socket.bufferedAmount() === 0, 'an empty buffer');
      await until(() => session().drains > 0, 'a drain');
      session().socket.end(4001, 'over');
      await until(() => peer.text().endsWith('0\r\n\r\n'), 'the end');
      const arrived = peer.text().split(LINE.slice(0, -1)).length - 1;
      expect(arrived).toBe(lines);
    });

    it('tells when its peer is gone', async () => {
      const { rig, sessions, session } = await startStreams();
      const peer = await ask(rig.port);
      await until(() => sessions.length === 1, 'the stream');
      peer.reset();
      await until(() => session().closeCode === 1006, 'the close');
      expect(session().calls).toEqual(['close']);
      session().socket.send('too late');
      session().socket.end(4001, 'too late');
      expect(session().socket.bufferedAmount()).toBe(0);
    });

    it('cuts off a peer that does not read the end', async () => {
      const { rig, sessions, session } = await startStreams();
      const peer = await ask(rig.port);
      await until(() => sessions.length === 1, 'the stream');
      peer.tcp.pause();
      await fill(session().socket);
      const { drains } = session();
      session().socket.end(4002, 'not read');
      await until(() => session().closeCode === 4002, 'the close');
      expect(session().drains).toBe(drains);
    });

    it('answers a ping once everything was taken', async () => {
      const { rig, sessions, session } = await startStreams();
      await ask(rig.port);
      await until(() => sessions.length === 1, 'the stream');
      session().socket.ping();
      await until(() => session().calls.includes('pong'), 'the pong');
    });

    it('costs only itself when its handler throws', async () => {
      let isFull = false;
      const { rig, sessions, session } = await startStreams({
        open: ({ socket }) => socket.send('start\n'),
        drain: () => {
          if (isFull) throw new Error('a drain that throws');
        },
      });
      const peer = await ask(rig.port);
      await until(() => sessions.length === 1, 'the stream');
      peer.tcp.pause();
      await fill(session().socket);
      isFull = true;
      peer.tcp.resume();
      await until(() => session().closeCode === 1011, 'the close');
      expect(rig.faults.map(String)).toEqual(['Error: a drain that throws']);
      const other = await fetch(rig.url('/s'));
      expect(other.status).toBe(200);
      await other.body?.cancel();
    });

    it('has no body for HEAD, and is not opened', async () => {
      const { rig, sessions } = await startStreams();
      const response = await fetch(rig.url('/s'), { method: 'HEAD' });
      expect([response.status, await response.text()]).toEqual([200, '']);
      expect(sessions).toEqual([]);
    });
  });
}
