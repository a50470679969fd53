import { beforeAll, describe, expect, it } from 'vitest';
import { expectedMarket } from '../../testkit/independent/statistics.ts';
import { eventually } from '../../testkit/until.ts';
import { HttpClient, type Problem } from '../support/http-client.ts';
import { onTransports, serverForSuite } from '../support/running-server.ts';

interface Page<Item> {
  readonly items: readonly Item[];
  readonly next: string | number | null;
}

interface Anomaly {
  readonly symbol: string;
  readonly sequence: number;
  readonly direction: string;
}

const TIME = Date.UTC(2026, 0, 1);
/** In code-unit order; code points would swap the last two. */
const SYMBOLS = ['BTC-EUR', 'BTC-USD', 'BTC/USD', 'ETH', '€', '\u{1f600}', '\uffee'];

/** Prices that jump now and then, some late. */
function market() {
  let seed = 1;
  const random = () => {
    seed = (seed * 48_271) % 0x7fffffff;
    return seed / 0x7fffffff;
  };
  return Array.from({ length: 3000 }, (_, i) => ({
    symbol: SYMBOLS[i % SYMBOLS.length] as string,
    price: 100 + random() + (random() < 0.005 ? 10 : 0),
    time: TIME + 10 * i - (random() < 0.1 ? 500 : 0),
  }));
}

const wordOf = (direction: 1 | -1) => (direction === 1 ? 'Up' : 'Down');
const iso = (time: number) => new Date(time).toISOString();

