import { monitorEventLoopDelay } from 'node:perf_hooks';
import { encode } from '@msgpack/msgpack';
import { describe, expect, it } from 'vitest';
import { Code, Op } from '../../testkit/independent/protocol.ts';
import { onTransports, serverForSuite, serverForTest } from '../support/running-server.ts';
import {
  pairForTest,
  publisherForTest,
  refusalStatus,
  subscriberForTest,
  unique,
} from '../support/test-clients.ts';

/** Longest stall of this process, which hosts the server: a busy machine's share of a delay. */
class StallWatch {
  readonly #delays = monitorEventLoopDelay({ resolution: 1 });

  constructor() {
    this.#delays.enable();
  }

  stop(): number {
    this.#delays.disable();
    return this.#delays.max / 1e6;
  }
}

const TIME = 1_700_000_000_000;

onTransports((transport) => {
  const server = serverForSuite({ server: { transport } });

  describe('WELCOME', () => {
    it('tells a publisher everything that the protocol promises', async () => {
      const name = unique('feed');
      const { welcome } = await publisherForTest(server.port, name);
      expect(welcome).toEqual({
        version: 1,
        epoch: expect.stringMatching(/./),
        session: expect.stringMatching(/./),
        serverTime: expect.closeTo(Date.now(), -4),
        heartbeatMs: 5000,
        limits: {
          frameBytesMax: 1_048_576,
          ticksPerFrameMax: 65_536,
          symbolsMax: 8192,
          subscriptionsMax: 10_000,
          wildcardsMax: 256,
          authTimeoutMs: 5_000,
        },
        publisher: name,
        sequence: 0,
        credit: 65_536,
        overflow: 'dropOldest',
      });
    });

    it('names a publisher that gives no name, each one differently', async () => {
      const [first, second] = [
        await publisherForTest(server.port),
        await publisherForTest(server.port),
      ];
      expect(first.welcome.publisher).toMatch(/^[A-Za-z0-9._-]{1,64}$/);
      expect(second.welcome.publisher).not.toBe(first.welcome.publisher);
    });

    it('answers in JSON where that was chosen, in MessagePack where nothing was', async () => {
      const json = await publisherForTest(server.port, unique('feed'), { json: true });
      expect(json.ws.protocol).toBe('tickwire.v1.json');
      const plain = await publisherForTest(server.port, unique('feed'), { protocols: [] });
      expect(plain.ws.protocol).toBe('');
      expect(plain.welcome.version).toBe(1);
    });

    it('does not echo a token offered as a subprotocol', async () => {
      const protocols = ['bearer.secret', 'tickwire.v1'];
      const publisher = await publisherForTest(server.port, unique('feed'), { protocols });
      expect(publisher.ws.protocol).toBe('tickwire.v1');
    });
  });

  describe('a name', () => {
    it.each(['', 'a b', 'a/b', 'ä', 'x'.repeat(65), '*', 'a\u0000'])(
      '%j is refused with 400',
      async (name) => {
        const path = `/v1/publish?publisher=${encodeURIComponent(name)}`;
        expect(await refusalStatus(server.port, path)).toBe(400);
      },
    );

    it('of 64 characters of every kind allowed is taken', async () => {
      const name = `AZaz09._-${'x'.repeat(55)}`;
      const publisher = await publisherForTest(server.port, name);
      expect(publisher.welcome.publisher).toBe(name);
    });
  });

  it('refuses other paths and foreign subprotocols', async () => {
    expect(await refusalStatus(server.port, '/v1/other')).toBe(404);
    const headers = { 'sec-websocket-protocol': 'mqtt, other' };
    expect(await refusalStatus(server.port, '/v1/publish', headers)).toBe(400);
  });

  it('takes ticks by alias and by name, and counts them in a cumulative ACK', async () => {
    const [a, b, c] = [unique('A'), unique('B'), unique('C')];
    const publisher = await publisherForTest(server.port, unique('feed'));
    const subscriber = await subscriberForTest(server.port);
    await subscriber.subscribe([a, b, c]);
    publisher.declare(0, [a, b]);
    publisher.send([Op.TICKS, 1, [0, 10, TIME, 1, 20, TIME, c, 30, null, 0, 11, TIME + 1]]);
    expect(await publisher.acknowledged(1)).toMatchObject({
      sequence: 1,
      accepted: 4,
      rejected: 0,
      dropped: 0,
    });
    publisher.send([Op.TICKS, 2, [b, 21, TIME + 1]]);
    expect(await publisher.acknowledged(2)).toMatchObject({ sequence: 2, accepted: 5 });
    await subscriber.counted(a, 2);
    await subscriber.counted(b, 2);
    await subscriber.counted(c, 1);
    expect(subscriber.mirror.get(a)).toMatchObject({ price: 11, min: 10, max: 11, time: TIME + 1 });
    expect(subscriber.mirror.get(b)).toMatchObject({ price: 21, average: 20.5 });
    expect(Math.abs((subscriber.mirror.get(c)?.time ?? 0) - Date.now())).toBeLessThan(10_000);
  });

  it('gives an alias declared again its new symbol; another connection has none', async () => {
    const [a, b] = [unique('A'), unique('B')];
    const publisher = await publisherForTest(server.port, unique('feed'));
    const subscriber = await subscriberForTest(server.port);
    await subscriber.subscribe([a, b]);
    publisher.declare(4_294_967_295, [a]);
    publisher.send([Op.TICKS, 1, [4_294_967_295, 1, TIME]]);
    publisher.declare(4_294_967_295, [b]);
    publisher.send([Op.TICKS, 2, [4_294_967_295, 2, TIME]]);
    await publisher.acknowledged(2);
    await subscriber.counted(a, 1);
    await subscriber.counted(b, 1);
    expect([subscriber.mirror.get(a)?.price, subscriber.mirror.get(b)?.price]).toEqual([1, 2]);
    const other = await publisherForTest(server.port, unique('feed'));
    other.send([Op.TICKS, 1, [4_294_967_295, 1, TIME]]);
    expect((await other.received(Op.REJECT))[0]).toEqual([Op.REJECT, 1, [0, Code.unknown_alias]]);
  });

  it('declares the good symbols of an ALIAS with a bad one, and names the bad one', async () => {
    const a = unique('A');
    const publisher = await publisherForTest(server.port, unique('feed'));
    publisher.send([Op.ALIAS, 0, ['', a, 7]]);
    const [error] = await publisher.received(Op.ERROR);
    expect(error?.slice(0, 3)).toEqual([Op.ERROR, null, Code.bad_symbol]);
    publisher.send([Op.TICKS, 1, [1, 5, TIME, 0, 5, TIME, 2, 5, TIME]]);
    const [reject] = await publisher.received(Op.REJECT);
    expect(reject?.[2]).toEqual([1, Code.unknown_alias, 2, Code.unknown_alias]);
    expect(await publisher.acknowledged(1)).toMatchObject({ accepted: 1, rejected: 2 });
  });

  it('rejects each bad tick by index and code, and takes its neighbours', async () => {
    const symbol = unique('S');
    const future = Date.now() + 3_600_000;
    const bad: readonly (readonly [
      symbol: unknown,
      price: unknown,
      time: unknown,
      code: number,
    ])[] = [
      ['', 1, TIME, Code.bad_symbol],
      [' x', 1, TIME, Code.bad_symbol],
      ['x\u0007', 1, TIME, Code.bad_symbol],
      ['a*', 1, TIME, Code.bad_symbol],
      ['x'.repeat(33), 1, TIME, Code.bad_symbol],
      [-1, 1, TIME, Code.bad_symbol],
      [1.5, 1, TIME, Code.bad_symbol],
      [null, 1, TIME, Code.bad_symbol],
      [true, 1, TIME, Code.bad_symbol],
      [new Uint8Array([65]), 1, TIME, Code.bad_symbol],
      [999, 1, TIME, Code.unknown_alias],
      [symbol, 0, TIME, Code.bad_price],
      [symbol, -1, TIME, Code.bad_price],
      [symbol, Number.NaN, TIME, Code.bad_price],
      [symbol, Number.POSITIVE_INFINITY, TIME, Code.bad_price],
      [symbol, 'one', TIME, Code.bad_price],
      [symbol, null, TIME, Code.bad_price],
      [symbol, 1, -1, Code.bad_time],
      [symbol, 1, Number.NaN, Code.bad_time],
      [symbol, 1, Number.POSITIVE_INFINITY, Code.bad_time],
      [symbol, 1, future, Code.bad_time],
      [symbol, 1, 'now', Code.bad_time],
      [symbol, 1, false, Code.bad_time],
      ['', -1, -1, Code.bad_symbol],
      [symbol, -1, -1, Code.bad_price],
    ];
    const publisher = await publisherForTest(server.port, unique('feed'));
    const subscriber = await subscriberForTest(server.port);
    await subscriber.subscribe([symbol]);
    // Valid ticks before, between and after.
    const good = (index: number) => [symbol, index + 1, TIME + index];
    const values = bad.flatMap(([name, price, time], index) => [...good(index), name, price, time]);
    publisher.send([Op.TICKS, 1, [...values, ...good(bad.length)]]);
    const [reject] = await publisher.received(Op.REJECT);
    expect(reject).toEqual([Op.REJECT, 1, bad.flatMap(([, , , code], i) => [2 * i + 1, code])]);
    expect(await publisher.acknowledged(1)).toMatchObject({
      accepted: bad.length + 1,
      rejected: bad.length,
    });
    await subscriber.counted(symbol, bad.length + 1);
    expect(subscriber.mirror.get(symbol)).toMatchObject({ min: 1, max: bad.length + 1 });
  });

  it('names up to 100 rejected ticks of a frame, and counts all', async () => {
    const publisher = await publisherForTest(server.port, unique('feed'));
    publisher.send([Op.TICKS, 1, Array.from({ length: 150 }, () => ['x', 0, TIME]).flat()]);
    const [reject] = await publisher.received(Op.REJECT);
    expect(reject?.[2]).toEqual(Array.from({ length: 100 }, (_, i) => [i, Code.bad_price]).flat());
    expect(await publisher.acknowledged(1)).toMatchObject({ accepted: 0, rejected: 150 });
  });

  it('takes symbols and prices at their limits', async () => {
    const publisher = await publisherForTest(server.port, unique('feed'));
    const subscriber = await subscriberForTest(server.port);
    const symbols = ['🪙'.repeat(32), `${unique('a')} b`, unique('価格'), 'x', '__proto__'];
    await subscriber.subscribe(symbols);
    publisher.send([
      Op.TICKS,
      1,
      symbols.flatMap((symbol, i) => [symbol, i === 0 ? 5e-324 : Number.MAX_VALUE, 0.25]),
    ]);
    expect(await publisher.acknowledged(1)).toMatchObject({ accepted: symbols.length });
    for (const symbol of symbols) await subscriber.counted(symbol, 1);
    expect(subscriber.mirror.get('🪙'.repeat(32))).toMatchObject({ price: 5e-324, time: 0.25 });
    expect(subscriber.mirror.get('__proto__')).toMatchObject({ price: Number.MAX_VALUE });
  });

  it('reads every number type: uint64 times, float32 prices, integers as floats', async () => {
    const { symbol, publisher, subscriber } = await pairForTest(server.port);
    const big = { useBigInt64: true };
    publisher.sendRaw(encode([Op.TICKS, 1n, [symbol, 2n, BigInt(TIME)]], big));
    publisher.sendRaw(encode([Op.TICKS, 2, [symbol, 1.5, TIME + 1]], { forceFloat32: true }));
    publisher.sendRaw(encode([Op.TICKS, 3, [symbol, 7, TIME + 2]], { forceIntegerToFloat: true }));
    publisher.sendRaw(encode([Op.TICKS, 4, [symbol, 100.25, TIME + 3]]));
    expect(await publisher.acknowledged(4)).toMatchObject({ accepted: 4, rejected: 0 });
    await subscriber.counted(symbol, 4);
    expect(subscriber.mirror.get(symbol)).toMatchObject({ price: 100.25, min: 1.5, max: 100.25 });
    expect(subscriber.mirror.get(symbol)?.time).toBe(TIME + 3);
  });

  it('takes and answers JSON sessions alike', async () => {
    const symbol = unique('S');
    const publisher = await publisherForTest(server.port, unique('feed'), { json: true });
    const subscriber = await subscriberForTest(server.port, { json: true });
    await subscriber.subscribe([symbol]);
    publisher.declare(5, [symbol]);
    publisher.send([Op.TICKS, 1, [5, 1e-7, TIME, symbol, 1e21, TIME + 0.125, '', 1, null]]);
    expect(await publisher.acknowledged(1)).toMatchObject({ accepted: 2, rejected: 1 });
    await subscriber.counted(symbol, 2);
    const expected = { price: 1e21, min: 1e-7, max: 1e21, time: TIME + 0.125 };
    expect(subscriber.mirror.get(symbol)).toMatchObject(expected);
    const verified = await subscriber.verify();
    expect(verified.digest).toBe(verified.ownDigest);
  });

  it('stays valid JSON where prices are so large that sums overflow', async () => {
    const symbol = unique('S');
    const publisher = await publisherForTest(server.port, unique('feed'), { json: true });
    const subscriber = await subscriberForTest(server.port, { json: true });
    await subscriber.subscribe([symbol]);
    const values = [1e-300, 1e308, 1.5e308].flatMap((price, i) => [symbol, price, TIME + i]);
    publisher.send([Op.TICKS, 1, values]);
    await subscriber.counted(symbol, 3);
    await subscriber.until(() => subscriber.anomalies.length === 2, 'the anomalies');
    expect(subscriber.mirror.get(symbol)?.max).toBe(1.5e308);
    expect(Number.isFinite(subscriber.mirror.get(symbol)?.average)).toBe(true);
  });

  it('keeps the order of a stream', async () => {
    const { symbol, publisher, subscriber } = await pairForTest(server.port);
    // With equal times the last applied tick is current.
    const ticks = Array.from({ length: 5000 }, (_, i) => ({ symbol, price: i + 1, time: TIME }));
    await publisher.publishAll(ticks, 7);
    await subscriber.counted(symbol, ticks.length);
    expect(subscriber.mirror.get(symbol)).toMatchObject({ price: 5000, average: 4968.5 });
  });

  it('answers an empty frame of ticks, and PING', async () => {
    const publisher = await publisherForTest(server.port, unique('feed'));
    publisher.send([Op.TICKS, 1, []]);
    expect(await publisher.acknowledged(1)).toMatchObject({ accepted: 0, rejected: 0 });
    await publisher.ping();
  });

  it('ignores elements after those it knows', async () => {
    const publisher = await publisherForTest(server.port, unique('feed'));
    publisher.send([Op.TICKS, 1, ['x', 1, TIME], 'later', { version: 2 }]);
    expect(await publisher.acknowledged(1)).toMatchObject({ accepted: 1 });
  });

  it('acknowledges many small frames with fewer ACKs, less than 100 ms apart', async () => {
    const publisher = await publisherForTest(server.port, unique('feed'));
    const symbol = unique('S');
    const frames = 3000;
    const stalls = new StallWatch();
    for (let i = 0; i < frames; i++) publisher.publish([{ symbol, price: 1, time: TIME }]);
    const last = await publisher.acknowledged(frames);
    expect(last.accepted).toBe(frames);
    expect(publisher.acks.length).toBeLessThan(frames / 2);
    const gaps = publisher.acks.slice(1).map((ack, i) => ack.at - (publisher.acks[i]?.at ?? 0));
    expect(Math.max(0, ...gaps)).toBeLessThan(100 + stalls.stop());
  });

  it('sends no acknowledgement for sequence 0, but REJECT all the same', async () => {
    const { symbol, publisher, subscriber } = await pairForTest(server.port);
    const frame = [Op.TICKS, 0, [symbol, 1, TIME, symbol, -1, TIME]];
    publisher.send(frame);
    publisher.send(frame);
    await subscriber.counted(symbol, 2);
    expect(await publisher.received(Op.REJECT, 2)).toEqual(
      Array.from({ length: 2 }, () => [Op.REJECT, 0, [1, Code.bad_price]]),
    );
    await publisher.ping();
    expect(publisher.acks).toEqual([]);
  });

  it('counts what a full symbol table refuses, by name and by alias', async () => {
    const small = await serverForTest({ server: { transport }, processing: { maxSymbols: 2 } });
    const publisher = await publisherForTest(small.port, 'feed');
    publisher.declare(0, ['A', 'B', 'C']);
    publisher.send([Op.TICKS, 1, [2, 0, TIME, 0, 1, TIME, 'B', 1, TIME, 2, 1, TIME, 'D', 1, TIME]]);
    const [reject] = await publisher.received(Op.REJECT);
    expect(reject?.[2]).toEqual([0, Code.bad_price, 3, Code.symbol_limit, 4, Code.symbol_limit]);
    publisher.send([Op.TICKS, 2, [1, 1, TIME, 'A', 1, TIME]]);
    expect(await publisher.acknowledged(2)).toMatchObject({ accepted: 4, rejected: 3 });
  });
});
