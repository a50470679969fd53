import { describe, expect, it } from 'vitest';
import type { Trade, Venue, VenueEvent } from '../../feeds/venue.ts';
import { VENUES } from '../../feeds/venues/all-venues.ts';
import { naiveTrades } from '../../testkit/independent/naive-trades.ts';
import { FEEDS_VARIABLE, recordedSessions } from '../../testkit/recorded-sessions.ts';

const sessions = recordedSessions();
const isMissing = sessions === undefined;
const title = 'sessions recorded at exchanges';

if (isMissing) {
  process.stderr.write(
    `\n*** NOT TESTED: "${title}". ${FEEDS_VARIABLE} names no folder of them. ***\n\n`,
  );
}

describe(title, () => {
  // In CI, missing sessions fail.
  it.skipIf(isMissing && !process.env.CI)('are there', () => {
    if (sessions === undefined) throw new Error(`${FEEDS_VARIABLE} must be set in CI`);
    expect(sessions.filter(({ venue }) => venue !== undefined).length).toBeGreaterThan(0);
  });

  for (const session of sessions ?? []) {
    const id = session.venue;
    if (id === undefined) continue;
    it(`${session.name}: every trade, its price and time exact, and nothing malformed`, () => {
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
