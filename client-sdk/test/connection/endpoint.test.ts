import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { fc } from '../../../testkit/fast-check.ts';
import { endpointUrl, endpointUrls } from '../../src/connection/connect-options.ts';
import { connect } from '../../src/subscriber/subscriber.ts';

afterEach(() => {
  vi.unstubAllGlobals();
});

describe('endpointUrl', () => {
  it.each([
    ['ws://h:9001', 'ws://h:9001/v1/stream'],
    ['ws://h:9001/', 'ws://h:9001/v1/stream'],
    ['http://h:9001', 'ws://h:9001/v1/stream'],
    ['HTTP://H', 'ws://h/v1/stream'],
    ['https://h', 'wss://h/v1/stream'],
    ['https://h:443', 'wss://h/v1/stream'],
    ['wss://h/market/', 'wss://h/market/v1/stream'],
    ['wss://h/market/data', 'wss://h/market/data/v1/stream'],
    ['ws://h/?a=b#c', 'ws://h/v1/stream'],
    ['ws://[::1]:9001', 'ws://[::1]:9001/v1/stream'],
    ['  ws://h  ', 'ws://h/v1/stream'],
  ])('%s is %s', (server, address) => {
    expect(endpointUrl(server, '/v1/stream').href).toBe(address);
    expect(endpointUrl(new URL(server), '/v1/stream').href).toBe(address);
  });

  it.each(['', 'server', 'localhost:9001', '//h', '/', 'ftp://h', 'file:///a', 'data:,a', 'ws://'])(
    'refuses "%s" at once',
    (server) => {
      expect(() => endpointUrl(server, '/v1/stream')).toThrow(TypeError);
      expect(() => connect(server)).toThrow(TypeError);
    },
  );

  it.each([
    ['https://h/app/index.html', '/', 'wss://h/v1/stream'],
    ['https://h/app/index.html', '', 'wss://h/app/index.html/v1/stream'],
    ['http://h:80/app/', 'feed', 'ws://h/app/feed/v1/stream'],
    ['http://h/app/', '//other', 'ws://other/v1/stream'],
    ['http://h/app/', 'wss://other', 'wss://other/v1/stream'],
  ])('at %s, %s is %s', (href, server, address) => {
    vi.stubGlobal('location', { href });
    expect(endpointUrl(server, '/v1/stream').href).toBe(address);
  });

  it('refuses a relative URL without a page', () => {
    vi.stubGlobal('location', { href: 'about:blank' });
    expect(() => endpointUrl('/', '/v1/stream')).toThrow(TypeError);
    vi.stubGlobal('location', { href: 'file:///home/page.html' });
    expect(() => endpointUrl('/', '/v1/stream')).toThrow(TypeError);
  });

  it('keeps server and path of any URL, and does not change its argument', () => {
    fc.assert(
      fc.property(fc.webUrl({ validSchemes: ['ws', 'wss', 'http', 'https'] }), (server) => {
        const given = new URL(server);
        const before = given.href;
        const { href, host, pathname, search, hash } = endpointUrl(given, '/v1/stream');
        expect(given.href).toBe(before);
        expect([host, search, hash]).toEqual([given.host, '', '']);
        expect(pathname).toBe(`${given.pathname.replace(/\/$/, '')}/v1/stream`);
        expect(endpointUrl(server, '/v1/stream').href).toBe(href);
      }),
    );
  });
});

describe('endpointUrls', () => {
  it('has every server once, in any order', () => {
    const servers = ['ws://a', new URL('http://b'), 'wss://c'];
    const orders = new Set<string>();
    for (let i = 0; i < 300; i++) orders.add(endpointUrls(servers, '/p', 'q=1').join());
    expect(orders.size).toBe(6);
    for (const order of orders) {
      expect(order.split(',').sort()).toEqual(['ws://a/p?q=1', 'ws://b/p?q=1', 'wss://c/p?q=1']);
    }
    expect(endpointUrls('ws://a', '/p')).toEqual(['ws://a/p']);
  });

  it('begins at each of them as often', () => {
    const servers = ['ws://a', 'ws://b', 'ws://c'];
    const firsts = Array.from({ length: 3000 }, () => endpointUrls(servers, '')[0]);
    for (const server of servers) {
      const count = firsts.filter((first) => first === `${server}/`).length;
      // Ten standard deviations.
      expect(Math.abs(count - 1000)).toBeLessThan(260);
    }
  });

  it('refuses a list without an address, or with a bad one', () => {
    expect(() => connect([])).toThrow('url: expected the URL of a server');
    expect(() => connect(['ws://a', 'b'])).toThrow('got "b"');
  });
});

describe('a program with no WebSocket anywhere', () => {
  it('gets an error that says what to install', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tickwire-no-ws-'));
    try {
      await build({
        entryPoints: [join(import.meta.dirname, '../../src/subscriber/subscriber.ts')],
        outfile: join(folder, 'client.mjs'),
        bundle: true,
        format: 'esm',
        logLevel: 'error',
      });
      const program = `
        delete globalThis.WebSocket;
        const { connect } = await import('./client.mjs');
        const subscriber = connect('ws://127.0.0.1:1');
        subscriber.on('state', ({ state }) => console.log(state));
        const { ready } = subscriber.subscribe('BTC');
        console.log(await Promise.all([subscriber.ready, ready].map((each) => each.catch(String))));
        console.log(subscriber.failure.message, subscriber.failure.cause.code);`;
      await writeFile(join(folder, 'program.mjs'), program);
      const { stdout } = await promisify(execFile)(process.execPath, ['program.mjs'], {
        cwd: folder,
        timeout: 30_000,
      });
      const advice =
        'this platform has no WebSocket: install the package ws, or pass options.WebSocket';
      expect(stdout).toBe(
        `closed\n[\n  'Error: ${advice}',\n  'Error: ${advice}'\n]\n` +
          `${advice} ERR_MODULE_NOT_FOUND\n`,
      );
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
