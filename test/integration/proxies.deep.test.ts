import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Op } from '../../testkit/independent/protocol.ts';
import { ServerProcess } from '../../testkit/server-process.ts';
import { eventually, until } from '../../testkit/until.ts';
import { EventReader } from '../support/event-reader.ts';
import type { ConfigFolder } from '../support/folders.ts';
import {
  behind,
  onProxies,
  type ProxyName,
  ProxyProcess,
  proxyForSuite,
  replaced,
} from '../support/proxy-process.ts';
import { type AskOptions, ask, rawRequest } from '../support/raw-http.ts';
import { onTransports } from '../support/running-server.ts';
import { publisherForTest, subscriberForTest, unique } from '../support/test-clients.ts';
import { SECRET, signed } from '../support/tokens.ts';

const EVERYTHING = { tickwire: { publish: ['*'], read: ['*'] } };
const TIME = 1_700_000_000_000;
const HEARTBEAT_MS = 200;
/** A proxy's patience in the tests of silence. */
const PATIENCE_MS = 1500;
const SLASHES = ['BTC/USD', '/ES', 'a//b', 'a/b/', '100%/x y', 'ü/?&#+'];

/** A server process for a suite. */
function serverForSuite(flags: readonly string[]): { readonly port: number } {
  let server: ServerProcess | undefined;
  beforeAll(async () => {
    server = await ServerProcess.start(flags);
  });
  afterAll(() => server?.end());
  return {
    get port() {
      return server?.port ?? 0;
    },
  };
}

/** The documented configuration, but for its patience with quiet connections. */
const IMPATIENT: Readonly<Record<ProxyName, (config: string) => string>> = {
  nginx: (config) => replaced(config, '_timeout 60s;', `_timeout ${PATIENCE_MS}ms;`),
  haproxy: (config) =>
    ['timeout tunnel  1h', 'timeout client  30s', 'timeout server  30s'].reduce(
      (text, line) => replaced(text, line, line.replace(/\d+.$/, `${PATIENCE_MS}ms`)),
      config,
    ),
};

/** The documented configuration, and a password of the proxy's own. */
const GUARDED: Readonly<Record<ProxyName, (config: string, folder: ConfigFolder) => string>> = {
  nginx: (config, folder) => {
    folder.write('users', 'proxy:{PLAIN}pass\n');
    const guard = `auth_basic proxy;\n  auth_basic_user_file ${folder.path}/users;`;
    return replaced(config, 'listen 80;', `listen 80;\n  ${guard}`);
  },
  haproxy: (config) => `
userlist people
  user proxy insecure-password pass
${replaced(config, 'bind :80', 'bind :80\n  http-request auth unless { http_auth(people) }')}`,
};
const BASIC = `Basic ${Buffer.from('proxy:pass').toString('base64')}`;

/** A token of so many characters. */
async function tokenOf(length: number): Promise<string> {
  const { length: least } = await signed({ ...EVERYTHING, padding: '' });
  for (let size = Math.floor(((length - least) * 3) / 4) - 2; ; size++) {
    const token = await signed({ ...EVERYTHING, padding: 'x'.repeat(size) });
    if (token.length >= length) return token;
  }
}

async function post(port: number, prices: readonly object[], options: AskOptions = {}) {
  return ask(port, '/api/prices', {
    method: 'POST',
    body: JSON.stringify(prices),
    ...options,
    headers: { 'content-type': 'application/json', ...options.headers },
  });
}

async function priceAt(port: number, path: string): Promise<unknown> {
  const { status, text } = await ask(port, path);
  if (status !== 200) return status;
  const { symbol, currentPrice } = JSON.parse(text) as Record<string, unknown>;
  return [symbol, currentPrice];
}

function keysOf(json: Buffer): string[] {
  return Object.keys(JSON.parse(json.toString()) as object);
}

async function subscribers(port: number): Promise<number> {
  const { text } = await ask(port, '/api/statistics');
  return (JSON.parse(text) as { sessions: { subscribers: number } }).sessions.subscribers;
}

