import { beforeAll, describe, expect, it } from 'vitest';
import { HttpClient, type Problem } from '../support/http-client.ts';
import { rawRequest } from '../support/raw-http.ts';
import { onTransports, serverForSuite } from '../support/running-server.ts';
import { refusalStatus } from '../support/test-clients.ts';

interface Page {
  readonly items: readonly { readonly symbol: string }[];
  readonly next: string | null;
}

const TIME = Date.UTC(2026, 0, 1);
/** In code-unit order. */
const SYMBOLS = ['/ES', 'A', 'A,B', 'BTC-EUR', 'BTC-USD', 'BTC/USD', 'ETH', 'X/anomalies', 'a//b'];

onTransports((transport) => {
  const server = serverForSuite({ server: { transport } });
  let client: HttpClient;

  beforeAll(async () => {
    client = await HttpClient.connect(server.port);
    for (const [i, price] of [100, 110, 121].entries()) {
      const prices = SYMBOLS.map((symbol) => ({ symbol, price, timestamp: TIME + i }));
      await client.post(prices);
    }
    await client.settled();
  });

  describe('a symbol in the path', () => {
    it.each([
      ['BTC/USD', 'BTC/USD'],
      ['BTC%2FUSD', 'BTC/USD'],
      ['a//b', 'a//b'],
      ['a%2F/b', 'a//b'],
      ['/ES', '/ES'],
      ['%2FES', '/ES'],
      ['X%2Fanomalies', 'X/anomalies'],
    ])('may have its slashes as they are, or encoded: %s', async (written, symbol) => {
      // Not by fetch, which would change the path.
      const read = async (path: string) => {
        const { body, status } = await rawRequest(server.port, path);
        return { status, document: JSON.parse(body.toString()) as Page };
      };
      const one = await read(`/api/prices/${written}`);
      expect(one).toMatchObject({ status: 200, document: { symbol, updateCount: 3 } });
      const { document } = await read(`/api/prices/${written}/anomalies`);
      expect(document.items.map((item) => item.symbol)).toEqual([symbol, symbol]);
    });
  });

  describe('symbols in the query', () => {
    const list = async (query: string) => {
      const { json } = await client.get<Page>(`/api/prices?${query}`);
      return [json.items.map(({ symbol }) => symbol), json.next];
    };

    it.each([
      ['symbol=BTC-USD', ['BTC-USD'], null],
      ['symbol=BTC%2FUSD', ['BTC/USD'], null],
      ['symbol=A,B', ['A,B'], null],
      ['symbol=ETH&symbol=A', ['A', 'ETH'], null],
      ['symbols=ETH,A', ['A', 'ETH'], null],
      ['symbols=ETH,A,A,nope', ['A', 'ETH'], null],
      ['symbols=ETH&symbols=A&symbol=a//b', ['A', 'ETH', 'a//b'], null],
      ['symbols=BTC-*,ETH', ['BTC-EUR', 'BTC-USD', 'ETH'], null],
      ['symbols=*USD', ['BTC-USD', 'BTC/USD'], null],
      ['symbols=nope', [], null],
      ['symbols=A,ETH,BTC-USD&limit=2', ['A', 'BTC-USD'], 'BTC-USD'],
      ['symbols=A,ETH,BTC-USD&after=BTC-USD', ['ETH'], null],
      ['symbols=A,ETH,BTC-USD&prefix=B', ['BTC-USD'], null],
      ['symbols=*,ETH&prefix=BTC-&limit=1', ['BTC-EUR'], 'BTC-EUR'],
    ])('choose what GET /api/prices lists: %s', async (query, symbols, next) => {
      expect(await list(query)).toEqual([symbols, next]);
    });

    it('are answered in one page, however many are named', async () => {
      const names = Array.from({ length: 300 }, (_, i) => `N${String(i).padStart(3, '0')}`);
      await client.post(names.map((symbol) => ({ symbol, price: 1 })));
      await client.settled();
      expect(await list(`symbols=${names.join(',')}`)).toEqual([names, null]);
      expect(await list('symbols=N*')).toEqual([names.slice(0, 100), 'N099']);
    });

    it('choose what GET /api/anomalies has', async () => {
      const { json } = await client.get<Page>('/api/anomalies?symbols=BTC-*,ETH&symbol=A,B');
      expect(new Set(json.items.map(({ symbol }) => symbol))).toEqual(
        new Set(['BTC-EUR', 'BTC-USD', 'ETH', 'A,B']),
      );
      expect(json.items).toHaveLength(8);
    });

    it.each([
      ['symbol=', 'symbol'],
      ['symbol=*', 'symbol'],
      [`symbol=${'x'.repeat(33)}`, 'symbol'],
      ['symbols=', 'symbols'],
      ['symbols=A,,B', 'symbols'],
      ['symbols=A,%00', 'symbols'],
      [`symbols=${Array.from({ length: 1001 }, (_, i) => i).join(',')}`, 'symbols'],
      [`symbols=${Array.from({ length: 17 }, (_, i) => `${i}*`).join(',')}`, 'symbols'],
    ])('are refused where they are none: %s', async (query, name) => {
      for (const path of ['/api/prices', '/api/anomalies']) {
        const { json, status } = await client.get<Problem>(`${path}?${query}`);
        expect([status, json.errors?.map((fault) => fault.name)]).toEqual([400, [name]]);
      }
    });
  });

  describe('an unknown query parameter', () => {
    const all = 'prefix, after, symbol, symbols, limit';

    it.each([
      ['/api/prices?symbl=X', 'symbl', `one of ${all}`],
      ['/api/prices?limit=1&Limit=2', 'Limit', `one of ${all}`],
      ['/api/prices/A?limit=1', 'limit', 'no parameters'],
      ['/api/prices/A/anomalies?from=1', 'from', 'one of after, before, limit'],
      ['/api/anomalies?until=1', 'until', 'one of from, to, after, symbol, symbols, limit'],
      ['/api/statistics?x', 'x', 'no parameters'],
      ['/metrics?name=a', 'name', 'no parameters'],
      ['/healthz?_=1', '_', 'no parameters'],
      ['/readyz?verbose', 'verbose', 'no parameters'],
      ['/openapi.json?v=3', 'v', 'no parameters'],
      ['/asyncapi.json?v=3', 'v', 'no parameters'],
      ['/api?x=1', 'x', 'no parameters'],
    ])('is refused by its name: %s', async (path, name, expected) => {
      const { json, status } = await client.get<Problem>(path);
      expect(status).toBe(400);
      expect(json.detail).toBe(
        `Unknown query parameters: ${JSON.stringify(name)}; expected ${expected}.`,
      );
      expect(json.errors).toEqual([{ name, expected, got: JSON.stringify(name) }]);
    });

    it('of a POST is refused before anything is accepted', async () => {
      const init = { body: '{"symbol":"NEW","price":1}' };
      const { json, status } = await client.send<Problem>('POST', '/api/prices?dryRun=1', init);
      expect([status, json.errors?.[0]?.name]).toEqual([400, 'dryRun']);
      expect((await client.get('/api/prices/NEW')).status).toBe(404);
    });

    it('is named once, in a problem that stays short', async () => {
      const many = Array.from({ length: 500 }, (_, i) => `p${i % 400}=1`).join('&');
      const { json } = await client.get<Problem>(`/api/prices?${many}`);
      expect(json.errors?.map(({ name }) => name)).toEqual(
        Array.from({ length: 16 }, (_, i) => `p${i}`),
      );
    });

    it('of a page is left to the page', async () => {
      expect((await rawRequest(server.port, '/?theme=dark')).status).not.toBe(400);
    });

    it('refuses an upgrade', async () => {
      expect(await refusalStatus(server.port, '/v1/publish?publisher=a', {})).toBe(101);
      expect(await refusalStatus(server.port, '/v1/publish?publsher=a', {})).toBe(400);
      expect(await refusalStatus(server.port, '/v1/stream?publisher=a', {})).toBe(400);
    });
  });
});