onTransports((transport) => {
  const server = serverForSuite({
    server: { transport },
    processing: { partitions: 2, channelCapacity: 4096 },
    stream: { recentAnomaliesPerSymbol: 8 },
  });
  const ticks = market();
  const expected = expectedMarket(ticks);
  let client: HttpClient;

  const path = (symbol: string) => `/api/prices/${encodeURIComponent(symbol)}`;
  const anomaliesOf = (symbol: string) => expected.get(symbol)?.anomalies ?? [];
  const total = [...expected.values()].reduce((sum, { anomalies }) => sum + anomalies.length, 0);

  beforeAll(async () => {
    client = await HttpClient.connect(server.port);
    for (let i = 0; i < ticks.length; i += 500) {
      const some = ticks.slice(i, i + 500);
      const bodies = some.map(({ time, ...rest }) => ({ ...rest, timestamp: time }));
      expect((await client.post<{ accepted: number }>(bodies)).json.accepted).toBe(some.length);
    }
    await client.settled();
    // The last anomalies reach the gateway a turn after their ticks.
    await eventually(
      () => client.get<Page<Anomaly>>('/api/anomalies?limit=1000'),
      ({ json }) => json.items.length === total,
    );
  });

  describe('GET /api/prices/{symbol}', () => {
    it.each(SYMBOLS)('has the statistics of what was posted: %s', async (symbol) => {
      const { json, status } = await client.get<Record<string, unknown>>(path(symbol));
      const { after, anomalies } = expected.get(symbol) as NonNullable<
        ReturnType<typeof expected.get>
      >;
      const last = after.at(-1) as (typeof after)[number];
      expect(status).toBe(200);
      expect(json.movingAverage).toBeCloseTo(last.average, 9);
      expect(json).toEqual({
        symbol,
        currentPrice: last.price,
        movingAverage: json.movingAverage,
        updateCount: last.count,
        lastUpdateTime: iso(last.time),
        minPrice: last.min,
        maxPrice: last.max,
        anomaliesDetected: anomalies.length,
      });
    });

    it.each(['NOPE', 'btc-usd', 'x'.repeat(100), '*', '%00', '..%2f'])(
      'knows no %s',
      async (symbol) => {
        const answer = await client.get<Problem>(`/api/prices/${symbol}`);
        expect([answer.status, answer.json.status]).toEqual([404, 404]);
        expect(answer.headers.get('content-type')).toBe('application/problem+json');
      },
    );

    it('refuses a path that is badly encoded', async () => {
      expect((await client.get('/api/prices/%C3%28')).status).toBe(400);
    });
  });

  describe('GET /api/prices', () => {
    type Items = Page<{ readonly symbol: string }>;
    const list = async (query: string) => {
      const { json } = await client.get<Items>(`/api/prices${query}`);
      return { symbols: json.items.map(({ symbol }) => symbol), next: json.next };
    };

    it('lists every symbol in the order of code units', async () => {
      expect(await list('')).toEqual({ symbols: SYMBOLS, next: null });
    });

    it('has the same statistics as each symbol alone', async () => {
      const { json } = await client.get<Items>('/api/prices');
      for (const item of json.items) {
        expect((await client.get(path(item.symbol))).json).toEqual(item);
      }
    });

    it('goes on page by page', async () => {
      const seen: string[] = [];
      let after = '';
      for (;;) {
        const page = await list(`?limit=2&after=${encodeURIComponent(after)}`);
        seen.push(...page.symbols);
        if (page.next === null) break;
        expect(page.next).toBe(page.symbols.at(-1));
        after = page.next as string;
      }
      expect(seen).toEqual(SYMBOLS);
    });

    it('has no next page after one that ends with the last symbol', async () => {
      expect(await list(`?limit=${SYMBOLS.length}`)).toEqual({ symbols: SYMBOLS, next: null });
    });

    it.each([
      ['?prefix=BTC', ['BTC-EUR', 'BTC-USD', 'BTC/USD'], null],
      ['?prefix=BTC-&limit=1', ['BTC-EUR'], 'BTC-EUR'],
      ['?prefix=BTC-&after=BTC-EUR', ['BTC-USD'], null],
      ['?prefix=BTC&after=A', ['BTC-EUR', 'BTC-USD', 'BTC/USD'], null],
      ['?prefix=BTC&after=Z', [], null],
      ['?prefix=nope', [], null],
      ['?prefix=ETH&after=%ff', [], null],
      ['?after=%F0%9F%98%80', ['\uffee'], null],
    ])('answers %s', async (query, symbols, next) => {
      expect(await list(query)).toEqual({ symbols, next });
    });

    it('finds symbols that appeared since it was last asked', async () => {
      await list('');
      await client.post([
        { symbol: 'zz2', price: 1 },
        { symbol: 'zz1', price: 1 },
      ]);
      await client.settled();
      expect((await list('?prefix=zz')).symbols).toEqual(['zz1', 'zz2']);
    });

    it('names every bad parameter', async () => {
      const { json, status } = await client.get<Problem>(
        '/api/prices?limit=1001&prefix=a&prefix=b',
      );
      expect(status).toBe(400);
      expect(json.errors).toEqual([
        { name: 'prefix', expected: 'one value', got: '2 values' },
        { name: 'limit', expected: 'an integer from 1 to 1000', got: '"1001"' },
      ]);
    });
  });

  describe('GET /api/prices/{symbol}/anomalies', () => {
    const [symbol] = [...expected].sort(
      (a, b) => b[1].anomalies.length - a[1].anomalies.length,
    )[0] as [string, unknown];
    const all = anomaliesOf(symbol).map((one) => ({
      symbol,
      sequence: one.sequence,
      direction: wordOf(one.direction),
      referencePrice: one.reference,
      newPrice: one.price,
      changePercent: one.changePercent,
      timestamp: iso(one.time),
    }));
    const held = all.slice(-8);
    const last = all.length;
    const read = async (query: string) => {
      const { json } = await client.get<Page<Anomaly>>(`${path(symbol)}/anomalies${query}`);
      return [json.items.map(({ sequence }) => sequence), json.next];
    };
    const to = (first: number, end: number) =>
      Array.from({ length: end - first + 1 }, (_, i) => first + i);

    it('has those that are held, as they were detected, oldest first', async () => {
      expect(last).toBeGreaterThan(12);
      const { json } = await client.get<Page<Anomaly>>(`${path(symbol)}/anomalies`);
      expect(json).toEqual({ items: held, next: null });
    });

    it.each([
      ['?limit=3', to(last - 2, last), null],
      [`?limit=3&before=${last}`, to(last - 3, last - 1), null],
      [`?before=${last - 7}`, [], null],
      ['?before=0', [], null],
      ['?after=0&limit=2', to(last - 7, last - 6), last - 6],
      [`?after=${last - 4}&limit=3`, to(last - 3, last - 1), last - 1],
      [`?after=${last - 3}&limit=3`, to(last - 2, last), null],
      [`?after=${last}`, [], null],
      [`?after=${last + 100}`, [], null],
      [`?after=${last - 5}&before=${last - 1}`, to(last - 4, last - 2), null],
      [`?after=${last - 5}&before=${last - 1}&limit=2`, to(last - 4, last - 3), last - 3],
      [`?after=${last}&before=2`, [], null],
      [`?before=${Number.MAX_SAFE_INTEGER}&limit=1`, [last], null],
    ])('answers %s', async (query, sequences, next) => {
      expect(await read(query)).toEqual([sequences, next]);
    });

    it('has none of a symbol that never moved, and is not found where there is none', async () => {
      await client.post({ symbol: 'calm', price: 1 });
      await client.settled();
      const calm = await client.get('/api/prices/calm/anomalies');
      expect([calm.status, calm.json]).toEqual([200, { items: [], next: null }]);
      expect((await client.get('/api/prices/nope/anomalies')).status).toBe(404);
    });

    it('names every bad parameter', async () => {
      const bad = await client.get<Problem>(`${path(symbol)}/anomalies?after=-1&before=x&limit=0`);
      expect(bad.status).toBe(400);
      expect(bad.json.errors?.map(({ name }) => name)).toEqual(['after', 'before', 'limit']);
    });
  });

  describe('GET /api/anomalies', () => {
    it('has the most recent of all symbols, newest first', async () => {
      const { json } = await client.get<Page<Anomaly>>('/api/anomalies?limit=1000');
      for (const symbol of SYMBOLS) {
        const own = json.items.filter((item) => item.symbol === symbol).reverse();
        expect(own.map(({ sequence, direction }) => ({ sequence, direction }))).toEqual(
          anomaliesOf(symbol).map(({ sequence, direction }) => ({
            sequence,
            direction: wordOf(direction),
          })),
        );
      }
      expect(total).toBeGreaterThan(50);
      const first = await client.get<Page<Anomaly>>('/api/anomalies');
      expect(first.json.items).toEqual(json.items.slice(0, 50));
    });

    it('refuses a bad limit', async () => {
      expect((await client.get('/api/anomalies?limit=ten')).status).toBe(400);
    });
  });

  it('has the totals of everything in GET /api/statistics', async () => {
    const before = (await client.get<Record<string, number>>('/api/statistics')).json;
    await client.post([
      { symbol: 'late', price: 1, timestamp: TIME },
      { symbol: 'late', price: 1, timestamp: TIME - 1 },
      { symbol: 'late', price: 1.5, timestamp: TIME + 1 },
      { symbol: '', price: 1 },
      { symbol: 'late', price: 0 },
      { symbol: 'late', price: 1, timestamp: -1 },
    ]);
    await client.settled();
    const { json } = await client.get<Record<string, number>>('/api/statistics');
    const gained = (name: string) => (json[name] as number) - (before[name] as number);
    expect(gained('totalProcessed')).toBe(3);
    expect(gained('totalRejected')).toBe(3);
    expect(gained('totalLate')).toBe(1);
    expect(gained('anomaliesDetected')).toBe(1);
    expect(gained('symbols')).toBe(1);
    expect(json).toMatchObject({
      totalDropped: 0,
      rejectedByReason: { bad_symbol: 1, bad_price: 1, bad_time: 1, symbol_limit: 0 },
    });
    const { uptimeSeconds } = json as { uptimeSeconds: number };
    expect(uptimeSeconds).toBeGreaterThan(0);
    expect(uptimeSeconds).toBeLessThan(performance.now() / 1000);
  });

  it('has the partitions in GET /api/statistics', async () => {
    interface Statistics {
      readonly totalProcessed: number;
      readonly partitions: readonly Readonly<Record<string, number>>[];
    }
    const { json } = await eventually(
      () => client.get<Statistics>('/api/statistics'),
      ({ json: { partitions } }) => partitions.every(({ p99LatencyMs }) => p99LatencyMs !== null),
    );
    expect(json.partitions.map(({ partition }) => partition)).toEqual([0, 1]);
    const processed = json.partitions.map((partition) => partition.processed as number);
    expect(processed.reduce((sum, count) => sum + count)).toBe(json.totalProcessed);
    for (const partition of json.partitions) {
      const { queueDepth, queueCapacity, restarts, lapped, skipped } = partition;
      expect({ queueDepth, queueCapacity, restarts, lapped, skipped }).toEqual({
        queueDepth: 0,
        queueCapacity: 4096,
        restarts: 0,
        lapped: 0,
        skipped: 0,
      });
      expect(partition.averageLatencyMs).toBeGreaterThan(0);
      expect(partition.p99LatencyMs).toBeLessThan(60_000);
    }
  });

  it('answers what there is not with problems', async () => {
    for (const missing of ['/api/', '/api/prices/', '/favicon.ico', '/healthz/']) {
      const { headers, json, status } = await client.get<Problem>(missing);
      expect([status, json.title]).toEqual([404, 'Not Found']);
      expect(headers.get('content-type')).toBe('application/problem+json');
    }
    const wrong = await client.send<Problem>('DELETE', '/api/prices');
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'POST, GET, HEAD, OPTIONS']);
    expect((await client.send('POST', '/api/statistics')).status).toBe(405);
  });

  it('answers HEAD like GET, without the body', async () => {
    for (const known of [
      '/api/prices/ETH',
      '/openapi.json',
      '/asyncapi.json',
      '/api',
      '/healthz',
    ]) {
      const got = await client.get(known);
      const head = await client.send('HEAD', known);
      expect([head.status, head.text]).toEqual([got.status, '']);
      for (const name of ['content-type', 'content-length']) {
        expect(head.headers.get(name)).toBe(got.headers.get(name));
      }
    }
    expect((await client.send('HEAD', '/api/prices/nope')).status).toBe(404);
  });

  it('has a page that names every call and runs no scripts', async () => {
    const { headers, text } = await client.get('/api');
    expect(headers.get('content-security-policy')).toMatch(
      /^default-src 'none'; style-src 'sha256-/,
    );
    expect(text).not.toMatch(/<script|\bon\w+=|javascript:/i);
    for (const name of Object.keys(client.api.document.paths)) expect(text).toContain(name);
  });

  it('links there to every call that answers as it is', async () => {
    const { text } = await client.get('/api');
    const links = [...text.matchAll(/href="\.(\/[^"]*)"/g)].map(([, path]) => path as string);
    expect(links).toEqual(
      expect.arrayContaining(['/', '/api', '/api/prices', '/api/statistics', '/readyz']),
    );
    for (const path of links) {
      const { status } = await fetch(`http://127.0.0.1:${client.port}${path}`);
      expect([path, status]).toEqual([path, 200]);
    }
  });
});
