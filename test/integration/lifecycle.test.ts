import { describe, expect, it } from 'vitest';
import { Op } from '../../testkit/independent/protocol.ts';
import { onTransports, serverForSuite, serverForTest } from '../support/running-server.ts';
import { publisherForTest, subscriberForTest } from '../support/test-clients.ts';

const TIME = 1_700_000_000_000;

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

onTransports((transport) => {
  describe('heartbeats', () => {
    const heartbeatMs = 200;
    const server = serverForSuite({ server: { transport, heartbeatMs } });

    it('come after every silence of heartbeatMs and count the frames before them', async () => {
      const subscriber = await subscriberForTest(server.port);
      const publisher = await publisherForTest(server.port, 'feed');
      for (const client of [subscriber, publisher]) {
        const beats = await client.received(Op.HEARTBEAT, 3);
        // The client checks every one against what it received.
        expect(beats.map(([, , framesSent]) => framesSent)).toEqual([1, 2, 3]);
        const times = beats.map(([, serverTime]) => serverTime as number);
        const gaps = times.slice(1).map((time, i) => time - (times[i] as number));
        // Within one of 20 checks a heartbeat; the upper bound allows for a busy machine.
        expect(Math.min(...gaps)).toBeGreaterThanOrEqual(heartbeatMs * 0.9);
        expect(Math.min(...gaps)).toBeLessThan(heartbeatMs * 4);
      }
    });

    it('come only after a silence, however busy the stream before', async () => {
      const subscriber = await subscriberForTest(server.port);
      await subscriber.subscribe(['S']);
      const publisher = await publisherForTest(server.port, 'feed');
      for (let i = 1; i <= 40; i++) {
        publisher.publish([{ symbol: 'S', price: i, time: TIME + i }]);
        await delay(10);
      }
      await subscriber.counted('S', 40);
      await subscriber.received(Op.HEARTBEAT);
      for (const [, beatAt] of subscriber.of(Op.HEARTBEAT) as number[][]) {
        const silences = subscriber.flushes.map(({ serverTime }) => (beatAt ?? 0) - serverTime);
        const before = silences.filter((silence) => silence >= 0);
        expect(Math.min(...before)).toBeGreaterThanOrEqual(heartbeatMs * 0.9);
      }
    });

    it('do not answer PING: PONG does, with the times of client and server', async () => {
      const subscriber = await subscriberForTest(server.port);
      const before = Date.now();
      for (const stamp of [0, -1.5, 1e300, before]) subscriber.send([Op.PING, stamp]);
      const pongs = await subscriber.received(Op.PONG, 4);
      expect(pongs.map(([, clientTime]) => clientTime)).toEqual([0, -1.5, 1e300, before]);
      for (const [, , serverTime] of pongs) {
        expect(serverTime).toBeGreaterThanOrEqual(before);
        expect(serverTime).toBeLessThanOrEqual(Date.now());
      }
    });
  });

  describe('a session', () => {
    const server = serverForSuite({
      server: { heartbeatMs: 100, transport },
      stream: { slowSessionCloseMs: 500 },
    });

    it('that shows no sign of life is closed with 4002, or cut off', async () => {
      const dead = await subscriberForTest(server.port);
      const alive = await subscriberForTest(server.port);
      await dead.subscribe(['S']);
      await alive.subscribe(['S']);
      // Reads nothing, so it answers no ping: dead to the server.
      dead.pause();
      await expect.poll(() => subscribersAt(server.port)).toBe(1);
      await alive.ping();
      dead.resume();
      const { code } = await dead.closing();
      expect([4002, 1006]).toContain(code);
      expect(alive.closed).toBeUndefined();
    });

    it('that only listens is kept, in silence and in a busy stream', async () => {
      const quiet = await subscriberForTest(server.port);
      const busy = await subscriberForTest(server.port);
      await busy.subscribe(['S']);
      const publisher = await publisherForTest(server.port, 'feed');
      // Never silent for a heartbeat.
      for (let i = 1; i <= 100; i++) {
        publisher.publish([{ symbol: 'S', price: i, time: TIME + i }]);
        await delay(10);
      }
      await publisher.acknowledged();
      await busy.counted('S', 100);
      expect([quiet.closed, busy.closed, publisher.closed]).toEqual([
        undefined,
        undefined,
        undefined,
      ]);
    });

    it('is asked for a sign of life before it is closed, however rare heartbeats are', async () => {
      const server = await serverForTest({
        server: { transport, heartbeatMs: 3000 },
        stream: { slowSessionCloseMs: 500 },
      });
      const quiet = await subscriberForTest(server.port);
      await delay(1100);
      expect(quiet.closed).toBeUndefined();
      await quiet.ping();
    });
  });

  it('keeps its epoch as long as it runs, and has another one after a restart', async () => {
    const epochs = new Set<unknown>();
    for (let run = 0; run < 2; run++) {
      const server = await serverForTest({ server: { transport } });
      for (let i = 0; i < 2; i++) {
        epochs.add((await subscriberForTest(server.port)).welcome.epoch);
        epochs.add((await publisherForTest(server.port, 'feed')).welcome.epoch);
      }
      await server.stop();
    }
    expect(epochs.size).toBe(2);
  });

  it('is not ready but serves, new clients too, for preStopMs before it stops', async () => {
    const preStopMs = 700;
    const server = await serverForTest({ server: { transport, preStopMs } });
    const before = await subscriberForTest(server.port);
    const start = performance.now();
    const stopped = server.stop();
    const ready = await fetch(`http://127.0.0.1:${server.port}/readyz`);
    expect(ready.status).toBe(503);
    expect(await ready.text()).toContain('the server is stopping');
    const publisher = await publisherForTest(server.port, 'late');
    await before.subscribe(['S']);
    await publisher.publishAll([{ symbol: 'S', price: 1, time: TIME }]);
    await before.counted('S', 1);
    expect(before.of(Op.GOAWAY)).toEqual([]);
    await stopped;
    expect(performance.now() - start).toBeGreaterThanOrEqual(preStopMs);
    for (const client of [before, publisher]) {
      expect((await client.closing()).code).toBe(4001);
    }
  });

  it('stops with GOAWAY, everything applied and delivered, and 4001', async () => {
    const server = await serverForTest({
      server: { transport, drainMs: 4900, goawayJitterMs: 123 },
      processing: { overflow: 'wait' },
    });
    const subscriber = await subscriberForTest(server.port);
    await subscriber.subscribe(['S']);
    const publisher = await publisherForTest(server.port, 'feed');
    const ticks = 20_000;
    const values = Array.from({ length: ticks }, (_, i) => ({
      symbol: 'S',
      price: 100 + (i % 7),
      time: TIME + i,
    }));
    publisher.publish(values);
    await publisher.acknowledged();
    await server.stop();
    for (const client of [subscriber, publisher]) {
      expect((await client.closing()).code).toBe(4001);
      expect(client.of(Op.GOAWAY)).toEqual([[Op.GOAWAY, expect.any(String), 4900, 123]]);
    }
    expect(subscriber.mirror.get('S')?.count).toBe(ticks);
    expect(publisher.lastAck).toMatchObject({ sequence: 1, accepted: ticks });
  });
});

/** Sessions of subscribers that a server has. */
async function subscribersAt(port: number): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${port}/api/statistics`);
  const { sessions } = (await response.json()) as { sessions: { subscribers: number } };
  return sessions.subscribers;
}
