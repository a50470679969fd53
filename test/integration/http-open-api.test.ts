import { beforeAll, describe, expect, it } from 'vitest';
import { tickwireVersion } from '../../src/config/version.ts';
import { ApiDocument, lintApi } from '../support/api-document.ts';
import { serverForSuite } from '../support/running-server.ts';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

describe('GET /openapi.json', () => {
  const server = serverForSuite();
  let api: ApiDocument;

  beforeAll(async () => {
    api = await ApiDocument.fetch(server.port);
  });

  it('is a document without fault', async () => {
    // Calls without parameters need no 4xx.
    const { problems, totals } = await lintApi(api.document, ['operation-4xx-response']);
    expect(problems).toEqual([]);
    expect(totals).toMatchObject({ errors: 0, warnings: 0 });
  });

  it('is looked at by a linter that does find faults', async () => {
    const broken = structuredClone(api.document) as unknown as {
      paths: Record<string, Record<string, { responses: unknown }>>;
    };
    const health = broken.paths['/healthz']?.get as { responses: unknown };
    health.responses = { 200: { $ref: '#/components/responses/None' } };
    expect((await lintApi(broken)).totals.errors).toBeGreaterThan(0);
  });

  it('names the version of the server', () => {
    expect(api.document.info.version).toBe(tickwireVersion());
  });

  it('describes every route and no other', async () => {
    for (const [template, methods] of Object.entries(api.document.paths)) {
      const described = Object.keys(methods).map((method) => method.toUpperCase());
      const url = `http://127.0.0.1:${server.port}${template.replace('{symbol}', 'A')}`;
      const refused = await fetch(url, { method: 'PATCH' });
      expect(refused.status, template).toBe(405);
      const allowed = (refused.headers.get('allow') ?? '').split(', ');
      const ours = allowed.filter((method) => method !== 'HEAD' && method !== 'OPTIONS');
      expect(ours.sort()).toEqual(described.sort());
      for (const method of METHODS) {
        const { status } = await fetch(url, { method });
        expect(status === 405, `${method} ${template}`).toBe(!allowed.includes(method));
      }
    }
  });

  it('has no dangling references and no unreferenced parts', () => {
    const text = JSON.stringify(api.document);
    const referred = new Set([...text.matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(String));
    const held = Object.keys(api.document.components.schemas);
    const names = [...referred].map((match) => match.split(',').at(-1));
    expect(new Set(names)).toEqual(new Set(held));
  });

  it('detects an answer with an extra or a missing member', async () => {
    const response = await fetch(`http://127.0.0.1:${server.port}/healthz`);
    const check = (body: string) => () => api.check('GET', '/healthz', response, body);
    expect(check('{"status":"ok"}')).not.toThrow();
    for (const body of ['{}', '{"status":"well"}', '{"status":"ok","more":1}', '[]']) {
      expect(check(body)).toThrow();
    }
  });
});
