import { encode } from '@msgpack/msgpack';
import { describe, expect, it } from 'vitest';
import { Op } from '../../testkit/independent/protocol.ts';
import type { ServerProcess } from '../../testkit/server-process.ts';
import {
  onTransports,
  serverForTest,
  serverProcessForTest,
  spawnServerForTest,
} from '../support/running-server.ts';
import { untilStalled } from '../support/stalled-sessions.ts';
import { publisherForTest, subscriberForTest } from '../support/test-clients.ts';

const TIME = 1_700_000_000_000;
const STOP_MS_MAX = 5000;

/** Exit code and duration of the stop, ms. */
async function exitOf(server: ServerProcess): Promise<{ exit: number | string; tookMs: number }> {
  const start = performance.now();
  return { exit: await server.exited, tookMs: performance.now() - start };
}

/** Ticks of one symbol; each after the first is an anomaly. */
function swings(count: number, from = 0) {
  return Array.from({ length: count }, (_, i) => ({
    symbol: 'S',
    price: (from + i) % 2 === 0 ? 100 : 103,
    time: TIME + (from + i) / 4,
  }));
}

onTransports((transport) => {
  const flags = [`--server.transport=${transport}`];

  const signals = transport === 'uws' ? (['SIGTERM', 'SIGINT'] as const) : (['SIGTERM'] as const);

  describe.each(signals)('on %s', (signal) => {
    it('applies, delivers and acknowledges what it accepted, and ends with 0', async () => {
      const server = await serverProcessForTest([...flags, '--processing.overflow=wait']);
      const subscriber = await subscriberForTest(server.port);
      await subscriber.subscribe(['S']);
      const publisher = await publisherForTest(server.port, 'feed');
      // Publishes until cut off.
      let sent = 0;
      const send = () => {
        const count = Math.min(2000, publisher.credit);
        if (publisher.closed !== undefined || count === 0) return;
        publisher.publish(swings(count, sent));
        sent += count;
      };
      const sending = setInterval(send, 2);
      await publisher.until(() => publisher.lastAck.accepted > 20_000, '20 000 ticks');
      server.kill(signal);
      const { exit, tookMs } = await exitOf(server);
      clearInterval(sending);
      expect(exit).toBe(0);
      expect(tookMs).toBeLessThan(STOP_MS_MAX);
      for (const client of [publisher, subscriber]) {
        expect((await client.closing()).code).toBe(4001);
        expect(client.of(Op.GOAWAY)).toHaveLength(1);
      }
      // The last ACK covers everything accepted, all of which reached the subscriber.
      expect(subscriber.mirror.get('S')?.count).toBe(publisher.lastAck.accepted);
      expect(subscriber.anomalies.at(-1)?.sequence).toBeGreaterThan(publisher.lastAck.accepted - 2);
    });
  });

  it('waits for a session that does not read only as long as drainMs', async () => {
    const server = await serverProcessForTest([...flags, '--server.drainMs=700']);
    const { slow } = await slowSession(server);
    server.kill('SIGTERM');
    const { exit, tookMs } = await exitOf(server);
    expect(exit).toBe(0);
    expect(tookMs).toBeGreaterThan(600);
    expect(tookMs).toBeLessThan(STOP_MS_MAX);
    slow.resume();
  });

  it('says which port is in use and ends with 1', async () => {
    const server = await serverForTest({ server: { transport } });
    const second = spawnServerForTest([...flags, `--server.port=${server.port}`]);
    expect(await second.exited).toBe(1);
    expect(second.output).toMatch(new RegExp(`Cannot listen on 127.0.0.1:${server.port}.*in use`));
    await subscriberForTest(server.port);
  });
});

it('ends at once on a second signal', async () => {
  const server = await serverProcessForTest();
  const { slow } = await slowSession(server);
  server.kill('SIGTERM');
  await new Promise((resolve) => setTimeout(resolve, 600));
  expect(server.exit).toBeUndefined();
  server.kill('SIGTERM');
  const { exit, tookMs } = await exitOf(server);
  expect(exit).toBe(1);
  expect(tookMs).toBeLessThan(1000);
  slow.resume();
});

it('ends in time though more anomalies are coming than are waited for', async () => {
  const server = await serverProcessForTest([
    '--server.drainMs=0',
    '--processing.channelCapacity=1048576',
    '--processing.overflow=dropNewest',
    '--server.frameBytesMax=4194304',
  ]);
  const publisher = await publisherForTest(server.port, 'feed');
  // Encoded beforehand, to arrive faster than they are applied.
  const frames = Array.from({ length: 5 }, (_, i) => {
    const ticks = swings(65_536, i * 65_536);
    return encode([Op.TICKS, i + 1, ticks.flatMap((t) => [t.symbol, t.price, t.time])]);
  });
  for (const frame of frames) publisher.sendRaw(frame);
  await publisher.acknowledged(frames.length);
  server.kill('SIGTERM');
  const { exit, tookMs } = await exitOf(server);
  expect(exit).toBe(0);
  expect(tookMs).toBeLessThan(STOP_MS_MAX);
});

/** A subscriber that stops reading with more pending than its socket takes. */
async function slowSession(server: ServerProcess) {
  const slow = await subscriberForTest(server.port, { json: true });
  await slow.subscribe(['*']);
  slow.pause();
  const publisher = await publisherForTest(server.port, 'feed');
  // So many symbols that their 64 held anomalies each exceed the kernel's buffers.
  const symbols = Array.from({ length: 1000 }, (_, i) => `S-${i}`);
  let round = 0;
  const publishRounds = async (count: number) => {
    const end = round + count;
    for (; round < end; round++) {
      const [swing] = swings(1, round);
      if (swing) await publisher.publishAll(symbols.map((symbol) => ({ ...swing, symbol })));
    }
  };
  await untilStalled(server.port, [slow], () => publishRounds(10));
  await publishRounds(64);
  return { slow };
}
