import { describe, expect, it } from 'vitest';
import { until } from '../../testkit/until.ts';
import { trade, tradesOf } from '../support/feed-rig.ts';
import {
  allTaken,
  expectEachOnce,
  ofBoth,
  SINGLE_CONNECTION_VENUES,
  VENUE_IDS,
  type VenueRig,
  venueForTest,
} from '../support/venue-rig.ts';

const TWO = 2;
const DOUBLE_CONNECTION_VENUES = VENUE_IDS.filter((id) => !SINGLE_CONNECTION_VENUES.includes(id));

/** Waits until another connection than the first so many has both symbols. */
async function subscribedAnew({ exchange, feed }: VenueRig, before = 1): Promise<void> {
  await until(() => exchange.connections.length > before && exchange.open.length === 1);
  await until(() => exchange.current.subscribed.size === TWO && feed.state === 'live');
}

describe.each(VENUE_IDS)('a feed of %s', (venue) => {
  const isSingle = SINGLE_CONNECTION_VENUES.includes(venue);

  it('publishes each trade once over a cut, and counts those that were lost in it', async () => {
    const rig = await venueForTest(venue);
    const { exchange, feed } = rig;
    await until(() => feed.state === 'live');
    exchange.send(...ofBoth(rig, tradesOf('', 1, 20)));
    await allTaken(rig);
    exchange.current.cut();
    await subscribedAnew(rig);
    exchange.current.sendSnapshot(...ofBoth(rig, tradesOf('', 11, 20)));
    exchange.send(...ofBoth(rig, tradesOf('', 18, 19)));
    exchange.send(...ofBoth(rig, tradesOf('', 26, 30)));
    await allTaken(rig);
    expectEachOnce(rig);
    expect(feed.counts.trades.published).toBe(50);
    expect(feed.counts.trades.duplicate).toBeGreaterThanOrEqual(6);
    expect(feed.counts.missed).toBe(feed.settings.venue.gapsCount ? 10 : 0);
    expect(exchange.violations).toEqual([]);
  });

  it('takes old trades that it did not know from what a new subscriber is sent', async () => {
    const rig = await venueForTest(venue);
    const { exchange, feed } = rig;
    await until(() => feed.state === 'live');
    exchange.current.sendSnapshot(...ofBoth(rig, tradesOf('', 1, 5)));
    exchange.send(...ofBoth(rig, tradesOf('', 5, 9)));
    await allTaken(rig);
    expectEachOnce(rig);
    expect(feed.counts).toMatchObject({ missed: 0, malformed: 0 });
  });

  it('leaves a connection that is half open for another', async () => {
    const rig = await venueForTest(venue, { timing: { pingMs: 500, retryMs: 100 } });
    const { exchange, feed } = rig;
    await until(() => feed.state === 'live');
    exchange.send(...ofBoth(rig, tradesOf('', 1, 5)));
    await allTaken(rig);
    const [old] = exchange.connections;
    old?.freeze();
    if (isSingle) {
      // The dead one keeps its place until the venue notices.
      await until(() => feed.counts.reconnects.refused >= 2);
      expect(feed.state).toBe('reconnecting');
    } else await until(() => feed.counts.reconnects.no_pong >= 1);
    old?.cut();
    await subscribedAnew(rig);
    exchange.send(...ofBoth(rig, tradesOf('', 4, 8)));
    await allTaken(rig);
    expectEachOnce(rig);
    expect(feed.counts.reconnects.no_pong).toBeGreaterThanOrEqual(1);
  });

  it('sorts trades of one message, and drops what messages bring in the wrong order', async () => {
    const rig = await venueForTest(venue);
    const { exchange, feed, publisher } = rig;
    await until(() => feed.state === 'live');
    exchange.send(...ofBoth(rig, [trade('', 1)]));
    exchange.send(...ofBoth(rig, tradesOf('', 2, 6).reverse()));
    exchange.send(...ofBoth(rig, [trade('', 7)]));
    exchange.send(...ofBoth(rig, [trade('', 6)]));
    await allTaken(rig);
    expectEachOnce(rig);
    // Ids that rise are in order whatever comes; others where a message holds them together.
    const isSorted = feed.settings.venue.ids === 'rising' || rig.tape.length <= 8;
    for (const symbol of isSorted ? [rig.first, rig.second] : []) {
      const times = publisher.ticks
        .filter((tick) => tick.symbol.endsWith(`:${symbol}`))
        .map(({ time = 0 }) => time);
      expect(times).toEqual(times.toSorted((a, b) => a - b));
    }
  });

  it('counts garbage and reads on', async () => {
    const rig = await venueForTest(venue);
    const { exchange, feed } = rig;
    await until(() => feed.state === 'live');
    const { messages } = feed.counts;
    const [text = ''] = exchange.dialect.trades([trade(rig.first, 1)]);
    const broken = ['{', '\u0000', '[[[[', text.slice(0, -3), text.replace(/\d/g, 'x'), `${text}}`];
    for (const each of broken) exchange.current.sendText(each);
    for (let i = 0; i < 20; i += 1) exchange.current.sendBytes(new Uint8Array([193, i, 255]));
    exchange.send(...ofBoth(rig, tradesOf('', 1, 3)));
    await allTaken(rig);
    expectEachOnce(rig);
    expect(feed.counts.malformed).toBe(26);
    expect(feed.counts.messages).toBeGreaterThanOrEqual(messages + 26);
    expect(exchange.connections.length).toBe(1);
  });

  it('gives up a connection with a message that is too large', async () => {
    const rig = await venueForTest(venue);
    const { exchange, feed } = rig;
    await until(() => feed.state === 'live');
    exchange.current.sendText('x'.repeat(9 * 1024 * 1024));
    await subscribedAnew(rig);
    exchange.send(...ofBoth(rig, tradesOf('', 1, 3)));
    await allTaken(rig);
    expectEachOnce(rig);
    expect(feed.counts.reconnects.oversize).toBe(1);
  });

  it('loses nothing of a burst that the server takes slowly', async () => {
    const rig = await venueForTest(venue);
    const { exchange, feed, publisher } = rig;
    await until(() => feed.state === 'live');
    publisher.makeRoom(100);
    for (let id = 1; id <= 1000; id += 5) exchange.send(...ofBoth(rig, tradesOf('', id, id + 4)));
    await until(() => feed.state === 'paused');
    while (publisher.ticks.length < 2000) {
      publisher.makeRoom(200);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    publisher.makeRoom(10);
    await allTaken(rig);
    expectEachOnce(rig);
    expect(feed.counts).toMatchObject({ missed: 0, trades: { dropped: 0, duplicate: 0 } });
    expect(exchange.connections.length).toBe(1);
  });
});

it.each(DOUBLE_CONNECTION_VENUES)(
  'a feed of %s makes another before it closes an old one: nothing is lost',
  async (venue) => {
    const rig = await venueForTest(venue, { feed: { rotateAfterMs: 900 } });
    const { exchange, feed, publisher, first } = rig;
    await until(() => exchange.connections[0]?.subscribed.size === TWO);
    let id = 0;
    const timer = setInterval(() => {
      id += 1;
      for (const connection of exchange.open) connection.send(trade(first, id));
    }, 5);
    await until(() => feed.counts.reconnects.rotation >= 1 && exchange.open.length === 1);
    clearInterval(timer);
    exchange.send(trade(first, id + 1));
    await until(() => publisher.ticks.at(-1)?.time === trade(first, id + 1).time);
    const from = publisher.ticks[0]?.time ?? 0;
    expect(publisher.ticks.map(({ time }) => (time ?? 0) - from)).toEqual(
      Array.from({ length: id + 1 }, (_, at) => at),
    );
    expectEachOnce(rig);
    expect(feed.counts.trades.duplicate).toBeGreaterThan(0);
    expect(feed.counts.reconnects).toMatchObject({ closed: 0, connect: 0, unanswered: 0 });
    expect(exchange.violations).toEqual([]);
  },
);

it.each(SINGLE_CONNECTION_VENUES)(
  'a feed of %s closes an old connection before it makes another',
  async (venue) => {
    const rig = await venueForTest(venue, { feed: { rotateAfterMs: 400 } });
    const { exchange, feed } = rig;
    await subscribedAnew(rig);
    expect(feed.counts.reconnects.rotation).toBeGreaterThanOrEqual(1);
    expect(feed.counts.reconnects.refused).toBe(0);
    expect(exchange.violations).toEqual([]);
  },
);
