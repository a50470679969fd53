import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Dialect } from '../../feeds/exchange/dialect.ts';
import { VENUES } from '../../feeds/venues/all-venues.ts';
import { until } from '../../testkit/until.ts';
import { acme } from '../support/acme-venue.ts';
import { feedForTestOf, ticksOf, tradesOf } from '../support/feed-rig.ts';
import { eventsOf } from '../support/venue-events.ts';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const page = read('docs/VENUES.md');

describe('the page on venues', () => {
  it('has a row of each venue and no other', () => {
    const rows = [...page.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, id]) => id);
    expect(rows).toHaveLength(VENUES.size);
    expect(new Set(rows)).toEqual(new Set(VENUES.keys()));
  });

  it('shows an example that is tested here', () => {
    const [, shown] = /```ts\n([\s\S]*?)```/.exec(page) ?? [];
    const source = read('test/support/acme-venue.ts')
      .replaceAll('../../feeds/venues/', './')
      .replaceAll('../../feeds/venue.ts', '../venue.ts');
    expect(shown).toBe(source);
    expect(source.split('\n').length).toBeLessThan(65);
  });
});

describe('the example of the page', () => {
  const venue = acme();

  it('subscribes', () => {
    const frames = venue.subscribeFrames(['A', 'B'], 3);
    expect(frames).toEqual([
      { text: '{"op":"subscribe","id":3,"markets":["A","B"]}', symbols: ['A', 'B'], requestId: 3 },
    ]);
    expect(eventsOf(venue, { event: 'subscribed', id: 3 })).toEqual([
      { kind: 'subscribed', requestId: 3 },
    ]);
    expect(eventsOf(venue, { event: 'error', id: 3, message: 'no such market' })).toEqual([
      { kind: 'refused', requestId: 3, reason: 'no such market' },
    ]);
  });

  it('reads trades, heartbeats and nonsense', () => {
    const trade = { market: 'A', seq: 7, price: '1.50', at: '2024-02-29T12:34:56.0000005Z' };
    expect(eventsOf(venue, { event: 'trades', trades: [trade, { ...trade, at: 5 }] })).toEqual([
      { kind: 'trades', trades: [{ symbol: 'A', id: 7, price: 1.5, time: 1709210096000.0005 }] },
      { kind: 'malformed', reason: 'trade: bad time' },
    ]);
    expect(eventsOf(venue, { event: 'heartbeat' })).toEqual([{ kind: 'heartbeat' }]);
    expect(eventsOf(venue, { event: 'news' })).toEqual([{ kind: 'ignored' }]);
    expect(eventsOf(venue, [])).toEqual([{ kind: 'malformed', reason: 'no event' }]);
  });

  it('runs as a feed: a refused market, a cut, what was repeated and what was lost', async () => {
    const { exchange, feed, publisher } = await feedForTestOf(
      ACME,
      new Map([['acme', acme]]),
      ['A', 'NONE', 'B'],
      { exchange: { symbols: new Set(['A', 'B']), beatMs: 50 } },
    );
    await until(() => feed.state === 'live');
    expect(feed.subscriptions()).toMatchObject({ active: 2, refused: 1 });
    exchange.send(...tradesOf('A', 1, 5), ...tradesOf('B', 1, 5));
    await until(() => publisher.ticks.length === 10);
    exchange.current.cut();
    await until(() => exchange.open.length === 1 && exchange.current.subscribed.size === 2);
    exchange.send(...tradesOf('A', 4, 5), ...tradesOf('A', 8, 9));
    await until(() => publisher.ticks.length === 12);
    const sent = [...tradesOf('A', 1, 5), ...tradesOf('B', 1, 5), ...tradesOf('A', 8, 9)];
    expect(new Set(publisher.ticks)).toEqual(new Set(ticksOf('acme', sent)));
    expect(feed.counts).toMatchObject({ missed: 2, malformed: 0, trades: { duplicate: 2 } });
    expect(exchange.violations).toEqual([]);
  });
});

/** Its other side. */
const ACME: Dialect = {
  venue: 'acme',
  framesPerSecond: 5,
  refusesWhole: true,
  read: (text) => {
    const { op, id, markets } = JSON.parse(text) as Record<string, unknown>;
    if (op !== 'subscribe') throw new SyntaxError('no such op');
    return { kind: 'subscribe', id, symbols: markets as string[] };
  },
  answer: ({ id, refused }) => [
    JSON.stringify(
      refused.length > 0
        ? { event: 'error', id, message: 'no such market' }
        : { event: 'subscribed', id },
    ),
  ],
  trades: (trades) => [
    JSON.stringify({
      event: 'trades',
      trades: trades.map(({ symbol, id, price, time }) => ({
        market: symbol,
        seq: id,
        price: price.toFixed(2),
        at: new Date(time).toISOString(),
      })),
    }),
  ],
  heartbeat: { text: '{"event":"heartbeat"}', isAskedFor: false },
};
