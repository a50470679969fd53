import { describe, expect, it } from 'vitest';
import type { Dialect } from '../../feeds/exchange/dialect.ts';
import { DIALECTS } from '../../feeds/exchange/dialects.ts';
import { until } from '../../testkit/until.ts';
import { trade, tradesOf } from '../support/feed-rig.ts';
import { venueOf } from '../support/venue-events.ts';
import {
  allTaken,
  expectEachOnce,
  ofBoth,
  SINGLE_CONNECTION_VENUES,
  SYMBOLS,
  VENUE_IDS,
  type VenueId,
  venueForTest,
} from '../support/venue-rig.ts';

const dialectOf = (venue: VenueId): Dialect => DIALECTS[venue];
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Short for a venue, long for a busy machine. */
const SILENCE_MS = 2400;

it('every venue has a dialect, and keeps alive well within its patience', () => {
  expect(new Set(Object.keys(DIALECTS))).toEqual(new Set(VENUE_IDS));
  for (const venue of VENUE_IDS) {
    const { silenceMs, venue: name } = dialectOf(venue);
    expect(name).toBe(venue);
    const { keepAlive } = venueOf(venue);
    if (silenceMs !== undefined && keepAlive !== undefined) {
      expect(keepAlive.everyMs).toBeLessThanOrEqual(0.7 * silenceMs);
    }
  }
});

it('feeds stay connected without a trade, by what their venues do for it', async () => {
  const rigs = await Promise.all(
    VENUE_IDS.map((venue) =>
      venueForTest(venue, {
        exchange: { beatMs: 600, silenceMs: SILENCE_MS },
        timing: { keepAliveMs: 600, silentAfterMs: SILENCE_MS },
      }),
    ),
  );
  await until(() => rigs.every(({ feed }) => feed.state === 'live'));
  await pause(2 * SILENCE_MS);
  for (const rig of rigs) rig.exchange.send(...ofBoth(rig, tradesOf('', 1, 3)));
  for (const rig of rigs) {
    await allTaken(rig);
    expectEachOnce(rig);
  }
  const seen = rigs.map(({ venue, exchange: { connections, violations }, feed }) => [
    venue,
    { connections: connections.length, violations, malformed: feed.counts.malformed },
  ]);
  expect(seen).toEqual(
    VENUE_IDS.map((venue) => [venue, { connections: 1, violations: [], malformed: 0 }]),
  );
});

describe.each(VENUE_IDS)('a feed of %s', (venue) => {
  const [first, second, unknown] = SYMBOLS[venue];

  it('subscribes within the limits of the venue', async () => {
    const symbols = Array.from({ length: 25 }, (_, at) => `${first}${at}`);
    const { exchange, feed } = await venueForTest(venue, { symbols });
    await until(() => feed.state === 'live');
    expect(exchange.current.subscribed).toEqual(new Set(symbols));
    expect(feed.subscriptions()).toMatchObject({ active: 25, refused: 0, unanswered: 0 });
    expect(exchange.connections.length).toBe(1);
    expect(exchange.violations).toEqual([]);
    expect(feed.counts.malformed).toBe(0);
  });

  it('goes on without a symbol that is refused', async () => {
    const { exchange, feed, lines } = await venueForTest(venue, {
      symbols: [first, unknown, second],
      exchange: { symbols: new Set([first, second]) },
      // Too long to be rescued by asking again what has no answer.
      timing: { answerMs: 60_000 },
    });
    await until(() => feed.state === 'live');
    expect(exchange.current.subscribed).toEqual(new Set([first, second]));
    expect(feed.subscriptions()).toMatchObject({ active: 2, refused: 1 });
    expect(lines.filter((line) => line.includes('refused'))).toEqual([
      expect.stringContaining(`warn ${unknown} was refused`),
    ]);
    expect(exchange.violations).toEqual([]);
  });

  it('is not tried again where it may not be (451), and later after too many (429)', async () => {
    const forbidden = await venueForTest(venue, {
      prepare: ({ refusals }) => refusals.push({ status: 451 }),
    });
    await until(() => forbidden.feed.state === 'failed');
    const busy = await venueForTest(venue, {
      timing: { retryMs: 50 },
      prepare: ({ refusals }) => refusals.push({ status: 429 }, { status: 429 }),
    });
    await until(() => busy.feed.state === 'live');
    expect(busy.exchange.paths.length).toBe(3);
    expect(forbidden.exchange.paths.length).toBe(1);
    expect(forbidden.lines.filter((line) => line.startsWith('error'))).toHaveLength(1);
  });
});

