import type { Venue } from '../feeds/venue.ts';
import { VENUES } from '../feeds/venues/all-venues.ts';
import { SINGLE_TRADE_VENUES, venueMessage } from '../testkit/venue-messages.ts';

/**
 * What reading a message of each venue costs: processor time from its text to its trades, the
 * least of several rounds. Run: `npm run build`, then `node dist/bench/feed-parsing.js`.
 */

const OPTIONS = { price: 'trade', conditions: 'last-eligible' } as const;
const MESSAGES = 256;
const ROUNDS = 15;
const ROUND_MS = 60;
const BATCH_TRADES = 20;

/** Counted, so that nothing is optimized away. */
let trades = 0;
const take: Parameters<Venue['parse']>[1] = (event) => {
  if (event.kind === 'trades') trades += event.trades.length;
};

console.log(`µs of processor time, least of ${ROUNDS} rounds; Node ${process.version}`);
console.log('venue                a message of one trade   a trade of twenty   characters');
for (const [id, factory] of VENUES) {
  const venue = factory(OPTIONS);
  const single = messagesOf(id, 1);
  const perMessage = leastMicroseconds(venue, single);
  const perTrade = SINGLE_TRADE_VENUES.has(id)
    ? '-'
    : (leastMicroseconds(venue, messagesOf(id, BATCH_TRADES)) / BATCH_TRADES).toFixed(2);
  const characters = String(single[0]?.length ?? 0).padStart(13);
  console.log(
    `${id.padEnd(20)} ${perMessage.toFixed(2).padStart(22)} ${perTrade.padStart(19)}${characters}`,
  );
}

if (trades === 0) throw new Error('nothing was read');

function messagesOf(id: string, count: number): string[] {
  return Array.from({ length: MESSAGES }, (_, message) =>
    venueMessage(
      id,
      Array.from({ length: count }, (__, i) => ({
        symbol: `SYM${message % 16}-USD`,
        id: 480_792_690 + message * count + i,
        price: `${8950 + message}.25`,
        microseconds: 1_700_000_000_000_000 + 1_234_567 * message + i,
      })),
    ),
  );
}

function leastMicroseconds(venue: Venue, messages: readonly string[]): number {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const begun = process.cpuUsage();
    let read = 0;
    let spent = 0;
    do {
      for (const message of messages) venue.parse(message, take);
      read += messages.length;
      const { user, system } = process.cpuUsage(begun);
      spent = user + system;
    } while (spent < ROUND_MS * 1000);
    least = Math.min(least, spent / read);
  }
  return least;
}
