import { describe, expect, it } from 'vitest';
import type { ConfigInput } from '../../src/config/schema.ts';
import type { ConnectOptions } from '../../testkit/independent/client.ts';
import { Code, Op } from '../../testkit/independent/protocol.ts';
import type { IndependentPublisher, SentTick } from '../../testkit/independent/publisher.ts';
import { eventually } from '../../testkit/until.ts';
import { ask, metric, timesMet } from '../support/raw-http.ts';
import { onTransports, serverForTest } from '../support/running-server.ts';
import { publisherForTest, subscriberForTest, unique } from '../support/test-clients.ts';
import { SECRET, signed } from '../support/tokens.ts';

const OTHER = '127.0.0.2';

const ticksOf = (symbol: string, count: number): SentTick[] =>
  Array.from({ length: count }, (_, i) => ({ symbol, price: 100 + i / 100, time: null }));

/** One tick of each symbol. */
const onesOf = (symbols: readonly string[]): SentTick[] =>
  symbols.map((symbol) => ({ symbol, price: 1, time: null }));

/** A frame's rejection codes by tick index. */
function rejections(publisher: IndependentPublisher, sequence: number): [number, number][] {
  const frame = publisher.of(Op.REJECT).find(([, rejected]) => rejected === sequence);
  const faults = (frame?.[2] ?? []) as number[];
  return faults.flatMap((value, i): [number, number][] =>
    i % 2 === 0 ? [[value, faults[i + 1] as number]] : [],
  );
}

