import { encode } from '@msgpack/msgpack';
import { describe, expect, it } from 'vitest';
import {
  type Endpoint,
  GOOD_FRAMES,
  ODD_VALUES,
  UNREADABLE,
  UNREADABLE_TEXTS,
} from '../../testkit/hostile-messages.ts';
import type { ConnectOptions, IndependentClient } from '../../testkit/independent/client.ts';
import { Code, Op } from '../../testkit/independent/protocol.ts';
import { onTransports, serverForSuite } from '../support/running-server.ts';
import {
  clientForTest,
  publisherForTest,
  subscriberForTest,
  unique,
} from '../support/test-clients.ts';
import { UndisturbedStream } from '../support/undisturbed-stream.ts';

const ENDPOINTS: readonly Endpoint[] = ['publish', 'stream'];
const TIME = 1_700_000_000_000;

onTransports((transport) => {
  // Enough bad frames for these tests; the limit is tested below.
  const server = serverForSuite({ server: { transport, badFramesMax: 65_536 } });
  const strict = serverForSuite({ server: { transport, frameBytesMax: 100_000 } });

  function connect(endpoint: Endpoint, options?: ConnectOptions): Promise<IndependentClient> {
    return clientForTest(server.port, `/v1/${endpoint}`, options);
  }

  /** Sends one message; resolves with the code of its ERROR, if any. */
  async function errorOf(
    client: IndependentClient,
    message: Uint8Array | string,
  ): Promise<unknown> {
    const before = client.of(Op.ERROR).length;
    client.sendRaw(message);
    await client.ping();
    const errors = client.of(Op.ERROR).slice(before);
    expect(errors.length).toBeLessThanOrEqual(1);
    expect(JSON.stringify(errors).length).toBeLessThan(250);
    return errors[0]?.[2];
  }

  describe.each(ENDPOINTS)('/v1/%s', (endpoint) => {
    it('answers every unreadable binary message with bad_frame, and goes on', async () => {
      const stream = await UndisturbedStream.start(server.port);
      const client = await connect(endpoint);
      for (const [name, message] of Object.entries(UNREADABLE)) {
        expect(await errorOf(client, message), name).toBe(Code.bad_frame);
        await stream.check();
      }
      await stream.finish();
    });

    it('answers every unreadable text message with bad_frame, and goes on', async () => {
      const stream = await UndisturbedStream.start(server.port);
      const client = await connect(endpoint, { json: true });
      for (const [name, message] of Object.entries(UNREADABLE_TEXTS)) {
        expect(await errorOf(client, message), name).toBe(Code.bad_frame);
        await stream.check();
      }
      await stream.finish();
    });

    it('takes messages of its own kind only', async () => {
      const binary = await connect(endpoint);
      expect(await errorOf(binary, '[6,1]')).toBe(Code.bad_frame);
      const json = await connect(endpoint, { json: true });
      expect(await errorOf(json, encode([Op.PING, 1]))).toBe(Code.bad_frame);
    });

    it('answers frames cut off at each byte with bad_frame, applying nothing of them', async () => {
      const stream = await UndisturbedStream.start(server.port);
      const client = await connect(endpoint);
      for (const frame of GOOD_FRAMES[endpoint]) {
        const whole = encode(frame);
        for (let length = 0; length < whole.length; length++) {
          const code = await errorOf(client, whole.subarray(0, length));
          expect(code, `${JSON.stringify(frame)} cut at ${length}`).toBe(Code.bad_frame);
        }
      }
      await stream.finish();
    });

    it('answers ops that it does not know with unknown_op, the other endpoint’s too', async () => {
      const known = new Set(GOOD_FRAMES[endpoint].map(([op]) => op));
      const client = await connect(endpoint);
      for (const op of [
        ...Array(40).keys(),
        127,
        128,
        255,
        65_536,
        -1,
        -32,
        -1e9,
        2 ** 53,
        1e300,
      ]) {
        if (known.has(op)) continue;
        const code = await errorOf(client, encode([op, 1, ['x', 1, TIME], {}]));
        expect(code, `op ${op}`).toBe(Code.unknown_op);
      }
      // They are not unreadable.
      expect(client.closed).toBeUndefined();
    });

    it('survives values of every wrong type in every place', async () => {
      const stream = await UndisturbedStream.start(server.port);
      let client = await connect(endpoint);
      for (const frame of GOOD_FRAMES[endpoint]) {
        for (let place = 1; place < frame.length; place++) {
          for (const odd of ODD_VALUES) {
            const message = frame.map((value, at) => (at === place ? odd : value));
            client.sendRaw(encode(message));
            client.send([Op.PING, 0]);
            const pongs = client.of(Op.PONG).length;
            const isAnswered = () =>
              client.of(Op.PONG).length > pongs || client.closed !== undefined;
            await client.until(isAnswered, 'an answer');
            // Only a sequence gap ends a connection here.
            if (client.closed === undefined) continue;
            expect(client.closed.code).toBe(4005);
            client = await connect(endpoint);
          }
        }
        await stream.check();
      }
      expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
      await stream.finish();
    });

    it('closes with 4501 at the 16th frame that it cannot read, not before', async () => {
      const stream = await UndisturbedStream.start(strict.port);
      const client = await clientForTest(strict.port, `/v1/${endpoint}`);
      for (let i = 0; i < 15; i++) client.sendRaw(Uint8Array.of(0xc1));
      await client.ping();
      expect(client.of(Op.ERROR)).toHaveLength(15);
      client.sendRaw(Uint8Array.of(0xc1));
      expect((await client.closing()).code).toBe(4501);
      expect(client.of(Op.ERROR)).toHaveLength(16);
      await stream.finish();
    });

    it('ends the connection of a message that is too large, whole or in fragments', async () => {
      const stream = await UndisturbedStream.start(strict.port);
      const connectStrict = () => clientForTest(strict.port, `/v1/${endpoint}`);
      const fitting = await connectStrict();
      fitting.sendRaw(encode([Op.AUTH, 'x'.repeat(99_990)]));
      await fitting.ping();
      const whole = await connectStrict();
      whole.sendRaw(Buffer.alloc(100_001));
      expect([1009, 1006]).toContain((await whole.closing()).code);
      const fragmented = await connectStrict();
      for (let i = 0; i < 30; i++) fragmented.ws.send(Buffer.alloc(5000), { fin: false });
      expect([1009, 1006]).toContain((await fragmented.closing()).code);
      await stream.finish();
    });

    it('reads a message in however many fragments it comes', async () => {
      const client = await connect(endpoint);
      const message = encode([Op.PING, 42]);
      for (const byte of message.subarray(0, -1))
        client.ws.send(Uint8Array.of(byte), { fin: false });
      client.ws.send(message.subarray(-1), { fin: true });
      const pongs = await client.received(Op.PONG);
      expect(pongs[0]?.[1]).toBe(42);
    });
  });

  it('takes __proto__ and constructor for the keys and symbols that they are', async () => {
    const subscriber = await subscriberForTest(server.port, { json: true });
    const options =
      '{"__proto__":{"stats":7,"polluted":true},"constructor":{"prototype":{}},"since":';
    subscriber.sendRaw(`[4,1,["__proto__","constructor"],${options}{"__proto__":0,"toString":1}}]`);
    expect((await subscriber.answer(Op.SUBSCRIBED, 1))[2]).toEqual([0, 0]);
    const publisher = await publisherForTest(server.port, unique('hostile'));
    publisher.declare(0, ['__proto__', 'constructor']);
    publisher.send([Op.TICKS, 1, [0, 1, TIME, 1, 2, TIME]]);
    expect(await publisher.acknowledged(1)).toMatchObject({ accepted: 2 });
    await subscriber.counted('__proto__', 1);
    await subscriber.counted('constructor', 1);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it('rejects symbols that are not UTF-8 alone, by bad_symbol', async () => {
    const publisher = await publisherForTest(server.port, unique('hostile'));
    const [bad, good] = [Buffer.from([0xa2, 0xc3, 0x28]), encode('good')];
    const rest = Buffer.concat([encode(1.5), encode(TIME)]);
    const head = Buffer.from([0x93, Op.TICKS, 1, 0x96]);
    publisher.sendRaw(Buffer.concat([head, bad, rest, good, rest]));
    expect((await publisher.received(Op.REJECT))[0]?.[2]).toEqual([0, Code.bad_symbol]);
    expect(await publisher.acknowledged(1)).toMatchObject({ accepted: 1, rejected: 1 });
  });
});
