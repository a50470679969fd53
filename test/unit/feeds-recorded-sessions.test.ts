import { describe, expect, it } from 'vitest';
import type { Trade, Venue, VenueEvent } from '../../feeds/venue.ts';
import { VENUES } from '../../feeds/venues/all-venues.ts';
import { naiveTrades } from '../../testkit/independent/naive-trades.ts';
import {
  FEEDS_VARIABLE,
  type RecordedSession,
  recordedSessions,
} from '../../testkit/recorded-sessions.ts';

const sessions = recordedSessions();
const isMissing = sessions === undefined;
const title = 'sessions recorded at exchanges';

if (isMissing) {
  process.stderr.write(
    `\n*** NOT TESTED: "${title}". ${FEEDS_VARIABLE} names no folder of them. ***\n\n`,
  );
}

/** By how the files' names begin. Those of other exchanges are left out. */
const FILES: readonly (readonly [RegExp, string])[] = [
  [/^BINANCE(_US)?\./, 'binance'],
  [/^BINANCE_FUTURES\./, 'binance-futures'],
  [/^COINBASE\./, 'coinbase'],
  [/^KRAKEN\./, 'kraken'],
  [/^OKX\./, 'okx'],
  [/^BYBIT\./, 'bybit-linear'],
  [/^DERIBIT\./, 'deribit'],
  [/^BITSTAMP\./, 'bitstamp'],
  [/^HYPERLIQUID\./, 'hyperliquid'],
];

describe(title, () => {
  // In CI, missing sessions fail.
  it.skipIf(isMissing && !process.env.CI)('are there', () => {
    if (sessions === undefined) throw new Error(`${FEEDS_VARIABLE} must be set in CI`);
    expect(sessions.filter(isKnown).length).toBeGreaterThan(0);
  });

  for (const session of sessions?.filter(isKnown) ?? []) {
    it(`${session.name}: every trade, its price and time exact, and nothing malformed`, () => {
      const id = venueIdOf(session);
      const venue = venueOf(id);
      const events = session.messages.flatMap(({ text }) => eventsOf(venue, text));
      const trades = events.flatMap((event) => (event.kind === 'trades' ? event.trades : []));
      const expected = session.messages.flatMap(({ text }) => naiveTrades(id, text));
      expect(trades.map(comparable)).toEqual(
        expected.map(({ symbol, id, price, time }) => ({
          symbol,
          id,
          price: Number(price),
          time: Number(time),
        })),
      );
      const faults = new Map(
        events.flatMap((event) => (event.kind === 'malformed' ? [[event.reason, event]] : [])),
      );
      expect([...faults.keys()]).toEqual([]);
    });
  }
});

function isKnown(session: RecordedSession): boolean {
  return FILES.some(([pattern]) => pattern.test(session.name));
}

function venueIdOf(session: RecordedSession): string {
  const id = FILES.find(([pattern]) => pattern.test(session.name))?.[1];
  if (id === undefined) throw new Error(`${session.name} is of no venue`);
  return id;
}

function venueOf(id: string): Venue {
  const venue = VENUES.get(id)?.({ price: 'trade', conditions: 'last-eligible' });
  if (venue === undefined) throw new Error(`no venue ${id}`);
  return venue;
}

function eventsOf(venue: Venue, text: string): VenueEvent[] {
  const events: VenueEvent[] = [];
  venue.parse(text, (event) => events.push(event));
  return events;
}

function comparable({ symbol, id = '', price, time }: Trade) {
  return { symbol, id: String(id), price, time };
}