it.each(VENUE_IDS.filter((venue) => dialectOf(venue).silenceMs !== undefined))(
  'a feed of %s would be closed if it said nothing',
  async (venue) => {
    const { exchange } = await venueForTest(venue, {
      exchange: { silenceMs: 300 },
      timing: { keepAliveMs: 60_000 },
    });
    await until(() => exchange.connections.length === 2);
    expect(exchange.violations[0]).toBe('silent for too long');
  },
);

it.each(VENUE_IDS.filter((venue) => Number.isFinite(venueOf(venue).silentAfterMs)))(
  'a feed of %s leaves a connection on which the venue is silent',
  async (venue) => {
    const { exchange, feed } = await venueForTest(venue, {
      timing: { silentAfterMs: 400, keepAliveMs: 60_000 },
    });
    await until(() => exchange.connections.length === 2);
    expect(feed.counts.reconnects).toMatchObject({ silent: 1, no_pong: 0 });
  },
);

it.each(VENUE_IDS.filter((venue) => dialectOf(venue).throttled !== undefined))(
  'a feed of %s asks again when the venue says that it asked too much',
  async (venue) => {
    const { exchange, feed } = await venueForTest(venue, {
      exchange: { throttles: 2 },
      timing: { retryMs: 100 },
    });
    await until(() => feed.state === 'live');
    expect(exchange.current.subscribed).toEqual(new Set(SYMBOLS[venue].slice(0, 2)));
    expect(feed.subscriptions()).toMatchObject({ active: 2, refused: 0 });
    expect(exchange.throttles).toBe(0);
    expect(exchange.connections.length).toBe(1);
  },
);

it.each(VENUE_IDS.filter((venue) => dialectOf(venue).goodbye !== undefined))(
  'a feed of %s goes to another connection when the venue says that it will close',
  async (venue) => {
    const rig = await venueForTest(venue);
    const { exchange, feed, first } = rig;
    await until(() => feed.state === 'live');
    exchange.send(trade(first, 1));
    await allTaken(rig);
    exchange.current.sendText(dialectOf(venue).goodbye ?? '');
    await until(() => exchange.connections.length === 2 && exchange.open.length === 1);
    await until(() => exchange.current.subscribed.size === 2 && feed.state === 'live');
    exchange.send(...tradesOf(first, 1, 3));
    await allTaken(rig);
    expectEachOnce(rig);
    expect(feed.counts.reconnects).toMatchObject({ requested: 1, closed: 0, refused: 0 });
  },
);

describe.each(SINGLE_CONNECTION_VENUES)('a feed of %s', (venue) => {
  it('with a wrong key ends, and asks once', async () => {
    const { exchange, feed, lines } = await venueForTest(venue, { exchange: { key: 'other' } });
    await until(() => feed.state === 'failed');
    expect(exchange.connections.length).toBe(1);
    expect(exchange.connections[0]?.subscribed.size).toBe(0);
    expect(lines.filter((line) => line.startsWith('error'))).toHaveLength(1);
    expect(lines.join()).not.toMatch(/k1|s1/);
  });

  it('waits 90 s for its place while another connection has it', async () => {
    const { exchange, lines } = await venueForTest(venue, {
      timing: { pingMs: 250 },
    });
    await until(() => exchange.connections[0]?.subscribed.size === 2);
    exchange.current.freeze();
    await until(() => lines.some((line) => /in (?:9\d|1\d\d)\.\d s/.test(line)));
    expect(exchange.connections.length).toBe(2);
  });
});
