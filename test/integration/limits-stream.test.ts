import { describe, expect, it } from 'vitest';
import type { ConfigInput } from '../../src/config/schema.ts';
import { Code, Op } from '../../testkit/independent/protocol.ts';
import type { IndependentSubscriber } from '../../testkit/independent/subscriber.ts';
import { eventually } from '../../testkit/until.ts';
import { metric, timesMet } from '../support/raw-http.ts';
import { onTransports, serverForTest } from '../support/running-server.ts';
import { publisherForTest, subscriberForTest } from '../support/test-clients.ts';

onTransports((transport) => {
  const serverWith = (config: ConfigInput) =>
    serverForTest({ ...config, server: { transport, ...config.server } });

  describe('the subscriptions of a session', () => {
    interface Case {
      readonly name: string;
      readonly config: ConfigInput;
      readonly patterns: readonly [string, string, string, string];
    }
    const cases: Case[] = [
      {
        name: 'of whatever kind',
        config: { stream: { subscriptionsMax: 3 } },
        patterns: ['A', 'B*', 'C', 'D'],
      },
      {
        name: 'that hold a *',
        config: { limits: { wildcardsPerSession: 3 } },
        patterns: ['A*', 'B*', 'C*', 'D*'],
      },
    ];

    it.each(cases)('$name are taken up to the limit; one more is not', async (one) => {
      const { port } = await serverWith(one.config);
      const neighbour = await subscriberForTest(port);
      const subscriber = await subscriberForTest(port);
      const [a, b, c, d] = one.patterns;
      expect((await subscriber.subscribe([a, b]))[2]).toEqual([0, 0]);
      expect((await subscriber.subscribe([c]))[2]).toEqual([0]);
      expect(await timesMet(port, 'subscriptions')).toBe(0);
      const codes = (await subscriber.subscribe([d, a]))[2];
      expect(codes).toEqual([Code.subscription_limit, 0]);
      expect(await timesMet(port, 'subscriptions')).toBe(1);
      expect(await metric(port, 'tickwire_subscriptions')).toBe(3);
      expect((await neighbour.subscribe([a, b, c]))[2]).toEqual([0, 0, 0]);
      await subscriber.unsubscribe([b]);
      expect((await subscriber.subscribe([d]))[2]).toEqual([0]);
    });
  });

  describe('the requests of a session a second', () => {
    const LIMIT = 4;
    /** One request a kind, with this id. */
    const kinds: Readonly<Record<string, (subscriber: IndependentSubscriber, id: number) => void>> =
      {
        SUBSCRIBE: (subscriber, id) => subscriber.send([Op.SUBSCRIBE, id, ['A']]),
        UNSUBSCRIBE: (subscriber, id) => subscriber.send([Op.UNSUBSCRIBE, id, ['A']]),
        VERIFY: (subscriber, id) => subscriber.send([Op.VERIFY, id]),
        HISTORY: (subscriber, id) => subscriber.send([Op.HISTORY, id, 'A', 0, 1]),
      };

    it.each(Object.entries(kinds))('(%s) are answered up to the limit', async (_name, send) => {
      const { port } = await serverWith({ limits: { requestsPerSecond: LIMIT } });
      const neighbour = await subscriberForTest(port);
      const subscriber = await subscriberForTest(port);
      for (let id = 1; id <= LIMIT + 1; id++) send(subscriber, id);
      // Never refused: it costs no lookup.
      await subscriber.ping();
      const errors = subscriber.of(Op.ERROR);
      expect(errors).toHaveLength(1);
      const [, requestId, code, message, isRetryable, retryAfterMs] = errors[0] as unknown[];
      expect([requestId, code, isRetryable]).toEqual([LIMIT + 1, Code.rate_limited, true]);
      expect(message).toBe('request rate limit exceeded');
      expect(retryAfterMs).toBeGreaterThan(0);
      expect(retryAfterMs).toBeLessThanOrEqual(1000 / LIMIT);
      expect(await timesMet(port, 'requestsPerSecond')).toBe(1);
      expect((await neighbour.subscribe(['A']))[2]).toEqual([0]);
      expect(subscriber.closed).toBeUndefined();

      let id = 100;
      await eventually(
        async () => {
          send(subscriber, ++id);
          await subscriber.ping();
          return subscriber.frames.some((frame) => frame[1] === id && frame[0] !== Op.ERROR);
        },
        (isAnswered) => isAnswered,
      );
    });

    it('are used up sooner by patterns that are held against many symbols', async () => {
      const { port } = await serverWith({ limits: { requestsPerSecond: 100 } });
      const publisher = await publisherForTest(port);
      const symbols = Array.from({ length: 4096 }, (_, i) => `S${i}`);
      await publisher.publishAll(symbols.map((symbol) => ({ symbol, price: 1, time: null })));
      const subscriber = await subscriberForTest(port);
      // Each pattern costs eight requests at 4096 symbols.
      const patterns = Array.from({ length: 50 }, (_, i) => `*x${i}*`);
      expect((await subscriber.subscribe(patterns))[2]).toEqual(patterns.map(() => 0));
      subscriber.send([Op.VERIFY, 1000]);
      const [error] = await subscriber.received(Op.ERROR);
      expect(error?.slice(1, 3)).toEqual([1000, Code.rate_limited]);
      expect(error?.[5]).toBeGreaterThan(1000);
      expect(error?.[5]).toBeLessThanOrEqual(3100);
    });
  });

  describe('what waits in all buffers together', () => {
    it('closes the largest backlog with 4002, and no session that reads', async () => {
      const { port } = await serverWith({
        processing: { maxSymbols: 65_536 },
        limits: { sessionBytesMax: 1_048_576, requestsPerSecond: 1_000_000 },
        stream: { socketBufferBytesMax: 8_388_608, latencyTargetMs: 0 },
      });
      const publisher = await publisherForTest(port);
      const symbols = Array.from({ length: 30_000 }, (_, i) => `S${i}-${'y'.repeat(20)}`);
      await publisher.publishAll(
        symbols.map((symbol) => ({ symbol, price: 1, time: null })),
        10_000,
      );
      const reader = await subscriberForTest(port);
      await reader.subscribe(['*']);
      const stalled = await subscriberForTest(port);
      await stalled.subscribe(['*']);
      stalled.pause();
      expect(await timesMet(port, 'sessionBytes')).toBe(0);
      // Resubscribes to everything until the kernel buffers are full.
      let requestId = 100;
      await eventually(
        () => {
          stalled.send([Op.SUBSCRIBE, requestId++, ['*']]);
          return timesMet(port, 'sessionBytes');
        },
        (met) => met > 0,
      );
      stalled.resume();
      expect(await stalled.closing()).toMatchObject({ code: 4002 });
      expect(await timesMet(port, 'sessionBytes')).toBe(1);
      await reader.ping();
      expect(reader.closed).toBeUndefined();
      expect((await (await subscriberForTest(port)).subscribe(['A']))[2]).toEqual([0]);
    });
  });
});
