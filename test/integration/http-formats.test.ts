import { gunzipSync } from 'node:zlib';
import { parse } from 'csv-parse/sync';
import { beforeAll, describe, expect, it } from 'vitest';
import { HttpClient } from '../support/http-client.ts';
import { rawRequest } from '../support/raw-http.ts';
import { onTransports, serverForSuite } from '../support/running-server.ts';

const TIME = Date.UTC(2026, 0, 1);
const SYMBOLS = ['=1+1', '@ES', 'A,B', 'BTC-USD', 'x"y'];
const CSV = { accept: 'text/csv' };
const GZIP = { 'accept-encoding': 'gzip, br' };

interface Page {
  readonly items: readonly Readonly<Record<string, unknown>>[];
}

onTransports((transport) => {
  const server = serverForSuite({ server: { transport } });
  let client: HttpClient;

  beforeAll(async () => {
    client = await HttpClient.connect(server.port);
    for (const [i, price] of [100, 110, 121.5].entries()) {
      await client.post(SYMBOLS.map((symbol) => ({ symbol, price, timestamp: TIME + i })));
    }
    const many = Array.from({ length: 200 }, (_, i) => ({ symbol: `N${i}`, price: 1 + i }));
    await client.post(many);
    await client.settled();
  });

  const csv = (path: string) => client.send('GET', path, { headers: CSV });

  /** Fields as a reader of the API has them: without the mark against formulas. */
  const rowsOf = (text: string) =>
    parse<Record<string, string>>(text, { columns: true }).map((row) =>
      Object.fromEntries(
        Object.entries(row).map(([name, field]) => [name, field.replace(/^'/, '')]),
      ),
    );

  const texts = (item: object) =>
    Object.fromEntries(Object.entries(item).map(([name, value]) => [name, `${value ?? ''}`]));

  describe('Accept: text/csv', () => {
    it.each([
      '/api/prices?limit=1000',
      '/api/prices?prefix=none',
      '/api/prices/%3D1%2B1/anomalies',
      '/api/anomalies?limit=1000',
    ])('has the same columns and values as JSON: %s', async (path) => {
      const { json, headers } = await client.get<Page>(path);
      const { headers: ofCsv, status, text } = await csv(path);
      expect(status).toBe(200);
      expect(ofCsv.get('content-type')).toBe('text/csv; charset=utf-8; header=present');
      for (const each of [headers, ofCsv]) expect(each.get('vary')).toMatch(/^Accept\b(?!-)/);
      expect(rowsOf(text)).toEqual(json.items.map(texts));
      const [item] = json.items;
      if (item !== undefined) expect(text.split('\r\n')[0]).toBe(Object.keys(item).join(','));
      expect(text).not.toMatch(/^"?[=@]/m);
    });

    it('has the header row of an empty list', async () => {
      const { text } = await csv('/api/prices?prefix=none');
      expect(text).toBe(
        'symbol,currentPrice,movingAverage,updateCount,lastUpdateTime,minPrice,maxPrice,' +
          'anomaliesDetected\r\n',
      );
    });

    it('has the statistics of one symbol in one row', async () => {
      const { json } = await client.get<object>('/api/prices/A,B');
      expect(rowsOf((await csv('/api/prices/A,B')).text)).toEqual([texts(json)]);
    });

    it('has the totals in one row, with names of members joined', async () => {
      const [row] = rowsOf((await csv('/api/statistics')).text);
      expect(row).toMatchObject({
        totalProcessed: '215',
        'rejectedByReason.bad_price': '0',
        'partitions.0.processed': '215',
        'sessions.publishers': '0',
      });
    });

    it('goes on page by page by the header Link, which keeps the query', async () => {
      const seen: string[] = [];
      let path: string | undefined = '/api/prices?symbols=N1*&limit=25';
      while (path !== undefined) {
        const { headers, text } = await csv(path);
        seen.push(...rowsOf(text).map(({ symbol }) => symbol as string));
        const next: string | undefined = /^<(\?.*)>; rel="next"$/.exec(
          headers.get('link') ?? '',
        )?.[1];
        path = next && `/api/prices${next}`;
      }
      const { json } = await client.get<Page>('/api/prices?symbols=N1*&limit=1000');
      expect(seen).toEqual(json.items.map(({ symbol }) => symbol));
      expect(seen).toHaveLength(111);
    });

    it('leaves problems and other answers as they are', async () => {
      const missing = await csv('/api/prices/NOPE');
      expect([missing.status, missing.headers.get('content-type')]).toEqual([
        404,
        'application/problem+json',
      ]);
      expect((await csv('/healthz')).json).toEqual({ status: 'ok' });
    });
  });

  describe('gzip', () => {
    it.each([
      ['/api/prices?limit=1000', {}],
      ['/api/prices?limit=1000', CSV],
      ['/openapi.json', {}],
      ['/asyncapi.json', {}],
    ])('shrinks a large answer where it is accepted: %s %j', async (path, accept) => {
      const plain = await rawRequest(server.port, path, accept);
      const { body, headers, status } = await rawRequest(server.port, path, { ...accept, ...GZIP });
      expect([status, headers['content-encoding']]).toEqual([200, 'gzip']);
      expect(headers['content-length']).toBe(String(body.length));
      expect(gunzipSync(body).equals(plain.body)).toBe(true);
      expect(body.length).toBeLessThan(plain.body.length / 2);
      expect(plain.headers['content-encoding']).toBeUndefined();
      for (const each of [headers, plain.headers]) {
        expect(each.vary?.split(', ')).toContain('Accept-Encoding');
      }
    });

    it('shrinks the metrics', async () => {
      const { body, headers } = await rawRequest(server.port, '/metrics', GZIP);
      expect(headers['content-encoding']).toBe('gzip');
      expect(gunzipSync(body).toString()).toContain('tickwire_ticks_applied_total');
    });

    it('leaves small answers, and those for whom it is not', async () => {
      const small = await rawRequest(server.port, '/api/prices/A,B', GZIP);
      expect(small.headers['content-encoding']).toBeUndefined();
      expect(small.headers.vary).toBe('Accept');
      for (const coding of ['gzip;q=0', 'br', '']) {
        const refused = { 'accept-encoding': coding };
        const large = await rawRequest(server.port, '/api/prices?limit=1000', refused);
        expect(large.headers['content-encoding']).toBeUndefined();
      }
    });

    it('never queues: of answers at the same time, some may leave as they are', async () => {
      const asked = Array.from({ length: 12 }, () =>
        rawRequest(server.port, '/api/prices?prefix=N&limit=1000', GZIP),
      );
      const answers = await Promise.all(asked);
      const texts = answers.map(({ body, headers }) =>
        (headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body).toString(),
      );
      expect(new Set(texts).size).toBe(1);
      expect(answers.some(({ headers }) => headers['content-encoding'] === 'gzip')).toBe(true);
    });

    it('answers HEAD with the length of what GET has', async () => {
      const got = await rawRequest(server.port, '/openapi.json', GZIP);
      const head = await rawRequest(server.port, '/openapi.json', GZIP, 'HEAD');
      expect(head.body).toHaveLength(0);
      for (const name of ['content-length', 'content-encoding', 'vary']) {
        expect(head.headers[name]).toBe(got.headers[name]);
      }
    });
  });
});
