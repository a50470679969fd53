import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { pino } from 'pino';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parseConfig } from '../../src/config/parse-config.ts';
import { tickwireVersion } from '../../src/config/version.ts';
import { startServer } from '../../src/server.ts';
import { until } from '../../testkit/until.ts';
import { folderForTest } from '../support/folders.ts';
import { rawRequest } from '../support/raw-http.ts';
import { onTransports, serverForSuite, serverForTest } from '../support/running-server.ts';
import { RawPeer } from '../support/transport-peers.ts';

const BUILT = new URL('../../dist/public/', import.meta.url);

/** Path, file of the build, type. */
const FILES = [
  ['/', 'index.html', 'text/html; charset=utf-8'],
  ['/dashboard.js', 'dashboard.js', 'text/javascript; charset=utf-8'],
  ['/dashboard.js.map', 'dashboard.js.map', 'application/json'],
  ['/dashboard.css', 'dashboard.css', 'text/css; charset=utf-8'],
  ['/dashboard.css.map', 'dashboard.css.map', 'application/json'],
  ['/favicon.svg', 'favicon.svg', 'image/svg+xml'],
  ['/sdk/tickwire.js', 'sdk/tickwire.js', 'text/javascript; charset=utf-8'],
  ['/sdk/tickwire.js.map', 'sdk/tickwire.js.map', 'application/json'],
] as const;

const GZIP = { 'accept-encoding': 'gzip, deflate, br' };

/** A folder with only a page, for one test. */
async function folderWithPage(page?: string): Promise<string> {
  const folder = folderForTest();
  if (page !== undefined) await writeFile(join(folder, 'index.html'), page);
  return folder;
}

