import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NameSpace } from '../../src/engine/index.ts';
import type { Client } from '../../src/gateway/sessions/client.ts';
import type { HttpRequest } from '../../src/gateway/transport/transport.ts';
import type { QueryContext } from '../../src/http/context.ts';
import { RequestProblem } from '../../src/http/problems.ts';
import { symbolTicks } from '../../src/http/queries/ticks.ts';
import { pastTickPage } from '../../src/http/schemas.ts';
import { diskSegments, TickHistory, TickHistoryBusyError } from '../../src/journal/index.ts';
import { TempFolder } from '../../testkit/temp-folder.ts';
import { JournalRig } from '../support/journal-rig.ts';

const START = Date.UTC(2026, 0, 1);
const KNOWN = ['BTC', 'ETH', 'NEW', '\u0001acme\u0001BTC'];
let folder: TempFolder;
let history: TickHistory;

beforeAll(() => {
  folder = new TempFolder();
  const rig = new JournalRig(diskSegments(folder.path));
  rig.names.set(1, 'BTC').set(2, 'ETH').set(3, '\u0001acme\u0001BTC').set(4, 'GONE');
  for (let i = 0; i < 250; i++) {
    const time = START + i * 1000;
    rig.frame([
      [1, 100 + i, time],
      [3, 7, time],
      [4, 9, time],
    ]);
  }
  rig.flush();
  const { position } = rig.appender;
  history = new TickHistory(folder.path, 60_000, {
    position,
    syncedPosition: position,
    whenSynced: async () => true,
    fault: undefined,
  });
});

afterAll(async () => {
  await history.close();
  folder[Symbol.dispose]();
});

interface Page {
  readonly items: { symbol: string; price: number; timestamp: string }[];
  readonly next: string | null;
}

async function get(symbol: string, query: string, tenant = '', tickHistory?: unknown) {
  const context = {
    tickHistory: tickHistory === undefined ? history : (tickHistory ?? undefined),
    access: {},
    engine: { symbols: { findName: (name: string) => KNOWN.indexOf(name) } },
  } as unknown as QueryContext;
  const client = { canRead: () => true, nameSpace: new NameSpace(tenant) } as unknown as Client;
  const request = {
    query: new URLSearchParams(query),
    header: (name: string) => (name === 'accept' && query.includes('csv') ? 'text/csv' : ''),
  } as unknown as HttpRequest;
  if (query.includes('csv')) request.query.delete('csv');
  return symbolTicks(context)(request, symbol, client);
}

async function page(symbol: string, query = '', tenant = ''): Promise<Page> {
  const { status, body } = await get(symbol, query, tenant);
  expect(status).toBe(200);
  const document = JSON.parse(String(body)) as Page;
  expect(() => pastTickPage.parse(document)).not.toThrow();
  return document;
}

async function problem(call: Promise<unknown>): Promise<{ status: number; detail: string }> {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof RequestProblem)) throw error;
  return { status: error.response.status, detail: error.message };
}

describe('GET /api/prices/{symbol}/ticks', () => {
  it('has the newest ticks, oldest first', async () => {
    const { items, next } = await page('BTC', 'limit=2');
    expect(next).toBeNull();
    expect(items).toEqual([
      { symbol: 'BTC', price: 348, timestamp: '2026-01-01T00:04:08.000Z' },
      { symbol: 'BTC', price: 349, timestamp: '2026-01-01T00:04:09.000Z' },
    ]);
    expect((await page('BTC', 'limit=1&to=2026-01-01T00:00:10Z')).items[0]?.price).toBe(109);
    expect((await page('BTC')).items).toHaveLength(100);
  });

  it('pages through a range of times', async () => {
    const range = 'from=2026-01-01T00:00:10Z&to=2026-01-01T00:00:15Z&limit=2';
    const prices: number[] = [];
    let after = '';
    for (let pages = 1; ; pages++) {
      const { items, next } = await page('BTC', `${range}${after}`);
      prices.push(...items.map(({ price }) => price));
      if (next === null) {
        expect(pages).toBe(3);
        break;
      }
      after = `&after=${encodeURIComponent(next)}`;
    }
    expect(prices).toEqual([110, 111, 112, 113, 114]);
  });

  it('thins out to one tick an interval', async () => {
    const { items } = await page('BTC', 'from=0&every=60000');
    expect(items.map(({ price }) => price)).toEqual([159, 219, 279, 339, 349]);
  });

  it('shows each tenant its own symbol', async () => {
    expect((await page('BTC', 'limit=1', 'acme')).items[0]).toMatchObject({
      symbol: 'BTC',
      price: 7,
    });
    const other = await problem(get('BTC', '', 'other'));
    expect(other.status).toBe(404);
    expect((await problem(get('\u0001acme\u0001BTC', ''))).status).toBe(404);
  });

  it('has what a retired symbol left, nothing of a new one, 404 for an unknown', async () => {
    expect((await page('GONE', 'limit=1')).items[0]?.price).toBe(9);
    expect((await page('NEW')).items).toEqual([]);
    expect(await problem(get('NONE', ''))).toEqual({
      status: 404,
      detail: '"NONE" has no price yet.',
    });
  });

  it('has CSV', async () => {
    const { body } = await get('BTC', 'csv&limit=1');
    expect(String(body)).toBe('symbol,price,timestamp\r\nBTC,349,2026-01-01T00:04:09.000Z\r\n');
  });

  it('refuses what it does not understand', async () => {
    const { status, detail } = await problem(get('BTC', 'after=x&every=0&from=then&limit=0'));
    expect(status).toBe(400);
    for (const name of ['after', 'every', 'from', 'limit']) expect(detail).toContain(name);
  });

  it('has none without a journal, and says when it is busy', async () => {
    const { body } = await get('BTC', '', '', null);
    expect(JSON.parse(String(body))).toEqual({ items: [], next: null });
    const busy = {
      page: async () => {
        throw new TickHistoryBusyError('busy');
      },
    };
    expect((await problem(get('BTC', '', '', busy))).status).toBe(503);
    const calls = Array.from({ length: 100 }, () => get('BTC', 'limit=1'));
    const outcomes = await Promise.allSettled(calls);
    const statuses = outcomes.map((outcome) =>
      outcome.status === 'fulfilled'
        ? outcome.value.status
        : (outcome.reason as RequestProblem).response.status,
    );
    expect(new Set(statuses)).toEqual(new Set([200, 503]));
  });
});
