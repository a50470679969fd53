import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { ConfigInput } from '../../src/config/schema.ts';
import { Code, Op } from '../../testkit/independent/protocol.ts';
import { eventually } from '../../testkit/until.ts';
import { ask, metric, type Reply, timesMet, upgrade } from '../support/raw-http.ts';
import { onTransports, serverForTest } from '../support/running-server.ts';
import { clientForTest, subscriberForTest } from '../support/test-clients.ts';
import { SECRET, signed } from '../support/tokens.ts';

const ONE = '127.0.0.1';
const OTHER = '127.0.0.2';

/** Every permission but operator. */
const ALL = { publish: ['*'], read: ['*'] };

const statuses = (replies: readonly Reply[]) =>
  replies.map(({ status }) => status).sort((a, b) => a - b);

/** Waits until so many stream sessions are left. */
const sessionsLeft = (port: number, count: number) =>
  eventually(
    () => metric(port, 'tickwire_sessions{kind="stream"}'),
    (sessions) => sessions === count,
  );

onTransports((transport) => {
  const serverWith = (config: ConfigInput) =>
    serverForTest({ ...config, server: { transport, ...config.server } });

  describe('connections in total', () => {
    it('are taken up to the limit; one more is a 503 until another has gone', async () => {
      const { port } = await serverWith({ limits: { connectionsMax: 3 } });
      const neighbour = await subscriberForTest(port);
      const second = await upgrade(port, '/v1/publish', { localAddress: OTHER });
      const third = await upgrade(port);
      expect(statuses([second, third])).toEqual([101, 101]);
      expect(await timesMet(port, 'connections')).toBe(0);

      const refused = await upgrade(port, '/v1/stream', { localAddress: '127.0.0.3' });
      expect(refused).toMatchObject({ status: 503, retryAfter: '1' });
      expect(refused.problem).toMatchObject({ status: 503, detail: 'The server is full.' });
      expect(await timesMet(port, 'connections')).toBe(1);
      expect(await metric(port, 'tickwire_security_events_total{event="limited"}')).toBe(1);
      await neighbour.ping();
      expect((await ask(port, '/healthz')).status).toBe(200);

      third.socket?.destroy();
      await sessionsLeft(port, 1);
      expect((await upgrade(port)).status).toBe(101);
      expect(await timesMet(port, 'connections')).toBe(1);
    });
  });

  describe('connections of one address', () => {
    it('are taken up to the limit; one more is a 429, for that address only', async () => {
      const { port } = await serverWith({ limits: { connectionsPerAddressMax: 2 } });
      const neighbour = await subscriberForTest(port, { localAddress: OTHER });
      const own = [await upgrade(port), await upgrade(port)];
      expect(statuses(own)).toEqual([101, 101]);
      expect(await timesMet(port, 'connectionsPerAddress')).toBe(0);

      const refused = await upgrade(port);
      expect(refused).toMatchObject({ status: 429, retryAfter: '1' });
      expect(refused.problem?.detail).toContain('reached its number of connections');
      expect(await timesMet(port, 'connectionsPerAddress')).toBe(1);
      await neighbour.ping();
      expect((await upgrade(port, '/v1/stream', { localAddress: OTHER })).status).toBe(101);

      own[0]?.socket?.destroy();
      await sessionsLeft(port, 3);
      expect((await upgrade(port)).status).toBe(101);
      expect(await timesMet(port, 'connectionsPerAddress')).toBe(1);
    });
  });

  describe('connections of one token', () => {
    it('are accepted up to their limit or that of the token; one more gets 4503', async () => {
      const { port } = await serverWith({
        auth: { jwtSecret: SECRET, metrics: 'open' },
        limits: { connectionsPerTokenMax: 2 },
      });
      const token = await signed({ jti: 'many', tickwire: ALL });
      const modest = await signed({ jti: 'modest', tickwire: { ...ALL, connectionsMax: 1 } });
      const first = await subscriberForTest(port, { token });
      await subscriberForTest(port, { token, localAddress: OTHER });
      const neighbour = await subscriberForTest(port, { token: modest });
      expect(await timesMet(port, 'connectionsPerToken')).toBe(0);

      const refused = await turnedAway(port, token);
      expect(refused.error.slice(0, 3)).toEqual([Op.ERROR, null, Code.rate_limited]);
      expect(refused.error[4]).toBe(true);
      expect(refused.code).toBe(4503);
      expect(await timesMet(port, 'connectionsPerToken')).toBe(1);
      expect((await turnedAway(port, modest)).code).toBe(4503);
      expect(await timesMet(port, 'connectionsPerToken')).toBe(2);
      await neighbour.ping();

      first.close();
      await sessionsLeft(port, 2);
      await subscriberForTest(port, { token });
    });
  });

  /**
   * Sends one request more than a second allows, and again to a new server if they took so long
   * that the limit allowed another meanwhile.
   */
  async function oneTooMany<Reply>(
    limit: 'upgradesPerSecond' | 'httpRequestsPerSecond',
    send: (port: number) => Promise<Reply>,
    neighbourAddress?: string,
  ) {
    for (;;) {
      const { port } = await serverWith({ limits: { [limit]: 3 } });
      const options = neighbourAddress === undefined ? {} : { localAddress: neighbourAddress };
      const neighbour = await subscriberForTest(port, options);
      const startedAt = performance.now();
      const replies = await Promise.all([1, 2, 3, 4].map(() => send(port)));
      if (performance.now() - startedAt < 1000 / 3) return { port, neighbour, replies };
    }
  }

  describe('new connections of one address a second', () => {
    it('are taken up to the limit; one more is a 429 until the second is over', async () => {
      const { port, neighbour, replies } = await oneTooMany('upgradesPerSecond', upgrade, OTHER);
      expect(statuses(replies)).toEqual([101, 101, 101, 429]);
      const refused = replies.find(({ status }) => status === 429);
      expect(refused?.retryAfter).toBe('1');
      expect(refused?.problem?.detail).toContain('rate of new connections');
      expect(await timesMet(port, 'upgradesPerSecond')).toBe(1);
      await neighbour.ping();
      expect((await upgrade(port, '/v1/stream', { localAddress: OTHER })).status).toBe(101);
      await eventually(
        () => upgrade(port),
        ({ status }) => status === 101,
      );
    });
  });

  describe('HTTP requests of one address a second', () => {
    it('are answered up to the limit; one more is a 429 until the second is over', async () => {
      const { port, neighbour, replies } = await oneTooMany('httpRequestsPerSecond', (to) =>
        ask(to, '/healthz'),
      );
      expect(statuses(replies)).toEqual([200, 200, 200, 429]);
      const refused = replies.find(({ status }) => status === 429);
      expect(refused?.retryAfter).toBe('1');
      expect(refused?.problem).toMatchObject({
        detail: 'Your address exceeds the request rate limit.',
      });
      expect(await timesMet(port, 'httpRequestsPerSecond')).toBe(1);
      await neighbour.ping();
      expect((await ask(port, '/healthz', { localAddress: OTHER })).status).toBe(200);
      await eventually(
        () => ask(port, '/healthz', { localAddress: ONE }),
        ({ status }) => status === 200,
      );
    });
  });

  describe('the bytes of a frame', () => {
    const BYTES = 2048;
    /** A PING of so many bytes: its text argument is refused once read. */
    const pingOf = (bytes: number) => `[${Op.PING},"${'x'.repeat(bytes - 6)}"]`.padEnd(bytes);

    it.each([BYTES - 1, BYTES])('%i are read', async (bytes) => {
      const { port } = await serverWith({ server: { frameBytesMax: BYTES } });
      const client = await clientForTest(port, '/v1/stream', { json: true });
      const frame = pingOf(bytes);
      expect(Buffer.byteLength(frame)).toBe(bytes);
      client.sendRaw(frame);
      await client.received(Op.ERROR);
      await client.ping();
      expect(await timesMet(port, 'frameBytes')).toBe(0);
    });

    it(`${BYTES + 1} end the connection and no other`, async () => {
      const { port } = await serverWith({ server: { frameBytesMax: BYTES } });
      const neighbour = await subscriberForTest(port);
      const client = await clientForTest(port, '/v1/stream', { json: true });
      client.sendRaw(pingOf(BYTES + 1));
      // uWebSockets.js cuts it off unread.
      expect((await client.closing()).code).toBe(transport === 'uws' ? 1006 : 1009);
      expect(client.of(Op.ERROR)).toEqual([]);
      expect(await timesMet(port, 'frameBytes')).toBe(1);
      await neighbour.ping();
      await clientForTest(port, '/v1/stream', { json: true });
    });
  });
});

/** What a connection over its token's limit receives. */
async function turnedAway(port: number, token: string) {
  const headers = { authorization: `Bearer ${token}` };
  const socket = new WebSocket(`ws://127.0.0.1:${port}/v1/stream`, 'tickwire.v1.json', { headers });
  const messages: unknown[][] = [];
  socket.on('message', (data: Buffer) => messages.push(JSON.parse(data.toString()) as unknown[]));
  const [code] = (await once(socket, 'close')) as [number];
  return { error: messages[0] ?? [], code };
}
