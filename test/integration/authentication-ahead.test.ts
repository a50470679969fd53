import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Code, Op } from '../../testkit/independent/protocol.ts';
import {
  EVERYTHING,
  expectTurnedAway,
  GuardedServer,
  tokenFor,
} from '../support/guarded-server.ts';
import { onTransports } from '../support/running-server.ts';
import { dialForTest, subscriberForTest } from '../support/test-clients.ts';
import { jwkOf, newKeys, signed } from '../support/tokens.ts';

/**
 * An issuer that withholds its keys until release: until then, verification of its tokens is
 * pending.
 */
class SlowIssuer {
  readonly url: string;
  readonly #keys = newKeys('EdDSA');
  readonly #held: ServerResponse[] = [];
  #isReleased = false;

  private constructor(port: number) {
    this.url = `http://127.0.0.1:${port}/keys`;
  }

  static async startForTest(): Promise<SlowIssuer> {
    const server = createServer((_request, response) => issuer.#ask(response));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    const issuer = new SlowIssuer((server.address() as AddressInfo).port);
    return issuer;
  }

  /** A token that verifies once the keys are released. */
  sign(claims: object): Promise<string> {
    return signed(claims, this.#keys, { kid: 'slow' });
  }

  release(): void {
    this.#isReleased = true;
    for (const response of this.#held.splice(0)) this.#answer(response);
  }

  #ask(response: ServerResponse): void {
    if (this.#isReleased) this.#answer(response);
    else this.#held.push(response);
  }

  #answer(response: ServerResponse): void {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ keys: [jwkOf(this.#keys, { kid: 'slow', alg: 'EdDSA' })] }));
  }
}

onTransports((transport) => {
  const guarded = { server: { transport } };

  describe('while a token is looked at', () => {
    async function slowServer() {
      const issuer = await SlowIssuer.startForTest();
      const server = await GuardedServer.startForTest({
        ...guarded,
        auth: { jwksUrl: issuer.url },
      });
      const token = await issuer.sign({ tickwire: EVERYTHING });
      return { issuer, server, token };
    }

    it('64 messages may be sent ahead, and are answered in order after WELCOME', async () => {
      const { issuer, server, token } = await slowServer();
      const ahead = await dialForTest(server.port, '/v1/stream', { token });
      const behind = await dialForTest(server.port, '/v1/publish', { json: true });
      behind.send([Op.AUTH, token]);
      for (let stamp = 1; stamp <= 64; stamp++) {
        for (const client of [ahead, behind]) client.send([Op.PING, stamp]);
      }
      // Silence until the keys arrive: a round trip on another connection shows it.
      const other = await subscriberForTest(server.port, { token: await tokenFor(EVERYTHING) });
      await other.ping();
      expect([ahead.framesReceived, behind.framesReceived]).toEqual([0, 0]);
      issuer.release();
      for (const client of [ahead, behind]) {
        await client.received(Op.PONG, 64);
        expect(client.frames.map(([op, stamp]) => (op === Op.PONG ? stamp : op))).toEqual([
          Op.WELCOME,
          ...Array.from({ length: 64 }, (_, index) => index + 1),
        ]);
        expect(client.violations).toEqual([]);
      }
    });

    it('one message more, or one byte more than 1 MiB, is refused with 4500', async () => {
      const { issuer, server, token } = await slowServer();
      const many = await dialForTest(server.port, '/v1/stream', { token });
      for (let stamp = 1; stamp <= 65; stamp++) many.send([Op.PING, stamp]);
      const heavy = await dialForTest(server.port, '/v1/stream', { token });
      for (let part = 0; part < 2; part++) heavy.sendRaw(Buffer.alloc(524_289));
      await expectTurnedAway(many, /before WELCOME/);
      await expectTurnedAway(heavy, /before WELCOME/);
      issuer.release();
      const fair = await dialForTest(server.port, '/v1/stream', { token });
      await fair.ready();
      expect(many.of(Op.WELCOME)).toEqual([]);
    });

    it('renewals are done in their order, however long each takes', async () => {
      const { issuer, server } = await slowServer();
      const claims = { sub: 'reader' };
      const token = await tokenFor({ read: ['A', 'B'] }, claims);
      const subscriber = await subscriberForTest(server.port, { token });
      subscriber.send([Op.AUTH, await issuer.sign({ ...claims, tickwire: { read: ['A'] } })]);
      subscriber.send([Op.AUTH, await tokenFor({ read: ['B'] }, claims)]);
      await subscriber.ping();
      issuer.release();
      // Its token was verified after theirs: they are finished.
      const other = await issuer.sign({ tickwire: EVERYTHING });
      await (await dialForTest(server.port, '/v1/stream', { token: other })).ready();
      const isOver = async () => {
        const [, , codes] = await subscriber.subscribe(['A', 'B']);
        return JSON.stringify(codes);
      };
      await expect.poll(isOver, { timeout: 30_000 }).toBe(JSON.stringify([Code.forbidden, 0]));
    });

    it('excess renewals are refused without being verified', async () => {
      const { server } = await slowServer();
      const token = await tokenFor(EVERYTHING, { sub: 'reader' });
      const subscriber = await subscriberForTest(server.port, { token });
      const slow = await signed({ sub: 'reader' }, newKeys('EdDSA'), { kid: 'never' });
      for (let count = 0; count < 4; count++) subscriber.send([Op.AUTH, slow]);
      await subscriber.ping();
      expect(subscriber.of(Op.ERROR)).toEqual([]);
      for (let count = 0; count < 3; count++) subscriber.send([Op.AUTH, slow]);
      expect((await subscriber.closing()).code).toBe(4500);
    });
  });

  it('that cannot be checked in time is no refusal: the client is told to retry', async () => {
    const issuer = await SlowIssuer.startForTest();
    const server = await GuardedServer.startForTest({
      server: { transport, authTimeoutMs: 300 },
      auth: { jwksUrl: issuer.url },
    });
    const token = await issuer.sign({ tickwire: EVERYTHING });
    const early = await dialForTest(server.port, '/v1/stream', { token });
    expect((await early.closing()).code).toBe(1013);
    expect(early.frames).toEqual([
      [
        Op.ERROR,
        null,
        Code.not_available,
        expect.stringMatching(/checked within 300 ms/),
        true,
        null,
      ],
    ]);
    issuer.release();
    await expect
      .poll(async () => {
        const client = await dialForTest(server.port, '/v1/stream', { token });
        await Promise.race([client.ready(), client.closing()]);
        return client.closed;
      })
      .toBeUndefined();
  });

  it('a stopping server admits no one, not even clients being verified', async () => {
    const issuer = await SlowIssuer.startForTest();
    const server = await GuardedServer.startForTest({
      server: { transport, drainMs: 2_000 },
      auth: { jwksUrl: issuer.url },
    });
    const token = await issuer.sign({ tickwire: EVERYTHING });
    const waiting = await dialForTest(server.port, '/v1/publish', { token });
    const late = await dialForTest(server.port, '/v1/stream');
    const stopped = server.stop();
    issuer.release();
    late.send([Op.AUTH, await tokenFor(EVERYTHING)]);
    for (const client of [waiting, late]) {
      expect((await client.closing()).code).toBe(4001);
      expect(client.frames).toEqual([]);
    }
    await stopped;
  });
});
