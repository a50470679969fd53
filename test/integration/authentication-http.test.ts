import { describe, expect, it } from 'vitest';
import {
  EVERYTHING,
  endingIn,
  GuardedServer,
  secretsOf,
  tokenFor,
} from '../support/guarded-server.ts';
import { HttpClient } from '../support/http-client.ts';
import { onTransports } from '../support/running-server.ts';
import { signed } from '../support/tokens.ts';

onTransports((transport) => {
  const guarded = { server: { transport } };

  describe('over HTTP', () => {
    const server = GuardedServer.forSuite(guarded);
    const BY_SYMBOL = ['', '/anomalies', '/alerts', '/ticks'].map((of) => `/api/prices/X${of}`);
    const DEMANDED = ['/api/prices', ...BY_SYMBOL, '/api/anomalies', '/api/alerts', '/api/rules'];
    const OPERATORS = ['/api/statistics', '/api/cluster', '/metrics'];
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

    it('answers 403 to all but operators; public paths are open', async () => {
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
      // Operator permission includes neither read nor publish.
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
});
