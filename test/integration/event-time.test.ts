import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ConfigInput } from '../../src/config/schema.ts';
import { folderForTest } from '../support/folders.ts';
import { postPrices } from '../support/raw-http.ts';
import { serverForTest } from '../support/running-server.ts';

/** A tick of 103, then one of 100 that is older: a rise, once they are in order. */
async function postRise(port: number): Promise<void> {
  const now = Date.now();
  const prices = [
    { symbol: 'S', price: 103, timestamp: now - 20 },
    { symbol: 'S', price: 100, timestamp: now - 50 },
  ];
  for (const price of prices) expect((await postPrices(port, price)).status).toBe(202);
}

async function json(port: number, path: string): Promise<unknown> {
  return (await fetch(`http://127.0.0.1:${port}${path}`)).json();
}

const RISE = { items: [{ direction: 'Up', sequence: 1, referencePrice: 100, newPrice: 103 }] };

describe('ticks out of order', () => {
  it.each<[string, ConfigInput['store']]>([
    ['without a store', { directory: '' }],
    ['with a store', {}],
    ['with a store that comes first', { mode: 'sync' }],
  ])('raise what sorted ones do if detection waits, %s', async (_, store) => {
    const directory = join(folderForTest(), 'store');
    const { port } = await serverForTest({
      processing: { allowedLatenessMs: 100 },
      store: { directory, ...store },
    });
    await postRise(port);
    const statistics = () => json(port, '/api/prices/S');
    await expect.poll(statistics).toMatchObject({ updateCount: 2, currentPrice: 103 });
    const anomalies = () => json(port, '/api/prices/S/anomalies');
    await expect.poll(anomalies, { timeout: 10_000 }).toMatchObject(RISE);
    const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    expect(metrics).toContain('\ntickwire_ticks_held 0\n');
    expect(metrics).toContain('\ntickwire_ticks_missed_total 0\n');
    expect(metrics).toContain('\ntickwire_ticks_late_total 1\n');
    expect(metrics).toContain('tickwire_tick_lateness_seconds_sum{publisher="unnamed"} 0.03\n');
  });

  it('raise at once what a late tick shows if they are folded in', async () => {
    const { port } = await serverForTest({ processing: { lateTicks: 'fold' } });
    await postRise(port);
    await expect.poll(() => json(port, '/api/prices/S/anomalies')).toMatchObject(RISE);
  });

  it('raise nothing by default', async () => {
    const { port } = await serverForTest({});
    await postRise(port);
    const statistics = () => json(port, '/api/statistics');
    await expect.poll(statistics).toMatchObject({ totalProcessed: 2, totalLate: 1 });
    expect(await json(port, '/api/prices/S/anomalies')).toMatchObject({ items: [] });
  });
});
