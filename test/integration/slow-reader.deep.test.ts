import { encode } from '@msgpack/msgpack';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Op } from '../../testkit/independent/protocol.ts';
import type { MarketTick } from '../../testkit/independent/statistics.ts';
import type { IndependentSubscriber } from '../../testkit/independent/subscriber.ts';
import { residentBytes } from '../../testkit/process-figures.ts';
import { ServerProcess } from '../../testkit/server-process.ts';
import { until } from '../../testkit/until.ts';
import { encodeWebSocketFrame, Opcode } from '../../testkit/web-socket.ts';
import { metric } from '../support/raw-http.ts';
import { onTransports, serverForTest } from '../support/running-server.ts';
import { untilStalled } from '../support/stalled-sessions.ts';
import { publisherForTest, subscriberForTest } from '../support/test-clients.ts';
import { RawPeer } from '../support/transport-peers.ts';

const TIME = 1_700_000_000_000;
const MEGABYTE = 1024 * 1024;

function untilMetric(port: number, name: string, value: number): Promise<void> {
  return until(async () => (await metric(port, name)) === value, `${name} ${value}`);
}

/** Rounds of one tick a symbol, with long prices. */
function rounds(symbols: readonly string[], count: number, from: number): MarketTick[][] {
  return Array.from({ length: count }, (_, round) =>
    symbols.map((symbol, i) => ({
      symbol,
      price: 100 + Math.sin(from + round + i) / 3,
      time: TIME + from + round,
    })),
  );
}

async function expectInSync(subscriber: IndependentSubscriber, symbols: number): Promise<void> {
  const verified = await subscriber.verify();
  expect(verified).toMatchObject({ symbolCount: symbols, ownDigest: verified.digest });
}

