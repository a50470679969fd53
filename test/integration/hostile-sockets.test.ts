import { describe, expect, it } from 'vitest';
import { Code, Op } from '../../testkit/independent/protocol.ts';
import { until } from '../../testkit/until.ts';
import { Opcode, upgradeRequest } from '../../testkit/web-socket.ts';
import { onTransports, serverForSuite, serverForTest } from '../support/running-server.ts';
import { publisherForTest, refusalStatus, subscriberForTest } from '../support/test-clients.ts';
import { RawPeer } from '../support/transport-peers.ts';
import { UndisturbedStream } from '../support/undisturbed-stream.ts';

const TIME = 1_700_000_000_000;

/** Waits until the server has closed a peer's connection. */
function closed(peer: RawPeer): Promise<void> {
  return until(() => {
    // Answers the server's half-close.
    if (peer.tcp.readableEnded) peer.tcp.end();
    return peer.closed;
  }, 'the end of the connection');
}

onTransports((transport) => {
  const server = serverForSuite({ server: { transport } });

  it.each(['/v1/publish', '/v1/stream'])('refuses bad upgrades of %s', async (path) => {
    const stream = await UndisturbedStream.start(server.port);
    const status = (headers: Readonly<Record<string, string>>) =>
      refusalStatus(server.port, path, headers);
    expect(await status({ 'sec-websocket-version': '12' })).toBe(426);
    // Neither transport accepts the handshake; one does not recognize an attempt.
    expect([400, 404]).toContain(await status({ 'sec-websocket-key': 'short' }));
    expect(await status({ 'sec-websocket-protocol': 'tickwire.v2' })).toBe(400);
    expect([101, 400]).toContain(await status({ 'sec-websocket-protocol': ', ,,' }));
    expect(await status({ 'sec-websocket-protocol': 'x'.repeat(8000) })).toBeGreaterThanOrEqual(
      400,
    );
    expect((await fetch(`http://127.0.0.1:${server.port}${path}`)).status).toBeGreaterThanOrEqual(
      400,
    );
    await stream.finish();
  });

  it.each([
    ['bytes that are no HTTP', Buffer.from([0, 255, 1, 254, 13, 10, 13, 10])],
    ['a TLS greeting', Buffer.from('16030100a5010000a10303', 'hex')],
    ['a request line without end', Buffer.from(`GET /${'x'.repeat(100_000)}`)],
    ['headers without end', Buffer.from(`GET / HTTP/1.1\r\n${'x: y\r\n'.repeat(50_000)}`)],
    ['a WebSocket frame before any upgrade', Buffer.from([0x82, 0x80, 1, 2, 3, 4])],
  ])('survives %s', async (_what, garbage) => {
    const stream = await UndisturbedStream.start(server.port);
    const peer = await RawPeer.connect(server.port);
    peer.tcp.write(garbage);
    await stream.check();
    peer.tcp.destroy();
    await stream.finish();
  });

  it('survives connections cut off at each point of the handshake', async () => {
    const stream = await UndisturbedStream.start(server.port);
    const request = upgradeRequest('/v1/stream');
    for (let length = 0; length <= request.length; length += 9) {
      const peer = await RawPeer.connect(server.port);
      peer.tcp.write(request.slice(0, length));
      peer.tcp.destroy();
    }
    await stream.finish();
  });

  describe('closes who breaks the rules of WebSocket:', () => {
    it.each([
      ['reserved bits', Buffer.from([0xf2, 0x80, 0, 0, 0, 0])],
      ['an unknown opcode', Buffer.from([0x83, 0x80, 0, 0, 0, 0])],
      ['a length of 2^63', Buffer.from([0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])],
      ['a fragmented ping', Buffer.from([0x09, 0x80, 0, 0, 0, 0])],
      ['a continuation of nothing', Buffer.from([0x80, 0x81, 0, 0, 0, 0, 1])],
      ['a text that is not UTF-8', Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28])],
      ['a close with half a code', Buffer.from([0x88, 0x81, 0, 0, 0, 0, 3])],
    ])('%s', async (_what, bytes) => {
      const stream = await UndisturbedStream.start(server.port);
      const peer = await RawPeer.upgrade(server.port, '/v1/stream');
      peer.tcp.write(bytes);
      await closed(peer);
      await stream.finish();
    });
  });

  it('survives connections that are cut in the middle of a message', async () => {
    const stream = await UndisturbedStream.start(server.port);
    for (const path of ['/v1/stream', '/v1/publish']) {
      for (let i = 0; i < 20; i++) {
        const peer = await RawPeer.upgrade(server.port, path);
        peer.send(Opcode.BINARY, Buffer.from([0x93, 3, 0]), i % 2 === 0);
        peer.tcp.write(Buffer.from([0x82, 0xfe, 0xff, 0xff, 0, 0, 0, 0, 1, 2, 3]));
        peer.reset();
      }
    }
    await stream.check();
    await stream.finish();
  });

  it('bounds the aliases of a connection, whatever their numbers', async () => {
    const stream = await UndisturbedStream.start(server.port);
    const publisher = await publisherForTest(server.port, 'aliases');
    const symbols = (from: number) => Array.from({ length: 8192 }, (_, i) => `alias-${from + i}`);
    // Spread over the number range.
    for (let i = 0; i < 8; i++) publisher.send([Op.ALIAS, i * 500_000_000, symbols(i * 8192)]);
    await publisher.ping();
    expect(publisher.of(Op.ERROR)).toEqual([]);
    publisher.send([Op.ALIAS, 4_200_000_000, ['one more']]);
    publisher.send([Op.ALIAS, 0, ['another symbol']]);
    await publisher.ping();
    expect(publisher.of(Op.ERROR).map(([, , code]) => code)).toEqual([Code.symbol_limit]);
    publisher.send([Op.TICKS, 1, [3_500_008_191, 1, TIME, 4_200_000_000, 1, TIME]]);
    expect(await publisher.acknowledged(1)).toMatchObject({ accepted: 1, rejected: 1 });
    await stream.finish();
  });

  it('bounds the patterns of a session, and allows exactly that many', async () => {
    const stream = await UndisturbedStream.start(server.port);
    const subscriber = await subscriberForTest(server.port);
    const patterns = Array.from(
      { length: 10_050 },
      (_, i) => `many-${i}${i % 50 === 0 ? '*' : ''}`,
    );
    const codes = (await subscriber.subscribe(patterns))[2] as number[];
    expect(codes.filter((code) => code === 0)).toHaveLength(10_000);
    expect(codes.slice(10_000).every((code) => code === Code.subscription_limit)).toBe(true);
    await stream.check();
    subscriber.close();
    await stream.finish();
  });

  it('answers a frame of thousands of patterns that match everything in no time', async () => {
    const stream = await UndisturbedStream.start(server.port);
    const publisher = await publisherForTest(server.port, 'wildcards');
    const symbols = Array.from({ length: 500 }, (_, i) => `wild-${i}`);
    await publisher.publishAll(symbols.map((symbol) => ({ symbol, price: 1, time: TIME })));
    const stars = (count: number) => '*'.repeat(1 + (count & 7));
    const patterns = Array.from(
      { length: 4000 },
      (_, i) => `${stars(i)}w${stars(i >> 3)}i${stars(i >> 6)}l${stars(i >> 9)}`,
    );
    const subscriber = await subscriberForTest(server.port);
    const start = performance.now();
    const codes = (await subscriber.subscribe(patterns, { conflateMs: 1 }))[2] as number[];
    const held = codes.filter((code) => code === 0);
    // Equal patterns count once.
    expect(held.length).toBeGreaterThanOrEqual(256);
    expect(codes.at(-1)).toBe(Code.subscription_limit);
    for (const symbol of symbols) await subscriber.counted(symbol, 1);
    publisher.publish(
      Array.from({ length: 50 }, (_, i) => ({ symbol: `wild-new-${i}`, price: 1, time: TIME })),
    );
    await subscriber.counted('wild-new-49', 1);
    // Matching each symbol against each pattern, for each pattern, would take minutes.
    expect(performance.now() - start).toBeLessThan(5000);
    subscriber.close();
    await stream.finish();
  });

  it('takes connections that come and go by the hundred', async () => {
    const own = await serverForTest({ server: { transport } });
    const stream = await UndisturbedStream.start(own.port);
    const round = async () => {
      const peers = await Promise.all(
        Array.from({ length: 50 }, (_, i) =>
          RawPeer.upgrade(own.port, i % 2 === 0 ? '/v1/stream' : '/v1/publish'),
        ),
      );
      for (const peer of peers) peer.reset();
    };
    for (let i = 0; i < 8; i++) await round();
    const text = async () => (await fetch(`http://127.0.0.1:${own.port}/metrics`)).text();
    await until(async () => (await text()).includes('tickwire_sessions{kind="stream"} 1\n'));
    await stream.finish();
  });
});