onTransports((transport) => {
  const server = serverForSuite({ server: { transport } });
  const get = (path: string, headers = {}) => rawRequest(server.port, path, headers);

  describe.each(FILES)('GET %s', (path, file, type) => {
    it('is the file that was built', async () => {
      const { body, headers, status } = await get(path);
      expect(status).toBe(200);
      expect(body.equals(readFileSync(new URL(file, BUILT)))).toBe(true);
      expect(headers['content-length']).toBe(String(body.length));
      expect(headers).toMatchObject({
        'content-type': type,
        'cache-control': 'no-cache',
        'x-content-type-options': 'nosniff',
        vary: 'Accept-Encoding',
        etag: expect.stringMatching(/^"[\w-]{22}"$/),
      });
      expect(headers).not.toHaveProperty('content-encoding');
    });

    it('is compressed for who takes gzip', async () => {
      const plain = await get(path);
      for (const _ of [1, 2]) {
        const { body, headers, status } = await get(path, GZIP);
        expect([status, headers['content-encoding']]).toEqual([200, 'gzip']);
        expect(gunzipSync(body).equals(plain.body)).toBe(true);
        expect(headers['content-length']).toBe(String(body.length));
        expect(headers).toMatchObject({ vary: 'Accept-Encoding', 'content-type': type });
        expect(headers.etag).not.toBe(plain.headers.etag);
      }
    });

    it('is not sent again to who has it', async () => {
      for (const coding of [{}, GZIP]) {
        const { etag = '' } = (await get(path, coding)).headers;
        for (const tags of [etag, `"other", W/${etag}`, '*']) {
          const { body, headers, status } = await get(path, { ...coding, 'if-none-match': tags });
          expect([status, body.length, headers.etag]).toEqual([304, 0, etag]);
          expect(headers).toMatchObject({ 'cache-control': 'no-cache', vary: 'Accept-Encoding' });
        }
        expect((await get(path, { ...coding, 'if-none-match': '"other"' })).status).toBe(200);
      }
    });

    it('has a HEAD that says the same', async () => {
      for (const coding of [{}, GZIP]) {
        const got = await get(path, coding);
        const head = await rawRequest(server.port, path, coding, 'HEAD');
        expect([head.status, head.body.length]).toEqual([200, 0]);
        for (const name of ['content-length', 'content-encoding', 'content-type', 'etag']) {
          expect(head.headers[name]).toBe(got.headers[name]);
        }
      }
    });

    it('cannot be changed', async () => {
      const { headers, status } = await rawRequest(server.port, path, {}, 'POST');
      expect([status, headers.allow]).toEqual([405, 'GET, HEAD, OPTIONS']);
    });
  });

  it('goes on with a connection after a 304', async () => {
    const peer = await RawPeer.connect(server.port);
    peer.tcp.write('GET /favicon.svg HTTP/1.1\r\nHost: a\r\nIf-None-Match: *\r\n\r\n');
    await until(() => peer.text().includes('\r\n\r\n'), 'the head');
    expect(peer.text()).toMatch(/^HTTP\/1\.1 304 .*\r\n\r\n$/s);
    peer.clear();
    peer.tcp.write('GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n');
    await until(() => peer.text().endsWith('{"status":"ok"}'), 'the second answer');
  });

  it('allows the page its own resources only', async () => {
    const { headers } = await get('/');
    expect(String(headers['content-security-policy']).split('; ')).toEqual([
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "img-src 'self' data:",
      "connect-src 'self'",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ]);
    expect(headers).toMatchObject({
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
    });
  });

  it('allows any page to load the SDK, and none the dashboard', async () => {
    for (const [path] of FILES) {
      const isSdk = path.startsWith('/sdk/');
      const { headers } = await get(path);
      expect(headers['cross-origin-resource-policy']).toBe(isSdk ? 'cross-origin' : 'same-origin');
      expect(headers['access-control-allow-origin']).toBe(isSdk ? '*' : undefined);
    }
  });

  it('has scripts that compile no code, as the policy of the page demands', async () => {
    for (const path of ['/dashboard.js', '/sdk/tickwire.js']) {
      const script = (await get(path)).body.toString();
      expect(script).not.toMatch(/\bFunction\s*\(|\beval\s*\(/);
      expect(script).toContain(`//# sourceMappingURL=${path.split('/').at(-1)}.map`);
    }
  });

  it('knows no other files', async () => {
    for (const path of ['/index.html', '/sdk/', '/sdk', '/../package.json', '/%2e%2e/package.json'])
      expect((await get(path)).status).toBe(404);
  });

  it('serves what was there when it started', async () => {
    const folder = await folderWithPage('<p>first');
    const { port } = await serverForTest({ server: { transport } }, { publicFolder: folder });
    await writeFile(join(folder, 'index.html'), '<p>second');
    expect((await rawRequest(port, '/')).body.toString()).toBe('<p>first');
  });

  it('has the description of the WebSocket protocol', async () => {
    const { body, headers, status } = await get('/asyncapi.json');
    expect([status, headers['content-type']]).toEqual([200, 'application/json']);
    expect(JSON.parse(body.toString())).toMatchObject({
      asyncapi: expect.stringMatching(/^3\.\d\.\d$/),
      info: { version: tickwireVersion() },
    });
  });
});

describe('without a build', () => {
  it('starts, warns once, and says so where the pages would be', async () => {
    const warnings: string[] = [];
    const log = pino({ level: 'warn' }, { write: (line: string) => warnings.push(line) });
    const config = parseConfig({
      // The other transport may warn of its binary.
      server: { port: 0, drainMs: 200, transport: 'node' },
      processing: { partitions: 1 },
      // More may be too many for the descriptors: one more warning.
      limits: { connectionsMax: 100 },
      store: { directory: '' },
    });
    const server = await startServer(config, log, await folderWithPage());
    onTestFinished(async () => {
      await server.stop();
    });
    for (const [path] of FILES) {
      const { body, headers, status } = await rawRequest(server.port, path, GZIP);
      expect([status, headers['content-type']]).toEqual([503, 'application/problem+json']);
      expect(JSON.parse(body.toString())).toMatchObject({
        status: 503,
        detail: expect.stringContaining('npm run build'),
      });
    }
    expect((await rawRequest(server.port, '/api/prices')).status).toBe(200);
    expect(warnings).toHaveLength(1);
    expect(JSON.parse(warnings[0] as string)).toMatchObject({
      missing: FILES.map(([path]) => path),
    });
  });

  it('serves what there is of it', async () => {
    const { port } = await serverForTest({}, { publicFolder: await folderWithPage('<p>alone') });
    expect((await rawRequest(port, '/')).body.toString()).toBe('<p>alone');
    expect((await rawRequest(port, '/dashboard.js')).status).toBe(503);
  });
});
