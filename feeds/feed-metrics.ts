import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { Feed } from './feed.ts';
import { FEED_STATES } from './feed.ts';

const SECOND_MS = 1000;

/** The values of one metric, by the labels beside `feed` and `venue`. */
type Read = (feed: Feed) => Readonly<Record<string, number | undefined>>;

/** The metrics of feeds, read at each scrape from their counts. `docs/FEEDS.md` lists them. */
export function createFeedMetrics(feeds: readonly Feed[]): Registry {
  const registry = new Registry();
  const add = (
    Metric: typeof Counter | typeof Gauge,
    [name, help, label]: readonly [name: string, help: string, label?: string],
    read: Read,
  ) => {
    const labelNames = ['feed', 'venue', ...(label === undefined ? [] : [label])];
    const metric: Counter | Gauge = new Metric({
      name: `tickwire_feed_${name}`,
      help,
      labelNames,
      registers: [registry],
      collect: () => {
        metric.reset();
        for (const feed of feeds) {
          const { name: own, venue } = feed.settings;
          for (const [key, value] of Object.entries(read(feed))) {
            if (value === undefined) continue;
            const labels = { feed: own, venue: venue.id };
            metric.inc(label === undefined ? labels : { ...labels, [label]: key }, value);
          }
        }
      },
    });
  };
  add(Gauge, ['state', '1 for the state that the feed is in, else 0.', 'state'], ({ state }) =>
    Object.fromEntries(FEED_STATES.map((each) => [each, each === state ? 1 : 0])),
  );
  add(Counter, ['messages_total', 'Messages of the venue.'], ({ counts }) => ({
    all: counts.messages,
  }));
  add(
    Counter,
    ['malformed_messages_total', 'Messages of the venue that were not understood.'],
    ({ counts }) => ({ all: counts.malformed }),
  );
  add(
    Counter,
    ['trades_total', 'Trades of the venue, by what became of them.', 'result'],
    ({ counts, serverTotals }) => ({ ...counts.trades, rejected: serverTotals.rejected }),
  );
  add(
    Counter,
    ['missed_trades_total', 'Trades that never came, by the holes in the ids.'],
    ({ counts }) => ({ all: counts.missed }),
  );
  add(
    Counter,
    ['trades_without_id_total', 'Trades published that have no id: repeats are not seen.'],
    ({ counts }) => ({ all: counts.withoutId }),
  );
  add(
    Counter,
    ['times_replaced_total', 'Trades whose time could not be, published with that of receipt.'],
    ({ counts }) => ({ all: counts.timesReplaced }),
  );
  add(
    Counter,
    ['reconnects_total', 'Connections given up or replaced, by cause.', 'reason'],
    ({ counts }) => counts.reconnects,
  );
  add(
    Gauge,
    ['last_trade_age_seconds', 'Since the newest trade came; absent before the first.'],
    ({ counts }) => ({
      all:
        counts.lastTradeAt === undefined
          ? undefined
          : (performance.now() - counts.lastTradeAt) / SECOND_MS,
    }),
  );
  add(
    Gauge,
    ['lag_seconds', "From the newest trade's time to its receipt; absent before the first."],
    ({ counts }) => ({ all: counts.lagMs === undefined ? undefined : counts.lagMs / SECOND_MS }),
  );
  add(Gauge, ['subscriptions', 'Symbols by the state of their subscription.', 'state'], (feed) =>
    feed.subscriptions(),
  );
  add(
    Counter,
    ['pauses_total', 'How often the venue was not read since the server took no more.'],
    ({ counts }) => ({ all: counts.pauses }),
  );
  add(
    Counter,
    ['paused_seconds_total', 'How long the venue was not read for that.'],
    ({ pausedMs }) => ({ all: pausedMs / SECOND_MS }),
  );
  add(
    Gauge,
    ['unacknowledged_trades', 'Published and not yet acknowledged by the server.'],
    ({ serverTotals }) => ({ all: serverTotals.unacknowledged }),
  );
  collectDefaultMetrics({ register: registry });
  return registry;
}
