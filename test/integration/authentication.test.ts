import { describe, expect, it, onTestFinished } from 'vitest';
import { issueApiKey } from '../../src/access/index.ts';
import { ConfigFolder } from '../support/config-folder.ts';
import {
  EVERYTHING,
  endingIn,
  GuardedServer,
  type Permissions,
  tokenFor,
} from '../support/guarded-server.ts';
import { HttpClient } from '../support/http-client.ts';
import { Code, type ConnectOptions, IndependentClient, Op } from '../support/independent-client.ts';
import { onTransports, serverForTest } from '../support/running-server.ts';
import { SlowIssuer } from '../support/slow-issuer.ts';
import { publisherForTest, subscriberForTest, unique } from '../support/test-clients.ts';
import { compact, newKeys, signed } from '../support/tokens.ts';

const TIME = 1_700_000_000_000;
const PATHS = ['/v1/publish', '/v1/stream'] as const;
const ENCODINGS = [{ json: false }, { json: true }];

/** A connection that is perhaps not let in. */
async function dialForTest(
  port: number,
  path: string,
  options?: ConnectOptions,
): Promise<IndependentClient> {
  const client = await IndependentClient.dial(port, path, options);
  onTestFinished(() => client.close());
  return client;
}

/** Everything that a client was told, frames and the reason of its close. */
function toldTo(client: IndependentClient): string {
  return JSON.stringify([client.frames, client.closed]);
}

/** Pieces of a token that give it away: its parts, and the whole. */
function secretsOf(token: string): string[] {
  return [token, ...token.split('.')].filter((part) => part.length > 8);
}

async function expectTurnedAway(client: IndependentClient, message: RegExp): Promise<void> {
  const { code, reason } = await client.closing();
  expect(code).toBe(4500);
  expect(reason).toMatch(message);
  const frames = client.frames.filter(([op]) => op !== Op.ERROR);
  expect(frames).toEqual([]);
  const [error] = client.of(Op.ERROR).slice(-1);
  expect(error).toEqual([
    Op.ERROR,
    null,
    Code.unauthorized,
    expect.stringMatching(message),
    false,
    null,
  ]);
}

