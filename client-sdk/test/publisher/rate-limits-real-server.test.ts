import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { metric, timesMet } from '../../../test/support/raw-http.ts';
import { serverForTest } from '../../../test/support/running-server.ts';
import { publisherForTest } from '../../../test/support/test-clients.ts';
import { type Anomaly, connect, connectPublisher, type Publisher } from '../../src/index.ts';

const PATIENCE = { timeout: 30_000, interval: 10 };

function publisherAt(port: number, encoding: 'binary' | 'json'): Publisher {
  const publisher = connectPublisher(`ws://127.0.0.1:${port}`, { encoding, batchTicksMax: 50 });
  onTestFinished(() => publisher.close().catch(() => undefined));
  return publisher;
}

function subscriberAt(port: number) {
  const subscriber = connect(`ws://127.0.0.1:${port}`);
  onTestFinished(() => subscriber.close());
  return subscriber;
}

describe.each(['binary', 'json'] as const)('a publisher above its limit, in %s', (encoding) => {
  it('loses and repeats nothing, and gets through at the limited rate', async () => {
    const PER_SECOND = 1000;
    const TICKS = 3500;
    const { port } = await serverForTest({ limits: { ticksPerSecond: PER_SECOND } });
    const publisher = publisherAt(port, encoding);
    const errors: unknown[] = [];
    publisher.on('error', (error) => errors.push(error));
    await publisher.ready;
    const startedAt = performance.now();
    for (let price = 1; price <= TICKS; price++) publisher.publish(`S${price % 7}`, price);
    await publisher.flush();
    const seconds = (performance.now() - startedAt) / 1000;

    expect(publisher.totals).toMatchObject({
      sent: TICKS,
      accepted: TICKS,
      rejected: 0,
      dropped: 0,
      unacknowledged: 0,
      reconnects: 0,
    });
    expect(errors).toEqual([]);
    expect(await metric(port, 'tickwire_ticks_accepted_total')).toBe(TICKS);
    // One second's worth goes through at once.
    expect(seconds).toBeGreaterThan((TICKS - PER_SECOND) / PER_SECOND - 0.1);
    expect(await timesMet(port, 'ticksPerSecond')).toBeGreaterThan(0);
    // Refused frames are not resent again and again.
    expect(await timesMet(port, 'ticksPerSecond')).toBeLessThan(TICKS / 50);
    // Accepted frames were acknowledged before the refusal.
    expect(await metric(port, 'tickwire_duplicate_frames_total')).toBe(0);
  });
});

describe('a subscriber above its limit', () => {
  it('gets an answer to every request', async () => {
    const { port } = await serverForTest({ limits: { requestsPerSecond: 40 } });
    const source = await publisherForTest(port, 'source');
    await source.publishAll([{ symbol: 'A', price: 1, time: null }]);
    const subscriber = subscriberAt(port);
    const errors: unknown[] = [];
    subscriber.on('error', (error) => errors.push(error));
    await subscriber.subscribe('A').ready;
    const requests = Array.from({ length: 100 }, (_, i) =>
      i % 2 === 0 ? subscriber.history('A') : subscriber.verify(),
    );
    const answers = await Promise.all(requests);
    expect(answers).toHaveLength(100);
    const subscriptions = Array.from({ length: 50 }, async (_, i) => {
      await Promise.resolve();
      const one = subscriber.subscribe(`S${i}`);
      await subscriber.history('A');
      return one.ready;
    });
    expect((await Promise.all(subscriptions)).flat()).toEqual([]);
    expect(errors).toEqual([]);
    const met = await timesMet(port, 'requestsPerSecond');
    expect(met).toBeGreaterThan(0);
    expect(met).toBeLessThan(500);
  });

  it('rejects what waits when it is closed', async () => {
    const { port } = await serverForTest({ limits: { requestsPerSecond: 1 } });
    const subscriber = subscriberAt(port);
    const requests = Array.from({ length: 20 }, () => subscriber.history('A'));
    await vi.waitUntil(async () => (await timesMet(port, 'requestsPerSecond')) > 0, PATIENCE);
    subscriber.close();
    const outcomes = await Promise.allSettled(requests);
    const rejected = outcomes.filter(({ status }) => status === 'rejected');
    expect(rejected.length).toBeGreaterThan(10);
  });

  it('still catches up on the anomalies of many symbols', async () => {
    const SYMBOLS = 150;
    // The resume points of most symbols do not fit into a frame: their next anomaly shows the gap.
    const config = { server: { frameBytesMax: 1024 }, limits: { requestsPerSecond: 20 } };
    const { port } = await serverForTest(config);
    const source = await publisherForTest(port, 'source');
    const symbols = Array.from({ length: SYMBOLS }, (_, i) => `S${i}`);
    let price = 100;
    let time = Date.now() - 50_000;
    /** One anomaly of each symbol. */
    const move = async () => {
      price = price === 100 ? 110 : 100;
      time += 10;
      await source.publishAll(
        symbols.map((symbol) => ({ symbol, price, time })),
        20,
      );
    };
    await move();
    for (let i = 0; i < 4; i++) await move();
    const subscriber = subscriberAt(port);
    const seen: Anomaly[] = [];
    const gaps: unknown[] = [];
    subscriber.on('anomaly', (anomaly) => seen.push(anomaly));
    subscriber.on('gap', (gap) => gaps.push(gap));
    // As after an earlier run of the program.
    const since = new Map(symbols.map((symbol) => [symbol, 1]));
    await subscriber.subscribe('*', { since }).ready;
    await move();
    const perSymbol = 4;
    await vi.waitUntil(() => seen.length >= SYMBOLS * perSymbol, PATIENCE).catch(() => undefined);
    for (const symbol of symbols) {
      const sequences = seen.filter((one) => one.symbol === symbol).map((one) => one.sequence);
      expect(sequences).toEqual([2, 3, 4, 5]);
    }
    expect(gaps).toEqual([]);
    expect(await timesMet(port, 'requestsPerSecond')).toBeGreaterThan(0);
  });
});