onTransports((transport) => {
  const server = serverForSuite([
    `--server.transport=${transport}`,
    `--server.heartbeatMs=${HEARTBEAT_MS}`,
  ]);
  const guarded = serverForSuite([`--server.transport=${transport}`, `--auth.jwtSecret=${SECRET}`]);

  behind('nginx', () => {
    const gzip = { 'accept-encoding': 'gzip' };
    it('compresses what the server did not, where it is to', async () => {
      const proxy = await ProxyProcess.startForTest('nginx', [server.port], (config) =>
        replaced(config, 'listen 80;', 'listen 80;\n  gzip on;\n  gzip_types application/json;'),
      );
      for (const path of ['/api/statistics', '/openapi.json']) {
        const plain = await rawRequest(proxy.port, path);
        const { body, headers } = await rawRequest(proxy.port, path, gzip);
        expect([headers['content-encoding'], headers.vary]).toEqual(['gzip', plain.headers.vary]);
        expect(keysOf(gunzipSync(body))).toEqual(keysOf(plain.body));
      }
    });
  });

  onProxies((name) => {
    const proxy = proxyForSuite(name, () => [server.port]);

    it('takes WebSockets: prices in, statistics and anomalies out', async () => {
      const symbol = unique('WS');
      const publisher = await publisherForTest(proxy.port, unique('feed'));
      const subscriber = await subscriberForTest(proxy.port);
      await subscriber.subscribe([symbol]);
      const time = Date.now();
      const ticks = Array.from({ length: 5000 }, (_, i) => ({
        symbol,
        price: i % 100 === 99 ? 110 : 100,
        time: time + i,
      }));
      await publisher.publishAll(ticks);
      expect(publisher.lastAck.accepted).toBe(ticks.length);
      await subscriber.counted(symbol, ticks.length);
      const verified = await subscriber.verify();
      expect(verified.symbolCount).toBe(1);
      expect(verified.digest).toBe(verified.ownDigest);
      expect(subscriber.anomalies.length).toBeGreaterThan(90);
      expect(subscriber.jumps).toEqual([]);
    });

    it('keeps a quiet WebSocket by heartbeats, without which it would cut it', async () => {
      const { port } = await ProxyProcess.startForTest(name, [server.port], IMPATIENT[name]);
      const rare = await ProxyProcess.startForTest(name, [guarded.port], IMPATIENT[name]);
      const start = performance.now();
      const silent = await subscriberForTest(rare.port, { token: await signed(EVERYTHING) });
      const clients = [await publisherForTest(port, unique('feed')), await subscriberForTest(port)];
      expect((await silent.closing()).code).toBe(1006);
      for (const client of clients) {
        const beats = () => client.of(Op.HEARTBEAT).length * HEARTBEAT_MS;
        await client.until(
          () => beats() > 2 * PATIENCE_MS || client.closed !== undefined,
          'heartbeats',
        );
        expect(client.closed).toBeUndefined();
      }
      expect(performance.now() - start).toBeGreaterThan(1.8 * PATIENCE_MS);
    });

    it.each([
      ['server-sent events', 'text/event-stream'],
      ['JSON lines', 'application/x-ndjson'],
    ])('passes on each event of a stream without WebSocket: %s', async (_name, accept) => {
      const before = await ProxyProcess.startForTest(name, [server.port], IMPATIENT[name]);
      const others = await subscribers(server.port);
      const symbol = unique('SSE');
      const start = performance.now();
      const reader = await EventReader.open(before.port, `symbols=${symbol}`, { accept });
      expect(reader.headers.get('content-type')).toBe(accept);
      await reader.received('welcome', 1);
      // Each is awaited before the next is caused.
      for (const [i, price] of [100, 110, 100].entries()) {
        await post(before.port, [{ symbol, price, timestamp: TIME + i }]);
        await reader.received('anomaly', i);
        await until(() => reader.of('statistics').at(-1)?.updateCount === i + 1, 'statistics');
      }
      const isHeartbeat = (text: string) => text === ': heartbeat';
      const beats = () => reader.of('heartbeat').length + reader.others.filter(isHeartbeat).length;
      await until(() => beats() * HEARTBEAT_MS > 2 * PATIENCE_MS || reader.isEnded, 'heartbeats');
      expect(performance.now() - start).toBeGreaterThan(1.8 * PATIENCE_MS);
      await post(before.port, [{ symbol, price: 90, timestamp: TIME + 3 }]);
      await until(() => reader.of('statistics').at(-1)?.updateCount === 4, 'the last statistics');
      expect(reader.isEnded).toBe(false);
      expect(await subscribers(server.port)).toBe(others + 1);
      reader.close();
      await until(
        async () => (await subscribers(server.port)) === others,
        'the end of the session',
      );
    });

    const prefixes = name === 'nginx' ? ['', '/tickwire'] : [''];
    it.each(prefixes)('finds symbols with slashes, encoded or not: "%s"', async (prefix) => {
      const prices = SLASHES.map((symbol, i) => ({ symbol, price: 1 + i }));
      const { text } = await post(proxy.port, prices);
      expect(JSON.parse(text)).toMatchObject({ accepted: prices.length });
      for (const { symbol, price } of prices) {
        const encoded = encodeURIComponent(symbol);
        for (const path of [
          `${prefix}/api/prices/${encoded}`,
          `${prefix}/api/prices/${encoded.replaceAll('%2F', '/')}`,
        ]) {
          expect([
            path,
            await eventually(
              () => priceAt(proxy.port, path),
              (at) => at !== 404,
            ),
          ]).toEqual([path, [symbol, price]]);
        }
        const list = await ask(proxy.port, `${prefix}/api/prices?symbol=${encoded}`);
        expect(JSON.parse(list.text)).toMatchObject({ items: [{ symbol }] });
      }
    });

    it('passes on answers that the server compressed', async () => {
      const gzip = { 'accept-encoding': 'gzip' };
      const plain = await rawRequest(proxy.port, '/openapi.json');
      const { body, headers } = await rawRequest(proxy.port, '/openapi.json', gzip);
      expect(headers['content-encoding']).toBe('gzip');
      expect(gunzipSync(body).equals(plain.body)).toBe(true);
    });

    it.each(['h2c', 'TLS/1.0', 'foo'])(
      'reads the body of an offer to upgrade: %s',
      async (offer) => {
        const symbol = unique('UP');
        const { status, text } = await post(proxy.port, [{ symbol, price: 1 }], {
          headers: {
            connection: 'Upgrade, HTTP2-Settings',
            upgrade: offer,
            'http2-settings': 'AAMAAABkAAQAAP__',
          },
        });
        expect([status, JSON.parse(text)]).toEqual([202, { accepted: 1, rejected: [] }]);
      },
    );

    it.each([4700, 8192])('takes tokens of %d characters beside other fields', async (length) => {
      const before = await ProxyProcess.startForTest(name, [guarded.port]);
      const token = await tokenOf(length);
      expect(token.length - length).toBeLessThan(2);
      const cookie = 'c'.repeat(1300);
      const symbol = unique('LARGE');
      const { status } = await post(before.port, [{ symbol, price: 1 }], {
        headers: { authorization: `Bearer ${token}`, cookie },
      });
      expect(status).toBe(202);
      const subscriber = await subscriberForTest(before.port, { token });
      await subscriber.subscribe([symbol]);
      await subscriber.counted(symbol, 1);
    });

    it('may ask for a password of its own, beside the token in the subprotocol', async () => {
      const before = await ProxyProcess.startForTest(name, [guarded.port], GUARDED[name]);
      const symbol = unique('BASIC');
      const protocols = ['tickwire.v1', `bearer.${await signed(EVERYTHING)}`];
      const without = await ask(before.port, '/readyz');
      expect([without.status, without.problem]).toEqual([401, undefined]);
      const asAllowed = { authorization: BASIC, protocols };
      const publisher = await publisherForTest(before.port, unique('feed'), asAllowed);
      const subscriber = await subscriberForTest(before.port, asAllowed);
      await subscriber.subscribe([symbol]);
      await publisher.publishAll([{ symbol, price: 1, time: null }]);
      await subscriber.counted(symbol, 1);
      // Over HTTP there is one header for both: the server asks for its token.
      const refused = await ask(before.port, '/api/prices', { headers: { authorization: BASIC } });
      expect([refused.status, refused.problem?.status]).toEqual([401, 401]);
    });
  });
});