onTransports((transport) => {
  const guarded = { server: { transport } };

  describe('a token', () => {
    const server = GuardedServer.forSuite(guarded);

    it.each(PATHS.flatMap((path) => ENCODINGS.map((encoding) => ({ path, ...encoding }))))(
      'may come with the header of the upgrade: $path, JSON: $json',
      async ({ path, json }) => {
        const token = await tokenFor(EVERYTHING);
        const client = await dialForTest(server.port, path, { json, token });
        await client.ready();
        expect(client.welcome).toMatchObject({ version: 1, limits: { authTimeoutMs: 10_000 } });
        await client.ping();
        expect(client.violations).toEqual([]);
      },
    );

    it.each([
      { offered: ['tickwire.v1', 'bearer.'], chosen: 'tickwire.v1' },
      { offered: ['bearer.', 'tickwire.v1'], chosen: 'tickwire.v1' },
      { offered: ['tickwire.v1.json', 'bearer.'], chosen: 'tickwire.v1.json' },
      { offered: ['bearer.', 'tickwire.v1.json', 'tickwire.v1'], chosen: 'tickwire.v1.json' },
      { offered: ['other', 'bearer.', 'tickwire.v1.json'], chosen: 'tickwire.v1.json' },
    ])('may come as a subprotocol, which is not echoed: $offered', async ({ offered, chosen }) => {
      const token = await tokenFor(EVERYTHING);
      const protocols = offered.map((name) => (name === 'bearer.' ? `bearer.${token}` : name));
      const json = chosen.endsWith('json');
      for (const path of PATHS) {
        const client = await dialForTest(server.port, path, { json, protocols });
        await client.ready();
        expect(client.ws.protocol).toBe(chosen);
        await client.ping();
        expect(client.violations).toEqual([]);
        expect(toldTo(client)).not.toContain(token);
      }
    });

    it.each(PATHS.flatMap((path) => ENCODINGS.map((encoding) => ({ path, ...encoding }))))(
      'may come as the first frame: $path, JSON: $json',
      async ({ path, json }) => {
        const client = await dialForTest(server.port, path, { json });
        client.send([Op.AUTH, await tokenFor(EVERYTHING)]);
        await client.ready();
        await client.ping();
        expect(client.violations).toEqual([]);
      },
    );

    it('is answered by WELCOME, and then what was sent right behind it, in order', async () => {
      const symbol = unique('S');
      const subscriber = await dialForTest(server.port, '/v1/stream');
      const publisher = await dialForTest(server.port, '/v1/publish?publisher=ahead');
      publisher.send([Op.AUTH, await tokenFor(EVERYTHING)]);
      publisher.send([Op.ALIAS, 0, [symbol]]);
      publisher.send([Op.TICKS, 1, [0, 1, TIME, 0, 2, TIME]]);
      publisher.send([Op.TICKS, 2, [0, 3, TIME]]);
      publisher.send([Op.PING, 1]);
      await publisher.until(
        () => publisher.of(Op.ACK).some((frame) => frame[1] === 2),
        'the ACK of both frames',
      );
      expect(publisher.of(Op.ACK).at(-1)?.slice(1, 5)).toEqual([2, 3, 0, 0]);
      expect(publisher.frames[0]?.[0]).toBe(Op.WELCOME);
      subscriber.send([Op.AUTH, await tokenFor(EVERYTHING)]);
      subscriber.send([Op.PING, 1]);
      subscriber.send([Op.SUBSCRIBE, 2, [symbol]]);
      subscriber.send([Op.PING, 3]);
      await subscriber.answer(Op.PONG, 3);
      expect(subscriber.frames.map(([op]) => op)).toEqual([
        Op.WELCOME,
        Op.PONG,
        Op.SUBSCRIBED,
        Op.SYMBOLS,
        Op.PONG,
      ]);
    });

    it('that comes after a frame that cannot be read is still taken', async () => {
      const client = await dialForTest(server.port, '/v1/stream');
      client.sendRaw(Buffer.from([0xc1]));
      client.sendRaw('text on a binary session');
      client.send([Op.AUTH, await tokenFor(EVERYTHING)]);
      await client.received(Op.WELCOME);
      expect(client.frames.map(([op, , code]) => [op, code])).toEqual([
        [Op.ERROR, Code.bad_frame],
        [Op.ERROR, Code.bad_frame],
        [Op.WELCOME, undefined],
      ]);
    });

    it('that does not come first is asked for: 4500', async () => {
      const frames = [[Op.SUBSCRIBE, 1, ['*']], [Op.PING, 1], [Op.TICKS, 1, ['S', 1, null]], [99]];
      for (const [index, frame] of frames.entries()) {
        const client = await dialForTest(server.port, PATHS[index % 2] as string);
        client.send(frame);
        client.send([Op.AUTH, await tokenFor(EVERYTHING)]);
        await expectTurnedAway(client, /first frame must be AUTH/);
      }
    });

    it('that is bad is refused with ERROR 10 and 4500, and nobody is told any of it', async () => {
      const tokens = [
        '',
        'x',
        'not a token',
        'tw_'.padEnd(46, 'Q'),
        'Q'.repeat(9000),
        compact({ alg: 'none' }, { sub: 'somebody-secret', exp: 4e9, tickwire: EVERYTHING }),
        await signed({ tickwire: EVERYTHING }, 'another secret, also long enough for HS256'),
        await signed({ tickwire: EVERYTHING }, newKeys('EdDSA')),
        await tokenFor(EVERYTHING, endingIn(-10_000)),
        await tokenFor({ ...EVERYTHING, tenant: 'a/b' }),
        `${await tokenFor(EVERYTHING)}A`,
      ];
      for (const [index, token] of tokens.entries()) {
        const client = await dialForTest(server.port, PATHS[index % 2] as string, {
          json: index % 3 === 0,
        });
        client.send([Op.AUTH, token]);
        await expectTurnedAway(client, /./);
        const isHeader = /^[\w.-]+$/.test(token) && token.length < 8000;
        const other = isHeader
          ? await dialForTest(server.port, '/v1/stream', { token })
          : await dialForTest(server.port, '/v1/stream', {
              protocols: ['tickwire.v1', 'bearer.x'],
            });
        await expectTurnedAway(other, /./);
        for (const told of [toldTo(client), toldTo(other), server.lines.join('')]) {
          for (const secret of secretsOf(token)) expect(told).not.toContain(secret);
        }
      }
      expect(server.lines.some((line) => line.includes('"security"'))).toBe(true);
    });

    it('in a header of another scheme is none that is accepted', async () => {
      const { WebSocket } = await import('ws');
      const headers = { authorization: `Basic ${await tokenFor(EVERYTHING)}` };
      const ws = new WebSocket(`ws://127.0.0.1:${server.port}/v1/stream`, ['tickwire.v1'], {
        headers,
      });
      onTestFinished(() => ws.terminate());
      const code = await new Promise((resolve) => ws.on('close', resolve));
      expect(code).toBe(4500);
    });

    it('that allows nothing of an endpoint is turned away with ERROR 11 and 4507', async () => {
      for (const [path, token] of [
        ['/v1/stream', await tokenFor({ publish: ['*'] })],
        ['/v1/publish', await tokenFor({ read: ['*'], operator: true })],
        ['/v1/publish?publisher=x', await signed({})],
      ] as const) {
        const client = await dialForTest(server.port, path, { token });
        expect((await client.closing()).code).toBe(4507);
        expect(client.frames.map(([op, , code]) => [op, code])).toEqual([
          [Op.ERROR, Code.forbidden],
        ]);
      }
    });
  });

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
      // Nothing is said before the keys are here: a round trip on another connection shows it.
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
      // Its token was looked at after theirs: whatever they do is done.
      const other = await issuer.sign({ tickwire: EVERYTHING });
      await (await dialForTest(server.port, '/v1/stream', { token: other })).ready();
      const isOver = async () => {
        const [, , codes] = await subscriber.subscribe(['A', 'B']);
        return JSON.stringify(codes);
      };
      await expect.poll(isOver, { timeout: 10_000 }).toBe(JSON.stringify([Code.forbidden, 0]));
    });

    it('more renewals than anybody needs are refused, and none of theirs is looked at', async () => {
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

  it('a server that stops lets nobody in any more, not even whose token is looked at', async () => {
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

  describe('without a token in time', () => {
    const server = GuardedServer.forSuite({ server: { transport, authTimeoutMs: 300 } });

    it.each(PATHS)('%s is closed with ERROR 10 and 4500', async (path) => {
      const begun = performance.now();
      const client = await dialForTest(server.port, path);
      // Unreadable frames do not buy time.
      client.sendRaw(Buffer.from([0xc1]));
      await expectTurnedAway(client, /within 300 ms/);
      expect(performance.now() - begun).toBeGreaterThan(290);
    });

    it('a session with one is left alone', async () => {
      const client = await subscriberForTest(server.port, { token: await tokenFor(EVERYTHING) });
      const late = await dialForTest(server.port, '/v1/stream');
      await late.closing();
      await client.ping();
    });
  });

  describe('a session', () => {
    const server = GuardedServer.forSuite(guarded);

    it.each(PATHS)('of %s ends with its token: ERROR 10 and 4010', async (path) => {
      const claims = endingIn(1_500);
      const client = await dialForTest(server.port, path, {
        token: await tokenFor(EVERYTHING, claims),
      });
      await client.ready();
      expect((await client.closing()).code).toBe(4010);
      expect(Date.now()).toBeGreaterThanOrEqual(claims.exp * 1000);
      expect(client.of(Op.ERROR)).toEqual([
        [Op.ERROR, null, Code.unauthorized, 'the token has expired', false, null],
      ]);
    });

    it('goes on where its token is renewed in time, and loses and repeats nothing', async () => {
      const symbol = unique('S');
      const first = endingIn(2_500);
      const claims = { sub: 'feed' };
      const options = { token: await tokenFor(EVERYTHING, { ...claims, ...first }) };
      const publisher = await publisherForTest(server.port, unique('feed'), options);
      const subscriber = await subscriberForTest(server.port, options);
      const counts: unknown[] = [];
      subscriber.onEntry = (_symbol, record) => counts.push(record.count);
      await subscriber.subscribe([symbol]);
      publisher.declare(0, [symbol]);
      const renewed = await tokenFor(EVERYTHING, claims);
      let ticks = 0;
      const isLater = () => Date.now() > first.exp * 1000 + 600;
      while (!isLater()) {
        // Each tick doubles or halves the price: each is an anomaly.
        publisher.publish([{ symbol, price: ticks % 2 === 0 ? 1 : 2, time: TIME + ticks }]);
        ticks++;
        await publisher.acknowledged();
        await subscriber.counted(symbol, ticks);
        if (ticks % 50 === 10)
          for (const one of [publisher, subscriber]) one.send([Op.AUTH, renewed]);
      }
      expect(publisher.lastAck).toMatchObject({ accepted: ticks, rejected: 0, dropped: 0 });
      expect(counts).toEqual(Array.from({ length: ticks }, (_, index) => index + 1));
      await subscriber.until(() => subscriber.lastAnomaly(symbol) === ticks - 1, 'each anomaly');
      expect(subscriber.jumps).toEqual([]);
      expect(subscriber.mirror.fullEntries).toBe(1);
      const { digest, ownDigest } = await subscriber.verify();
      expect(digest).toBe(ownDigest);
      expect([...publisher.of(Op.ERROR), ...subscriber.of(Op.ERROR)]).toEqual([]);
    });

    it.each(PATHS)('of %s does not become that of another: 3 tries, then 4500', async (path) => {
      const claims = { sub: 'one' };
      const token = await tokenFor({ ...EVERYTHING, tenant: 'acme' }, claims);
      const client = await dialForTest(server.port, path, { token });
      await client.ready();
      const others: [Permissions, object][] = [
        [{ ...EVERYTHING, tenant: 'acme' }, { sub: 'two' }],
        [{ ...EVERYTHING, tenant: 'acme.' }, claims],
        [EVERYTHING, claims],
      ];
      for (const [index, [permissions, other]] of others.entries()) {
        await client.ping();
        client.send([Op.AUTH, await tokenFor(permissions, other)]);
        const errors = await client.received(Op.ERROR, index + 1);
        expect(errors[index]?.slice(0, 3)).toEqual([Op.ERROR, null, Code.unauthorized]);
        // One that is accepted in between is no amnesty.
        client.send([Op.AUTH, token]);
      }
      expect((await client.closing()).code).toBe(4500);
      expect(client.violations).toEqual([]);
    });

    it('goes on with the token it has where a bad one is refused', async () => {
      const client = await subscriberForTest(server.port, { token: await tokenFor(EVERYTHING) });
      const bad = await signed({}, 'another secret, also long enough for HS256');
      for (const count of [1, 2]) {
        client.send([Op.AUTH, bad]);
        await client.received(Op.ERROR, count);
        await client.subscribe([unique('S')]);
      }
      client.send([Op.AUTH, bad]);
      expect((await client.closing()).code).toBe(4500);
      for (const told of [toldTo(client), server.lines.join('')]) {
        for (const secret of secretsOf(bad)) expect(told).not.toContain(secret);
      }
    });

    it('gets no new allowance by showing the same token again', async () => {
      const claims = { sub: 'reader', tickwire: { read: ['*'], requestsPerSecond: 1 } };
      const token = await signed(claims);
      const subscriber = await subscriberForTest(server.port, { token });
      const begun = performance.now();
      for (let requestId = 1; requestId <= 12; requestId++) {
        subscriber.send([Op.SUBSCRIBE, requestId, ['S']]);
        subscriber.send([Op.AUTH, token]);
        await subscriber.ping();
      }
      const seconds = (performance.now() - begun) / 1000;
      expect(subscriber.of(Op.SUBSCRIBED).length).toBeLessThanOrEqual(2 + seconds);
      const codes = new Set(subscriber.of(Op.ERROR).map(([, , code]) => code));
      expect([...codes]).toEqual([Code.rate_limited]);
    });

    it('reads less with a token that allows less, and more with one that allows more', async () => {
      const prefix = unique('P');
      const [a, b, c] = [`${prefix}-A`, `${prefix}-B`, `${prefix}-C`] as const;
      const claims = { sub: 'reader' };
      const publisher = await publisherForTest(server.port, undefined, {
        token: await tokenFor(EVERYTHING),
      });
      const tick = async () => {
        publisher.publish([a, b, c].map((symbol) => ({ symbol, price: 1, time: TIME })));
        await publisher.acknowledged();
      };
      const reader = await subscriberForTest(server.port, {
        token: await tokenFor({ read: [a, b, `${prefix}-new*`] }, claims),
      });
      const renew = async (read: readonly string[]) => {
        reader.send([Op.AUTH, await tokenFor({ read }, claims)]);
        // A pattern tells whether the renewal is through.
        await expect
          .poll(async () => {
            const [, , codes] = await reader.subscribe([a, b, c]);
            await reader.unsubscribe([a, b, c].filter((symbol) => symbol !== a));
            return codes;
          })
          .toEqual([a, b, c].map((symbol) => (read.includes(symbol) ? 0 : Code.forbidden)));
      };
      await reader.subscribe([`${prefix}*`, a]);
      await tick();
      await reader.counted(a, 1);
      await reader.counted(b, 1);
      expect([...reader.mirror.names.values()].sort()).toEqual([a, b]);
      // Less: both the exact and the wildcard's stop.
      await renew([b]);
      reader.mirror.forget((symbol) => symbol === b);
      const before = reader.mirror.entries;
      await tick();
      await reader.counted(b, 2);
      expect(await reader.verify()).toMatchObject({ symbolCount: 1 });
      expect(reader.mirror.get(a)).toBeUndefined();
      expect(reader.mirror.entries).toBeGreaterThan(before);
      // More: the wildcard, which was kept, brings what was there before and what comes later.
      await renew([a, b, c, `${prefix}-new`]);
      await reader.counted(c, 2);
      await reader.counted(a, 2);
      publisher.publish([{ symbol: `${prefix}-new`, price: 1, time: TIME }]);
      publisher.publish([{ symbol: `${prefix}-other`, price: 1, time: TIME }]);
      await reader.counted(`${prefix}-new`, 1);
      const verified = await reader.verify();
      expect(verified).toMatchObject({ symbolCount: 4, digest: verified.ownDigest });
    });

    it('publishes less with a token that allows less, and more with one that allows more', async () => {
      const [a, b] = [unique('S'), unique('S')];
      const claims = { sub: 'feed' };
      const publisher = await publisherForTest(server.port, unique('feed'), {
        token: await tokenFor({ publish: [a] }, claims),
      });
      publisher.declare(0, [a, b]);
      await publisher.received(Op.ERROR);
      const outcome = async () => {
        const { accepted, rejected } = publisher.lastAck;
        const texts = [a, b].flatMap((symbol) => [symbol, 1, TIME]);
        const sequence = publisher.nextSequence++;
        publisher.send([Op.TICKS, sequence, [0, 1, TIME, 1, 1, TIME, ...texts]]);
        const ack = await publisher.acknowledged(sequence);
        const [, of, codes] = publisher.of(Op.REJECT).at(-1) ?? [];
        expect(of === sequence).toBe(ack.rejected > rejected);
        return [ack.accepted - accepted, of === sequence ? codes : []];
      };
      const renew = async (publish: readonly string[], expected: unknown) => {
        publisher.send([Op.AUTH, await tokenFor({ publish }, claims)]);
        await expect.poll(outcome).toEqual(expected);
      };
      const forbidden = Code.forbidden;
      expect(await outcome()).toEqual([2, [1, forbidden, 3, forbidden]]);
      await renew([b], [2, [0, forbidden, 2, forbidden]]);
      await renew([], [0, [0, forbidden, 1, forbidden, 2, forbidden, 3, forbidden]]);
      await renew(['*'], [4, []]);
      await renew([a], [2, [1, forbidden, 3, forbidden]]);
      expect(publisher.of(Op.ERROR)).toHaveLength(1);
    });
  });

  it('a server without keys takes any AUTH and any token', async () => {
    const server = await serverForTest(guarded);
    for (const path of PATHS) {
      const client = await dialForTest(server.port, path, { token: 'nothing-at-all' });
      await client.ready();
      client.send([Op.AUTH, 'whatever']);
      await client.ping();
      expect(client.frames.map(([op]) => op)).toEqual([Op.WELCOME, Op.PONG]);
    }
  });

  describe('over HTTP', () => {
    const server = GuardedServer.forSuite(guarded);
    const DEMANDED = ['/api/prices', '/api/prices/X', '/api/prices/X/anomalies', '/api/anomalies'];
    const OPERATORS = ['/api/statistics', '/metrics'];
    const OPEN = ['/healthz', '/readyz', '/openapi.json', '/asyncapi.json', '/api'];

    function bearer(token: string): RequestInit {
      return { headers: { authorization: `Bearer ${token}` } };
    }

    it('401 asks for a token and tells nothing of a bad one', async () => {
      const http = await HttpClient.connect(server.port);
      const bad = await signed({}, 'another secret, also long enough for HS256');
      for (const path of [...DEMANDED, ...OPERATORS]) {
        for (const init of [{}, bearer(bad), { headers: { authorization: 'Basic abc' } }]) {
          const { status, headers, text } = await http.send('GET', path, init);
          expect([path, status]).toEqual([path, 401]);
          expect(headers.get('www-authenticate')).toMatch(/^Bearer /);
          for (const secret of secretsOf(bad)) expect(text).not.toContain(secret);
        }
      }
      const posted = await http.post({ symbol: 'X', price: 1 });
      expect(posted.status).toBe(401);
      const late = await http.send(
        'GET',
        '/api/prices',
        bearer(await tokenFor(EVERYTHING, endingIn(-1))),
      );
      expect(late.status).toBe(401);
    });

    it('403 answers who is no operator; what anybody may know is open', async () => {
      const http = await HttpClient.connect(server.port);
      const token = bearer(await tokenFor({ read: ['*'], publish: ['*'] }));
      const operator = bearer(await tokenFor({ operator: true }));
      for (const path of OPERATORS) {
        expect([path, (await http.send('GET', path, token)).status]).toEqual([path, 403]);
        expect([path, (await http.send('GET', path, operator)).status]).toEqual([path, 200]);
      }
      for (const path of OPEN) {
        expect([path, (await http.send('GET', path)).status]).toEqual([path, 200]);
      }
      // Operator is no permission to read or publish.
      const list = await http.send('GET', '/api/prices', operator);
      expect(list.json).toEqual({ items: [], next: null });
      expect((await http.send('GET', '/api/prices/X', operator)).status).toBe(403);
    });

    it('health and metrics are open or not, as configured', async () => {
      const auth = { health: 'token', metrics: 'open' } as const;
      const other = await GuardedServer.startForTest({ ...guarded, auth });
      const http = await HttpClient.connect(other.port);
      expect((await http.get('/metrics')).status).toBe(200);
      for (const path of ['/healthz', '/readyz']) {
        expect((await http.get(path)).status).toBe(401);
        const token = bearer(await tokenFor({}));
        expect((await http.send('GET', path, token)).status).toBe(200);
      }
    });
  });

  it('an API key serves as a token everywhere, and ends when it says', async () => {
    using folder = new ConfigFolder();
    const permissions = { publish: ['K*'], read: ['K*'] };
    const { key, entry } = issueApiKey({ name: 'feed', permissions, lifetimeMs: undefined });
    const brief = issueApiKey({ name: 'brief', permissions, lifetimeMs: 3_000 });
    folder.write('keys.json', `{"keys":[${entry},${brief.entry}]}`);
    const auth = { jwtSecret: '', apiKeysFile: `${folder.path}/keys.json` };
    const server = await GuardedServer.startForTest({ ...guarded, auth });
    const ending = await dialForTest(server.port, '/v1/stream', { token: brief.key });
    await ending.ready();
    const publisher = await publisherForTest(server.port, 'feed', { token: key });
    publisher.publish([
      { symbol: 'K1', price: 1, time: TIME },
      { symbol: 'L1', price: 1, time: TIME },
    ]);
    expect(await publisher.acknowledged()).toMatchObject({ accepted: 1, rejected: 1 });
    const protocols = ['tickwire.v1.json', `bearer.${key}`];
    const subscriber = await subscriberForTest(server.port, { json: true, protocols });
    await subscriber.subscribe(['*']);
    await subscriber.counted('K1', 1);
    const http = await HttpClient.connect(server.port);
    const headers = { authorization: `Bearer ${key}` };
    expect((await http.send('GET', '/api/prices/K1', { headers })).status).toBe(200);
    expect((await http.send('GET', '/api/prices/L1', { headers })).status).toBe(403);
    const signedToken = await dialForTest(server.port, '/v1/stream', {
      token: await tokenFor(EVERYTHING),
    });
    await expectTurnedAway(signedToken, /only API keys/);
    expect((await ending.closing()).code).toBe(4010);
    const again = await dialForTest(server.port, '/v1/stream', { token: brief.key });
    await expectTurnedAway(again, /expired/);
    expect(server.lines.join('')).not.toContain(key.slice(3));
  });
});
