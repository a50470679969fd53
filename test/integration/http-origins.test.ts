import { describe, expect, it } from 'vitest';
import type { Problem } from '../support/http-client.ts';
import { type RawAnswer, rawRequest } from '../support/raw-http.ts';
import { onTransports, serverForSuite, serverForTest } from '../support/running-server.ts';
import { refusalStatus } from '../support/test-clients.ts';

const APP = 'https://app.example.com';
const FOREIGN = 'https://foreign.example';

const corsOf = ({ headers }: RawAnswer) =>
  Object.entries(headers).filter(([name]) => name.startsWith('access-control-'));

const problemOf = ({ body }: RawAnswer) => JSON.parse(body.toString()) as Problem;

onTransports((transport) => {
  describe('without a list', () => {
    const server = serverForSuite({ server: { transport } });
    const own = () => `http://127.0.0.1:${server.port}`;

    it.each(['/v1/publish', '/v1/stream'])(
      'lets own pages and programs connect to %s',
      async (path) => {
        expect(await refusalStatus(server.port, path, {})).toBe(101);
        expect(await refusalStatus(server.port, path, { origin: own() })).toBe(101);
      },
    );

    it.each(['/v1/publish', '/v1/stream'])('refuses foreign pages at %s', async (path) => {
      for (const origin of [
        FOREIGN,
        'null',
        `http://127.0.0.1:${server.port + 1}`,
        own().replace('127.0.0.1', 'localhost'),
      ]) {
        expect([origin, await refusalStatus(server.port, path, { origin })]).toEqual([origin, 403]);
      }
    });

    it('says in the log which page it refuses, and the setting that allows it', async () => {
      const { lines, port } = await serverForTest({ server: { transport } }, { logLevel: 'trace' });
      await refusalStatus(port, '/v1/stream', { origin: FOREIGN });
      await rawRequest(port, '/api/prices', { origin: FOREIGN }, 'POST');
      const refused = lines
        .map((line) => JSON.parse(line) as Record<string, unknown>)
        .filter(({ security }) => security === 'originRefused');
      // One line a second for each address.
      expect(refused).toHaveLength(1);
      expect(refused[0]).toMatchObject({
        level: 40,
        address: '127.0.0.1',
        reason: `${FOREIGN}: to allow it, list it in server.allowedOrigins`,
      });
    });

    it.each(['null', 'capacitor://localhost'])('advises * for the origin %s', async (origin) => {
      const { lines, port } = await serverForTest({ server: { transport } }, { logLevel: 'trace' });
      await refusalStatus(port, '/v1/stream', { origin });
      const remedy = `${origin}: to allow it, set * in server.allowedOrigins`;
      expect(lines.filter((line) => line.includes(remedy))).toHaveLength(1);
    });

    it('forbids foreign pages to change or read anything', async () => {
      const posted = await rawRequest(server.port, '/api/prices', { origin: FOREIGN }, 'POST');
      expect(posted.status).toBe(403);
      expect(problemOf(posted).detail).toContain('server.allowedOrigins');
      const read = await rawRequest(server.port, '/api/prices', { origin: FOREIGN });
      expect(corsOf(read)).toEqual([]);
    });

    it('allows own pages to post', async () => {
      // It lacks a body, which is checked after the origin.
      const { status } = await rawRequest(server.port, '/api/prices', { origin: own() }, 'POST');
      expect(status).toBe(400);
    });

    it('answers no preflight of a foreign page', async () => {
      const headers = { origin: FOREIGN, 'access-control-request-method': 'POST' };
      const answer = await rawRequest(server.port, '/api/prices', headers, 'OPTIONS');
      expect([answer.status, corsOf(answer)]).toEqual([403, []]);
    });
  });

  describe('with a list', () => {
    const server = serverForSuite({
      server: { transport, allowedOrigins: `${APP},http://localhost:3000` },
    });

    it('allows listed pages to connect', async () => {
      expect(await refusalStatus(server.port, '/v1/stream', { origin: APP })).toBe(101);
      const listed = { origin: 'http://localhost:3000' };
      expect(await refusalStatus(server.port, '/v1/stream', listed)).toBe(101);
      expect(await refusalStatus(server.port, '/v1/stream', { origin: FOREIGN })).toBe(403);
    });

    it.each(['/api/prices', '/healthz', '/no/such', '/api/prices/a%zz'])(
      'lets listed pages read %s, whatever the answer',
      async (path) => {
        const answer = await rawRequest(server.port, path, { origin: APP });
        expect(corsOf(answer)).toEqual([['access-control-allow-origin', APP]]);
        const vary = path === '/api/prices' ? 'Accept, Origin' : 'Origin';
        expect(answer.headers.vary).toBe(vary);
        const foreign = await rawRequest(server.port, path, { origin: FOREIGN });
        expect(corsOf(foreign)).toEqual([]);
        expect([foreign.status, foreign.headers.vary]).toEqual([answer.status, vary]);
        // A cache must not serve a listed page what it stored for a program.
        expect((await rawRequest(server.port, path)).headers.vary).toBe(vary);
      },
    );

    it('answers the preflight of a listed page', async () => {
      const headers = {
        origin: APP,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,content-type',
      };
      const answer = await rawRequest(server.port, '/api/prices', headers, 'OPTIONS');
      expect([answer.status, answer.body.length]).toEqual([204, 0]);
      expect(Object.fromEntries(corsOf(answer))).toEqual({
        'access-control-allow-origin': APP,
        'access-control-allow-methods': 'GET, HEAD, POST, DELETE',
        'access-control-allow-headers': 'authorization, content-type',
        'access-control-max-age': '600',
      });
      expect(answer.headers.vary).toBe('Origin');
    });

    it.each([
      ['traceparent,x-request-id, Tracestate', 'traceparent, x-request-id, Tracestate'],
      ['bad name,ok', 'ok'],
      ['', ''],
    ])('allows listed pages to send any header: %j', async (asked, allowed) => {
      const headers = {
        'access-control-request-method': 'GET',
        'access-control-request-headers': asked,
      };
      const preflight = (origin: string) =>
        rawRequest(server.port, '/api/prices', { ...headers, origin }, 'OPTIONS');
      const answer = await preflight(APP);
      expect([answer.status, answer.headers['access-control-allow-headers']]).toEqual([
        204,
        allowed,
      ]);
      const foreign = await preflight(FOREIGN);
      expect([foreign.status, corsOf(foreign)]).toEqual([403, []]);
    });

    it('leaves the SDK to everyone', async () => {
      const answer = await rawRequest(server.port, '/sdk/tickwire.js', { origin: APP });
      expect(answer.headers['access-control-allow-origin']).toBe('*');
      expect(answer.headers.vary).toBe('Accept-Encoding, Origin');
    });

    it('answers OPTIONS that is no preflight with the methods of the path', async () => {
      const ask = (path: string) => rawRequest(server.port, path, { origin: APP }, 'OPTIONS');
      const { status, headers, body } = await ask('/api/prices');
      const methods = 'POST, GET, HEAD, OPTIONS';
      expect([status, headers.allow, body.length]).toEqual([204, methods, 0]);
      expect((await ask('/no/such')).status).toBe(404);
    });
  });

  describe('with a star', () => {
    const server = serverForSuite({ server: { transport, allowedOrigins: '*' } });

    it('allows any page to connect, read and post', async () => {
      expect(await refusalStatus(server.port, '/v1/stream', { origin: FOREIGN })).toBe(101);
      const answer = await rawRequest(server.port, '/healthz', { origin: FOREIGN });
      expect(corsOf(answer)).toEqual([['access-control-allow-origin', FOREIGN]]);
      const posted = await rawRequest(server.port, '/api/prices', { origin: FOREIGN }, 'POST');
      expect([posted.status, corsOf(posted)]).toEqual([
        400,
        [['access-control-allow-origin', FOREIGN]],
      ]);
    });
  });
});