onTransports((transport) => {
  const serverWith = (config: ConfigInput) =>
    serverForTest({ ...config, server: { transport, ...config.server } });

  describe('the ticks of a frame', () => {
    it.each([true, false])(
      'are taken up to the limit; one more is a bad frame (JSON: %s)',
      async (json) => {
        const { port } = await serverWith({ publish: { ticksPerFrameMax: 10 } });
        const neighbour = await publisherForTest(port, 'neighbour');
        const publisher = await publisherForTest(port, 'frames', { json });
        publisher.publish(ticksOf('A', 9));
        publisher.publish(ticksOf('A', 10));
        expect(await publisher.acknowledged(2)).toMatchObject({ accepted: 19, rejected: 0 });
        expect(await metric(port, 'tickwire_bad_frames_total')).toBe(0);

        publisher.publish(ticksOf('A', 11));
        const [error] = await publisher.received(Op.ERROR);
        expect(error?.slice(0, 3)).toEqual([Op.ERROR, null, Code.bad_frame]);
        expect(await metric(port, 'tickwire_bad_frames_total')).toBe(1);
        await neighbour.publishAll(ticksOf('B', 3));

        // It was refused: its sequence is still free.
        publisher.nextSequence--;
        publisher.publish(ticksOf('A', 1));
        expect(await publisher.acknowledged(3)).toMatchObject({ accepted: 20 });
      },
    );
  });

  describe('the ticks of a publisher a second', () => {
    it('are accepted up to the limit; what comes too fast is accepted on a retry', async () => {
      const { port } = await serverWith({ limits: { ticksPerSecond: 4 } });
      const neighbour = await publisherForTest(port, 'neighbour');
      const publisher = await publisherForTest(port, 'fast');
      expect(await timesMet(port, 'ticksPerSecond')).toBe(0);
      // At once: the limit is reached to the last tick before it refills.
      publisher.publish(ticksOf('A', 3));
      publisher.publish(ticksOf('A', 1));
      await refuseThree(publisher);
      expect(await publisher.acknowledged(2)).toMatchObject({ sequence: 2, accepted: 4 });
      // The ACK precedes the refusal: a publisher resends what it has not been acknowledged.
      const ops = publisher.frames.map(([op, sequence]) => (op === Op.ACK ? sequence : op));
      expect(ops.indexOf(2)).toBeGreaterThan(0);
      expect(ops.indexOf(2)).toBeLessThan(ops.indexOf(Op.ERROR));
      await neighbour.publishAll(ticksOf('B', 4));
      expect(await timesMet(port, 'ticksPerSecond')).toBe(1);
      expect(publisher.closed).toBeUndefined();
      await neighbour.ping();

      // Refused frames are resent until there is room.
      await eventually(
        async () => {
          publisher.nextSequence = publisher.lastAck.sequence + 1;
          publisher.publish(ticksOf('A', 1));
          await publisher.ping();
          return publisher.lastAck;
        },
        ({ sequence }) => sequence === 5,
      );
      expect(publisher.lastAck).toMatchObject({ accepted: 7, rejected: 0, dropped: 0 });
      expect(await countOf(port, 'A', 7)).toBe(7);
    });

    it('may exceed a second in one frame, which goes into debt', async () => {
      const { port } = await serverWith({ limits: { ticksPerSecond: 4 } });
      const publisher = await publisherForTest(port, 'large');
      publisher.publish(ticksOf('A', 12));
      expect(await publisher.acknowledged(1)).toMatchObject({ accepted: 12 });
      publisher.publish(ticksOf('A', 1));
      const [error] = await publisher.received(Op.ERROR);
      expect(error?.[2]).toBe(Code.rate_limited);
      expect(error?.[5]).toBeGreaterThan(1000);
      expect(error?.[5]).toBeLessThanOrEqual(2251);
    });

    it('are refused without a number too, and such a frame is lost', async () => {
      const { port } = await serverWith({ limits: { ticksPerSecond: 1 } });
      const publisher = await publisherForTest(port);
      publisher.send([Op.TICKS, 0, ['A', 1, null]]);
      publisher.send([Op.TICKS, 0, ['A', 2, null]]);
      publisher.send([Op.TICKS, 0, ['A', 3, null]]);
      const errors = await publisher.received(Op.ERROR, 2);
      expect(errors.map(([, , code]) => code)).toEqual([Code.rate_limited, Code.rate_limited]);
      expect(await timesMet(port, 'ticksPerSecond')).toBe(1);
      // Each refused frame counts, even the one not read.
      expect(await metric(port, 'tickwire_too_fast_frames_total')).toBe(2);
      expect(await countOf(port, 'A', 1)).toBe(1);
    });

    it('may be fewer by the token, and a renewal does not fill the bucket', async () => {
      const { port } = await serverWith({ auth: { jwtSecret: SECRET, metrics: 'open' } });
      const claims = { tickwire: { publish: ['*'], ticksPerSecond: 1 } };
      const token = await signed({ ...claims, jti: 'one' });
      const publisher = await publisherForTest(port, 'modest', { token });
      publisher.publish(ticksOf('A', 1));
      await publisher.acknowledged(1);
      for (const jti of ['two', 'three', 'four']) {
        publisher.send([Op.AUTH, await signed({ ...claims, jti })]);
      }
      await publisher.ping();
      publisher.publish(ticksOf('A', 1));
      const [error] = await publisher.received(Op.ERROR);
      expect(error?.[2]).toBe(Code.rate_limited);
      expect(await timesMet(port, 'ticksPerSecond')).toBe(1);
    });
  });

  describe('symbols', () => {
    interface Case {
      readonly name: string;
      readonly config: ConfigInput;
      /** The limit's metric label. */
      readonly limit: string;
      readonly detail: string;
      /** Whether another address or tenant may still create symbols. */
      readonly neighbourMay: boolean;
    }
    const cases: Case[] = [
      {
        name: 'that a publisher brings into being',
        config: { limits: { newSymbolsPerPublisher: 3 } },
        limit: 'newSymbols',
        detail:
          'the publisher has added 3 symbols, as many as limits.newSymbolsPerPublisher allows',
        neighbourMay: true,
      },
      {
        name: 'of a tenant',
        config: { limits: { symbolsPerTenant: 3 } },
        limit: 'symbolsPerTenant',
        detail: 'the tenant has 3 symbols, as many as limits.symbolsPerTenant allows',
        neighbourMay: false,
      },
      {
        name: 'in total',
        config: { processing: { maxSymbols: 3 } },
        limit: 'symbols',
        detail: 'the server holds 3 symbols, as many as processing.maxSymbols allows',
        neighbourMay: false,
      },
    ];

    it.each(cases)('$name are taken up to the limit; one more is rejected with 7', async (one) => {
      const { port } = await serverWith(one.config);
      const neighbour = await publisherForTest(port, 'neighbour', { localAddress: OTHER });
      const publisher = await publisherForTest(port, 'inventive');
      const [a, b, c, d] = ['A', 'B', 'C', 'D'].map(unique) as [string, string, string, string];
      publisher.publish(onesOf([a, b]));
      publisher.publish(onesOf([c]));
      await publisher.acknowledged(2);
      expect(publisher.of(Op.REJECT)).toEqual([]);
      const met = () => timesMet(port, one.limit);
      expect(await met()).toBe(0);

      const sequence = publisher.publish(onesOf([a, d, c]));
      expect(await publisher.acknowledged(sequence)).toMatchObject({ accepted: 5, rejected: 1 });
      expect(rejections(publisher, sequence)).toEqual([[1, Code.symbol_limit]]);
      expect(publisher.of(Op.REJECT).map(([, , , detail]) => detail)).toEqual([one.detail]);
      expect(await met()).toBe(1);
      const rejected = 'tickwire_ticks_rejected_total{reason="symbol_limit"}';
      expect(await metric(port, rejected)).toBe(1);
      expect(await metric(port, 'tickwire_symbols')).toBe(3);

      // Existing symbols are open to all; others' new ones do not count against this publisher.
      const known = neighbour.publish(onesOf([a, b, c]));
      const fresh = neighbour.publish(onesOf([unique('N')]));
      await neighbour.acknowledged(fresh);
      expect(rejections(neighbour, known)).toEqual([]);
      const refused = one.neighbourMay ? [] : [[0, Code.symbol_limit]];
      expect(rejections(neighbour, fresh)).toEqual(refused);
    });

    it('of one tenant do not use up those of another', async () => {
      const config = { auth: { jwtSecret: SECRET, metrics: 'open' as const } };
      const { port } = await serverWith({ ...config, limits: { symbolsPerTenant: 2 } });
      const open = async (tenant: string, jti: string): Promise<IndependentPublisher> => {
        const token = await signed({ jti, tickwire: { tenant, publish: ['*'] } });
        return publisherForTest(port, 'feed', { token } satisfies ConnectOptions);
      };
      const acme = await open('acme', 'one');
      const other = await open('globex', 'other');
      const frame = acme.publish(onesOf(['A', 'B', 'C']));
      await acme.acknowledged(frame);
      expect(rejections(acme, frame)).toEqual([[2, Code.symbol_limit]]);
      const others = other.publish(onesOf(['A', 'B']));
      expect(await other.acknowledged(others)).toMatchObject({ accepted: 2, rejected: 0 });
      expect(await timesMet(port, 'symbolsPerTenant')).toBe(1);
    });

    it('that come by HTTP count as well', async () => {
      const { port } = await serverWith({ limits: { newSymbolsPerPublisher: 2 } });
      const post = (symbols: readonly string[]) =>
        ask(port, '/api/prices', {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(symbols.map((symbol) => ({ symbol, price: 1 }))),
        });
      expect(JSON.parse((await post(['A', 'B'])).text)).toMatchObject({ accepted: 2 });
      const refused = JSON.parse((await post(['A', 'C', 'B'])).text) as {
        accepted: number;
        rejected: { index: number; errors: { code: string }[] }[];
      };
      expect(refused.accepted).toBe(2);
      const expected =
        'an existing symbol: the publisher has added 2 symbols, as many as ' +
        'limits.newSymbolsPerPublisher allows';
      const errors = [{ field: 'symbol', code: 'symbol_limit', expected, got: '"C"' }];
      expect(refused.rejected).toEqual([{ index: 1, errors }]);
      expect(await timesMet(port, 'newSymbols')).toBe(1);
    });

    it('do not come into being by being subscribed to', async () => {
      const { port } = await serverWith({ limits: { newSymbolsPerPublisher: 1 } });
      const subscriber = await subscriberForTest(port);
      await subscriber.subscribe(Array.from({ length: 1000 }, (_, i) => `S${i}`));
      expect(await metric(port, 'tickwire_symbols')).toBe(0);
    });
  });
});

/** Sends three one-tick frames, each refused without ending the session. */
async function refuseThree(publisher: IndependentPublisher): Promise<void> {
  for (let i = 0; i < 3; i++) publisher.publish(ticksOf('A', 1));
  await publisher.ping();
  const errors = await publisher.received(Op.ERROR, 3);
  for (const error of errors) {
    const [op, requestId, code, message, isRetryable, retryAfterMs] = error;
    expect([op, requestId, code, isRetryable]).toEqual([Op.ERROR, null, Code.rate_limited, true]);
    expect(message).toBe('tick rate limit exceeded');
    expect(retryAfterMs).toBeGreaterThan(0);
    // Rounded up, and a difference of rounded times.
    expect(retryAfterMs).toBeLessThanOrEqual(251);
  }
}

/** A symbol's count once it reaches a minimum. */
async function countOf(port: number, symbol: string, atLeast: number): Promise<number> {
  const read = async () => {
    const { status, text } = await ask(port, `/api/prices/${symbol}`, { localAddress: OTHER });
    return status === 200 ? (JSON.parse(text) as { updateCount: number }).updateCount : 0;
  };
  return eventually(read, (count) => count >= atLeast);
}
