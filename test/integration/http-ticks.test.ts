import { describe, expect, it } from 'vitest';
import { TempFolder } from '../../testkit/temp-folder.ts';
import { onTransports, startTestServer } from '../support/running-server.ts';

interface Page {
  readonly items: readonly { price: number; timestamp: string }[];
  readonly next: string | null;
}

onTransports((transport) => {
  describe('GET /api/prices/{symbol}/ticks', () => {
    it('has what a server with a store took, over restarts', async () => {
      using folder = new TempFolder();
      const config = {
        server: { transport },
        store: { directory: folder.path },
        processing: { partitions: 1 },
      };
      let price = 0;
      for (let run = 1; run <= 2; run++) {
        const server = await startTestServer(config);
        const base = `http://127.0.0.1:${server.port}/api/prices`;
        for (let i = 0; i < 5; i++) {
          const response = await fetch(base, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify({ symbol: 'A/ticks', price: ++price, timestamp: 1000 + price }),
          });
          expect(response.status).toBe(202);
        }
        const read = async (query: string) => {
          const response = await fetch(`${base}/${encodeURIComponent('A/ticks')}/ticks?${query}`);
          return (await response.json()) as Page;
        };
        await expect
          .poll(async () => (await read('')).items.map((item) => item.price))
          .toEqual(Array.from({ length: price }, (_, i) => i + 1));
        const first = await read('from=0&limit=3');
        expect(first.items.map((item) => item.price)).toEqual([1, 2, 3]);
        const second = await read(`from=0&limit=1&after=${first.next}`);
        expect(second.items).toEqual([
          { symbol: 'A/ticks', price: 4, timestamp: '1970-01-01T00:00:01.004Z' },
        ]);
        await server.stop();
      }
    });

    it('has none on a server without a store', async () => {
      const server = await startTestServer({ server: { transport } });
      const prices = `http://127.0.0.1:${server.port}/api/prices`;
      const body = JSON.stringify({ symbol: 'A', price: 1 });
      const headers = { 'content-type': 'application/json' };
      await fetch(prices, { method: 'POST', headers, body });
      const response = await fetch(`${prices}/A/ticks`);
      expect(await response.json()).toEqual({ items: [], next: null });
      await server.stop();
    });
  });
});