onTransports((transport) => {
  let server: ServerProcess;
  beforeAll(async () => {
    server = await ServerProcess.start([
      `--server.transport=${transport}`,
      '--processing.overflow=wait',
    ]);
  });
  afterAll(() => server.end());

  it('costs no memory, disturbs no other session, and catches up by itself', async () => {
    const { port } = server;
    const symbols = Array.from({ length: 400 }, (_, i) => `SYM-${i}`);
    const publisher = await publisherForTest(port, 'feed');
    publisher.declare(0, symbols);
    const fast = await subscriberForTest(port);
    await fast.subscribe(['*']);
    const slow: IndependentSubscriber[] = [];
    // Several, so that a queue each would show; JSON, which fills sockets sooner.
    for (let i = 0; i < 4; i++) {
      const subscriber = await subscriberForTest(port, { json: true });
      await subscriber.subscribe(['*'], { anomalies: false });
      slow.push(subscriber);
    }
    const publishRounds = async (count: number, from: number) => {
      for (const round of rounds(symbols, count, from)) {
        publisher.publish(round);
        await publisher.acknowledged();
      }
    };
    await publishRounds(50, 0);
    for (const subscriber of slow) await subscriber.counted('SYM-399', 50);
    for (const subscriber of slow) subscriber.pause();
    // First fill the kernel's buffers.
    let total = 50;
    await untilStalled(port, slow, async () => {
      await publishRounds(40, total);
      total += 40;
    });
    const before = residentBytes(server.pid);
    const flushesBefore = fast.flushes.length;
    // 160 000 further updates.
    await publishRounds(400, total);
    total += 400;
    await fast.counted('SYM-399', total);
    const growth = residentBytes(server.pid) - before;
    // Queued, these updates would take some 90 bytes each a session: 57 MB in total. The allowance
    // is garbage-collector noise: a grown heap stays large for a while.
    expect(growth).toBeLessThan(28 * MEGABYTE);
    const flushes = fast.flushes.slice(flushesBefore);
    const gaps = flushes.slice(1).map(({ at }, i) => at - (flushes[i]?.at ?? 0));
    expect(flushes.length).toBeGreaterThan(60);
    expect(Math.max(...gaps)).toBeLessThan(1000);
    await expectInSync(fast, symbols.length);
    for (const subscriber of slow) subscriber.resume();
    for (const subscriber of slow) {
      // Only reading, no VERIFY.
      for (const symbol of symbols) await subscriber.counted(symbol, total);
      // Far fewer than were published.
      expect(subscriber.mirror.entries).toBeLessThan((total - 50) * symbols.length);
      await expectInSync(subscriber, symbols.length);
    }
    await untilMetric(port, 'tickwire_slow_sessions', 0);
  });

  it('gets every anomaly in order, but where more were missed than the server holds', async () => {
    const { port } = await serverForTest({
      server: { transport },
      processing: { overflow: 'wait' },
      // Full sockets, not pongs, are to make it slow.
      stream: { recentAnomaliesPerSymbol: 64, latencyTargetMs: 0 },
    });
    const fast = await subscriberForTest(port);
    const slow = await subscriberForTest(port, { json: true });
    for (const subscriber of [fast, slow]) await subscriber.subscribe(['*']);
    const publisher = await publisherForTest(port, 'feed');
    /** Each tick after the first moves by 3 %: an anomaly. */
    const swings = (symbol: string, count: number, from: number) =>
      Array.from({ length: count }, (_, i) => ({
        symbol,
        price: (from + i) % 2 === 0 ? 100.123456789 : 103.987654321,
        time: TIME + (from + i) / 4,
      }));
    await publisher.publishAll(swings('MANY', 1001, 0), 100);
    await publisher.publishAll(swings('FEW', 2, 0));
    for (const subscriber of [fast, slow]) {
      await subscriber.until(() => subscriber.lastAnomaly('MANY') === 1000, 'some');
      await subscriber.until(() => subscriber.lastAnomaly('FEW') === 1, 'the first');
    }
    slow.pause();
    let last = 1000;
    const publishMany = async (count: number) => {
      await publisher.publishAll(swings('MANY', count, last + 1), 200);
      last += count;
    };
    await untilStalled(port, [slow], () => publishMany(10_000));
    await publishMany(10_000);
    await publisher.publishAll(swings('FEW', 50, 2));
    await fast.until(() => fast.lastAnomaly('FEW') === 51, 'anomalies of FEW');
    await fast.until(() => fast.lastAnomaly('MANY') === last, 'the last');
    expect(fast.jumps).toEqual([]);
    slow.resume();
    await slow.until(() => slow.lastAnomaly('MANY') === last, 'the last');
    await slow.until(() => slow.lastAnomaly('FEW') === 51, 'anomalies of FEW');
    expect(slow.anomaliesOf('FEW').map(({ sequence }) => sequence)).toEqual(
      Array.from({ length: 51 }, (_, i) => i + 1),
    );
    // It was slow, and behind each jump are the 64 that the server keeps.
    expect(slow.jumps.length).toBeGreaterThan(0);
    const held = new Set(slow.anomaliesOf('MANY').map(({ sequence }) => sequence));
    for (const { symbol, next } of slow.jumps) {
      expect(symbol).toBe('MANY');
      for (let i = 0; i < 64; i++) expect(held.has(next + i)).toBe(true);
    }
    expect(held.has(last - 63)).toBe(true);
    await expectInSync(slow, 2);
  });

  it('that asks and asks but never reads is closed, and costs little until then', async () => {
    const { port } = server;
    const good = await subscriberForTest(port);
    const flooder = await RawPeer.upgrade(port, '/v1/stream');
    await untilMetric(port, 'tickwire_sessions{kind="stream"}', 2);
    flooder.tcp.pause();
    const ping = encode([Op.PING, 1_234_567_890.123456]);
    const frame = encodeWebSocketFrame({ opcode: Opcode.BINARY, payload: ping, mask: 0 });
    const pings = Buffer.concat(Array.from({ length: 10_000 }, () => frame));
    const before = residentBytes(server.pid);
    let peak = 0;
    for (let sent = 0; sent < 200 && !flooder.tcp.destroyed; sent++) {
      const isTaken = flooder.tcp.write(pings);
      if (!isTaken) await new Promise((resolve) => setTimeout(resolve, 20));
      peak = Math.max(peak, residentBytes(server.pid));
      if ((await metric(port, 'tickwire_sessions{kind="stream"}')) === 1) break;
    }
    await untilMetric(port, 'tickwire_sessions{kind="stream"}', 1);
    // Requests are read in pieces of a socket buffer; answers are bounded.
    expect(peak - before).toBeLessThan(64 * MEGABYTE);
    flooder.tcp.destroy();
    await good.ping();
  });
});
