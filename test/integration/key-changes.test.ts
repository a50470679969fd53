import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { connect } from '../../client-sdk/src/index.ts';
import { issueApiKey } from '../../src/access/index.ts';
import { Code, Op } from '../../testkit/independent/protocol.ts';
import { ConfigFolder } from '../support/folders.ts';
import {
  EVERYTHING,
  expectTurnedAway,
  GuardedServer,
  tokenFor,
} from '../support/guarded-server.ts';
import { HttpClient } from '../support/http-client.ts';
import { onTransports } from '../support/running-server.ts';
import { dialForTest, publisherForTest, subscriberForTest } from '../support/test-clients.ts';
import { jwkOf, newKeys, signed } from '../support/tokens.ts';

const TIME = 1_700_000_000_000;

/** An API key file and its keys. */
class KeyFile {
  readonly path: string;
  readonly #folder = new ConfigFolder();
  readonly #entries = new Map<string, { readonly id: string }>();

  constructor() {
    this.path = `${this.#folder.path}/keys.json`;
    onTestFinished(() => this.#folder[Symbol.dispose]());
  }

  /** Adds a key, replacing one of that name; returns it. */
  issue(name: string, permissions: object = { publish: ['*'], read: ['*'] }): string {
    const { key, entry } = issueApiKey({ name, permissions, lifetimeMs: undefined });
    this.#entries.set(name, JSON.parse(entry) as { id: string });
    this.#write();
    return key;
  }

  change(name: string, permissions: object): void {
    this.#entries.set(name, { ...this.#entries.get(name), id: name, ...permissions });
    this.#write();
  }

  remove(name: string): void {
    this.#entries.delete(name);
    this.#write();
  }

  #write(): void {
    this.#folder.write('keys.json', { keys: [...this.#entries.values()] });
  }
}

onTransports((transport) => {
  it('removing or replacing a key ends its sessions and no others', async () => {
    const file = new KeyFile();
    const keys = {
      gone: file.issue('gone'),
      changed: file.issue('changed'),
      kept: file.issue('kept'),
    };
    const server = await GuardedServer.startForTest({
      server: { transport },
      auth: { apiKeysFile: file.path },
    });
    const subscriber = await subscriberForTest(server.port, { token: keys.gone });
    const publisher = await publisherForTest(server.port, 'feed', { token: keys.changed });
    const kept = await subscriberForTest(server.port, { token: keys.kept });
    const signedIn = await subscriberForTest(server.port, { token: await tokenFor(EVERYTHING) });
    await kept.subscribe(['S']);
    file.remove('gone');
    file.issue('changed');
    server.reload();
    for (const client of [subscriber, publisher]) {
      expect((await client.closing()).code).toBe(4010);
      const [error] = client.of(Op.ERROR);
      expect(error?.slice(1, 4)).toEqual([null, Code.unauthorized, 'the API key was withdrawn']);
    }
    for (const token of [keys.gone, keys.changed]) {
      await expectTurnedAway(
        await dialForTest(server.port, '/v1/stream', { token }),
        /unknown API key/,
      );
      const http = await HttpClient.connect(server.port);
      const headers = { authorization: `Bearer ${token}` };
      expect((await http.send('GET', '/api/prices', { headers })).status).toBe(401);
    }
    await kept.ping();
    await signedIn.ping();
    expect((await kept.subscribe(['S']))[2]).toEqual([0]);
  });

  it('a key that allows something else does so for the sessions that are open', async () => {
    const file = new KeyFile();
    const key = file.issue('reader', { read: ['A', 'B'] });
    const feed = file.issue('feed', { publish: ['A', 'B'] });
    const server = await GuardedServer.startForTest({
      server: { transport },
      auth: { apiKeysFile: file.path },
    });
    const subscriber = await subscriberForTest(server.port, { token: key });
    await subscriber.subscribe(['A', 'B']);
    const publisher = await publisherForTest(server.port, 'feed', { token: feed });
    file.change('reader', { read: ['B', 'C'] });
    file.change('feed', { publish: ['A', 'B', 'C'] });
    server.reload();
    await expect
      .poll(async () => (await subscriber.subscribe(['A', 'C']))[2])
      .toEqual([Code.forbidden, 0]);
    const tick = (symbol: string) => ({ symbol, price: 1, time: TIME });
    publisher.publish([tick('A'), tick('B'), tick('C')]);
    expect(await publisher.acknowledged()).toMatchObject({ accepted: 3, rejected: 0 });
    for (const symbol of ['B', 'C']) await subscriber.counted(symbol, 1);
    expect(subscriber.mirror.get('A')).toBeUndefined();
  });

  it('a file that cannot be used changes nothing', async () => {
    const file = new KeyFile();
    const key = file.issue('reader');
    const server = await GuardedServer.start({
      server: { transport },
      auth: { apiKeysFile: file.path },
    });
    const subscriber = await subscriberForTest(server.port, { token: key });
    file.change('reader', { read: 'everything' });
    server.reload();
    await expect.poll(() => server.lines.join('')).toContain('the old ones stay in use');
    await subscriber.ping();
    await subscriberForTest(server.port, { token: key });
    await expect(server.stop()).rejects.toThrow();
  });

  it('an issuer down at the start delays its clients but keeps their sessions', async () => {
    const keys = newKeys('EdDSA');
    let isUp = false;
    const issuer = createServer((_request, response) => {
      const jwks = { keys: [jwkOf(keys, { kid: 'one', alg: 'EdDSA' })] };
      if (isUp) response.setHeader('content-type', 'application/json').end(JSON.stringify(jwks));
      else response.writeHead(503).end();
    });
    await new Promise<void>((resolve) => issuer.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      issuer.close();
    });
    const jwksUrl = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}/keys`;
    const server = await GuardedServer.start({ server: { transport }, auth: { jwksUrl } });
    const token = await signed({ tickwire: EVERYTHING }, keys, { kid: 'one' });
    const subscriber = connect(`ws://127.0.0.1:${server.port}`, { token });
    onTestFinished(() => subscriber.close());
    const closes: (number | undefined)[] = [];
    subscriber.on('state', ({ closure }) => closes.push(closure?.code));
    const told = await dialForTest(server.port, '/v1/stream', { token });
    expect((await told.closing()).code).toBe(1013);
    const http = await HttpClient.connect(server.port);
    const headers = { authorization: `Bearer ${token}` };
    const refused = await http.send('GET', '/api/prices', { headers });
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
    await expect.poll(() => closes).toContain(1013);
    isUp = true;
    server.reload();
    await subscriber.ready;
    expect((await http.send('GET', '/api/prices', { headers })).status).toBe(200);
    subscriber.close();
    await server.stop();
  });
});
