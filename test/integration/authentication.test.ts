import { describe, expect, it, onTestFinished } from 'vitest';
import { issueApiKey } from '../../src/access/index.ts';
import { Code, Op } from '../../testkit/independent/protocol.ts';
import { ConfigFolder } from '../support/folders.ts';
import {
  EVERYTHING,
  endingIn,
  expectTurnedAway,
  GuardedServer,
  secretsOf,
  tokenFor,
  toldTo,
} from '../support/guarded-server.ts';
import { HttpClient } from '../support/http-client.ts';
import { onTransports, serverForTest } from '../support/running-server.ts';
import {
  dialForTest,
  publisherForTest,
  subscriberForTest,
  unique,
} from '../support/test-clients.ts';
import { compact, newKeys, signed } from '../support/tokens.ts';

const TIME = 1_700_000_000_000;
const PATHS = ['/v1/publish', '/v1/stream'] as const;
const ENCODINGS = [{ json: false }, { json: true }];

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
        expect(client.welcome).toMatchObject({ version: 1, limits: { authTimeoutMs: 5000 } });
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

    it.each(['Basic dXNlcjpwYXNz', 'Negotiate YII=', 'raw', ''])(
      'may come as a subprotocol or frame beside the header of a proxy: %j',
      async (authorization) => {
        const token = await tokenFor(EVERYTHING);
        const protocols = ['tickwire.v1', `bearer.${token}`];
        const named = await dialForTest(server.port, '/v1/stream', { protocols, authorization });
        await named.ready();
        const framed = await dialForTest(server.port, '/v1/publish', { authorization });
        framed.send([Op.AUTH, token]);
        await framed.ready();
        expect([...named.violations, ...framed.violations]).toEqual([]);
      },
    );

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
      await subscriber.received(Op.SYMBOLS);
      // SYMBOLS follows the first applied tick, before or after the second PONG.
      const ops = subscriber.frames.map(([op]) => op as number);
      const answers: readonly number[] = [Op.WELCOME, Op.PONG, Op.SUBSCRIBED, Op.PONG];
      expect(ops.filter((op) => answers.includes(op))).toEqual(answers);
      expect(ops.indexOf(Op.SYMBOLS)).toBeGreaterThan(ops.indexOf(Op.SUBSCRIBED));
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

    it('that is bad is refused with ERROR 10 and 4500, and nothing of it leaks', async () => {
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

    it('in a header of another scheme is not accepted', async () => {
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
