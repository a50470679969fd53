import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { VENUES } from '../../feeds/venues/all-venues.ts';
import { acme } from '../support/acme-venue.ts';
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
});
