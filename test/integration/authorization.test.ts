import { beforeAll, describe, expect, it } from 'vitest';
import { Code, Op } from '../../testkit/independent/protocol.ts';
import { eventually } from '../../testkit/until.ts';
import { EVERYTHING, GuardedServer, tokenFor } from '../support/guarded-server.ts';
import type { Problem } from '../support/http-client.ts';
import { onTransports } from '../support/running-server.ts';
import { StoreFolder } from '../support/store-folder.ts';
import { publisherForTest, subscriberForTest } from '../support/test-clients.ts';
import { symbolsOf, TokenHttp } from '../support/token-http.ts';

const TIME = 1_700_000_000_000;
/** Symbols covered by the reader's token, and neighbours that are not. */
const SEEN = ['A1C', 'A2C', 'A3C', 'EX'];
const HIDDEN = ['A1B', 'A2', 'A2CC-', 'EX2', 'E', 'Z', 'a1c'];
const READ = ['A*C', 'EX', 'LATER-*-C'];
/** Two ticks of each: the second is an anomaly. */
const ANOMALIES_EACH = 1;

onTransports((transport) => {
  const folder = new StoreFolder();
  const server = GuardedServer.forSuite({
    server: { transport },
    store: { directory: folder.path },
  });
  const reader = () => tokenFor({ read: READ });
  const httpOf = (token: string) => TokenHttp.connect(server.port, token);
  const readerForTest = async () => subscriberForTest(server.port, { token: await reader() });
  const ownerForTest = async (name?: string) =>
    publisherForTest(server.port, name, { token: await tokenFor(EVERYTHING) });

  beforeAll(async () => {
    const { IndependentPublisher } = await import('../../testkit/independent/publisher.ts');
    const owner = await IndependentPublisher.connect(server.port, undefined, {
      token: await tokenFor(EVERYTHING),
    });
    const all = [...SEEN, ...HIDDEN].sort();
    await owner.publishAll(
      [1, 2].flatMap((price) =>
        all.map((symbol, index) => ({ symbol, price, time: TIME + 100 * price + (index % 3) })),
      ),
    );
    owner.close();
    const http = await httpOf(await tokenFor(EVERYTHING));
    await eventually(
      () => http.get('/api/anomalies?limit=1000'),
      ({ json }) => json.items.length === all.length,
    );
    return () => folder[Symbol.dispose]();
  });

  describe('reading', () => {
    it('SUBSCRIBED says 11 of a forbidden symbol, whether it exists or not', async () => {
      const subscriber = await readerForTest();
      const [, , codes] = await subscriber.subscribe([
        'A1C',
        'A1B',
        'A9C',
        'NONE',
        'A*',
        'Z*',
        'Z',
        ' ',
        'EX',
        'EX2',
      ]);
      const { forbidden, bad_symbol } = Code;
      expect(codes).toEqual([
        0,
        forbidden,
        0,
        forbidden,
        0,
        0,
        forbidden,
        bad_symbol,
        0,
        forbidden,
      ]);
    });

    it.each([['*'], ['**'], ['A*'], ['*2*', '*E*', 'Z*'], [...HIDDEN, '*']])(
      'patterns bring what the token covers and nothing else: %s',
      async (...patterns) => {
        const subscriber = await readerForTest();
        const since = Object.fromEntries([...SEEN, ...HIDDEN].map((symbol) => [symbol, 0]));
        await subscriber.subscribe(patterns, { since });
        const tests = patterns.map((pattern) => new RegExp(`^${pattern.replaceAll('*', '.*')}$`));
        const expected = SEEN.filter((symbol) => tests.some((test) => test.test(symbol)));
        const { digest, symbolCount, ownDigest } = await subscriber.verify();
        expect([...subscriber.mirror.names.values()].sort()).toEqual(expected);
        expect([symbolCount, digest]).toEqual([expected.length, ownDigest]);
        expect(subscriber.anomalies.map(({ symbol }) => symbol).sort()).toEqual(expected);
      },
    );

    it('symbols that appear later come where the token covers them', async () => {
      const subscriber = await readerForTest();
      await subscriber.subscribe(['LATER-*', 'LATER-2-C', 'LATER-3-B']);
      const owner = await ownerForTest();
      const all = [1, 2, 3].flatMap((n) => ['B', 'C', 'D'].map((end) => `LATER-${n}-${end}`));
      for (const price of [1, 2]) {
        owner.publish(all.map((symbol) => ({ symbol, price, time: TIME })));
      }
      await owner.acknowledged();
      for (const n of [1, 2, 3]) await subscriber.counted(`LATER-${n}-C`, 2);
      await subscriber.until(() => subscriber.anomalies.length === 3, 'the anomalies');
      expect((await subscriber.verify()).symbolCount).toBe(3);
      expect([...subscriber.mirror.names.values()].sort()).toEqual(
        [1, 2, 3].map((n) => `LATER-${n}-C`),
      );
      expect(new Set(subscriber.anomalies.map(({ symbol }) => symbol)).size).toBe(3);
    });

    it('HISTORY of a forbidden symbol is ERROR 11, whether it exists or not', async () => {
      const subscriber = await readerForTest();
      const messages = new Set<string>();
      for (const symbol of [...HIDDEN, 'NONE', 'EX3']) {
        const [op, , code, message] = await subscriber.history(symbol, 0, 10);
        expect([op, code]).toEqual([Op.ERROR, Code.forbidden]);
        messages.add((message as string).replace(`"${symbol}"`, 'it'));
      }
      expect(messages.size).toBe(1);
      for (const symbol of SEEN) {
        const [op, , , page] = await subscriber.history(symbol, 0, 10);
        expect([op, (page as unknown[]).length]).toEqual([Op.HISTORY_PAGE, ANOMALIES_EACH]);
      }
      expect((await subscriber.history('A9C', 0, 10))[3]).toEqual([]);
    });

    it('GET /api/prices lists what the token covers, page by page, from anywhere', async () => {
      const http = await httpOf(await reader());
      const own = SEEN.filter((symbol) => !symbol.startsWith('LATER'));
      for (const query of ['', '&prefix=A', '&prefix=E', '&prefix=A2', '&prefix=Z', '&prefix=LA']) {
        const prefix = query.slice('&prefix='.length);
        for (const limit of [1, 2, 1000]) {
          const pages = await http.pages(`/api/prices?limit=${limit}${query}`);
          const symbols = pages.flatMap(symbolsOf).filter((symbol) => !symbol.startsWith('LATER'));
          expect(symbols).toEqual(own.filter((symbol) => symbol.startsWith(prefix)));
          for (const page of pages) {
            expect([null, symbolsOf(page).at(-1)]).toContain(page.next);
            if (page.next !== null) expect(page.items).toHaveLength(limit);
          }
          // A page says nothing of hidden symbols behind it.
          expect(pages.at(-1)?.items.length === 0 && pages.length > 1).toBe(false);
        }
      }
      for (const after of [...HIDDEN, ...SEEN, 'B', '']) {
        const { json } = await http.get(`/api/prices?after=${after}`);
        const expected = own.filter((symbol) => symbol > after);
        expect(symbolsOf(json).filter((symbol) => !symbol.startsWith('LATER'))).toEqual(expected);
      }
    });

    it('single symbols are 403 by the same words, whether they exist or not', async () => {
      const http = await httpOf(await reader());
      const texts = new Set<string>();
      for (const symbol of [...HIDDEN, 'NONE', 'EX3']) {
        for (const path of [`/api/prices/${symbol}`, `/api/prices/${symbol}/anomalies`]) {
          const { status, text } = await http.get<Problem>(path);
          expect([path, status]).toEqual([path, 403]);
          texts.add(text);
          expect((await http.head(path)).status).toBe(403);
        }
      }
      expect(texts.size).toBe(1);
      for (const symbol of SEEN) {
        expect((await http.get(`/api/prices/${symbol}`)).json).toMatchObject({ symbol });
        const { json } = await http.get(`/api/prices/${symbol}/anomalies`);
        expect(json.items).toHaveLength(ANOMALIES_EACH);
      }
      expect((await http.get('/api/prices/A9C')).status).toBe(404);
    });

    it('symbols in the query are 403 by their names, and left out of a pattern', async () => {
      const http = await httpOf(await reader());
      const texts = new Set<string>();
      for (const symbol of [...HIDDEN, 'NONE']) {
        for (const path of ['/api/prices', '/api/anomalies']) {
          for (const query of [`symbol=${symbol}`, `symbols=${SEEN[0]},${symbol},A*`]) {
            const { status, text } = await http.get<Problem>(`${path}?${query}`);
            expect([path, query, status]).toEqual([path, query, 403]);
            texts.add(text);
          }
        }
      }
      expect(texts.size).toBe(1);
      const own = SEEN.filter((symbol) => !symbol.startsWith('LATER'));
      for (const query of ['symbols=*', `symbols=${own.join(',')}`]) {
        const { json } = await http.get(`/api/prices?${query}`);
        expect(symbolsOf(json).filter((symbol) => !symbol.startsWith('LATER'))).toEqual(own);
        const anomalies = symbolsOf((await http.get(`/api/anomalies?limit=1000&${query}`)).json);
        expect(new Set(anomalies.filter((symbol) => !symbol.startsWith('LATER')))).toEqual(
          new Set(own),
        );
      }
    });

    it('GET /api/anomalies tells of what the token covers, recent and by time', async () => {
      const http = await httpOf(await reader());
      const wanted = (symbols: readonly string[]) =>
        symbols.filter((symbol) => !symbol.startsWith('LATER')).sort();
      const recent = await http.get('/api/anomalies?limit=1000');
      expect(wanted(symbolsOf(recent.json))).toEqual(SEEN);
      expect((await http.get('/api/anomalies?limit=2')).json.items).toHaveLength(2);
      for (const limit of [1, 2, 3, 4, 1000]) {
        const range = `from=${TIME + 1}&to=${TIME + 1000}`;
        const pages = await http.pages(`/api/anomalies?${range}&limit=${limit}`);
        expect(wanted(pages.flatMap(symbolsOf))).toEqual(SEEN);
        for (const [index, { items, next }] of pages.entries()) {
          // A page is full, or the last one.
          if (index < pages.length - 1) expect(items).toHaveLength(limit);
          const told = Buffer.from(next ?? '', 'base64url').toString('latin1');
          // A cursor's length follows from the page's last name.
          for (const symbol of HIDDEN) {
            expect(told.slice(8, -7)).not.toBe(symbol);
          }
          if (next !== null) expect(told.slice(8, -7)).toBe(items.at(-1)?.symbol);
        }
      }
    });
  });
});
