import type { VenueEvent } from '../../feeds/venue.ts';
import { VENUES } from '../../feeds/venues/all-venues.ts';
import { SINGLE_TRADE_VENUES, venueMessage } from '../../testkit/venue-messages.ts';
import { type Target, Violation } from '../engine/target.ts';
import { anyValue, jsonOf } from '../generate/values.ts';

const IDS = [...VENUES.keys()];
const OPTIONS = { price: 'trade', conditions: 'last-eligible' } as const;
/** What is quoted of a venue is cut. */
const REASON_CHARS_MAX = 300;

/** Messages of exchanges: an input is the number of a venue, then what it sends. */
export function venueMessages(): Target {
  const venues = IDS.map((id) => VENUES.get(id)?.(OPTIONS));
  return {
    name: 'venue-messages',
    covers: [
      ...IDS.map((id) => `venues/${id}`),
      'fields/json-message',
      'fields/message-pack',
      'fields/rfc-3339-time',
      'fields/sale-conditions',
      'fields/subscriptions',
      'fields/trade-fields',
    ],
    dictionary: (
      '"stream": "data": "e":"trade" "code": "type":"error" "events": null "channel": ' +
      '"event":"error" "topic":"trade.X" "result": [{"T":"t" 1e999 "__proto__": ' +
      '9007199254740993 0001-01-01T00:00:00Z pong'
    ).split(' '),
    seeds: () => IDS.map((id, index) => inputOf(index, Buffer.from(messageOf(id, 1)))),
    generate: (random) => {
      const index = random.below(IDS.length);
      const text = random.chance(0.7)
        ? messageOf(IDS[index] as string, random.between(1, 3))
        : jsonOf(anyValue(random, 4));
      return inputOf(index, Buffer.from(text));
    },
    execute: (bytes) => {
      const [index = 0] = bytes;
      const venue = venues[index % venues.length];
      const message = bytes.subarray(1);
      venue?.parse(message, check);
      venue?.parse(Buffer.from(message).toString('utf8'), check);
    },
  };
}

function inputOf(venue: number, message: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from([venue]), message]);
}

function messageOf(id: string, count: number): string {
  const length = SINGLE_TRADE_VENUES.has(id) ? 1 : count;
  return venueMessage(
    id,
    Array.from({ length }, (_, i) => ({
      symbol: 'BTC-USD',
      id: 9_007_199_254_740 + i,
      price: '8950.25',
      microseconds: 1_709_210_096_789_012 + i,
    })),
  );
}

function check(event: VenueEvent): void {
  if (event.kind === 'malformed' && event.reason.length > REASON_CHARS_MAX)
    throw new Violation(`a reason of ${event.reason.length} characters`);
  if (event.kind !== 'trades') return;
  for (const { symbol, price, time, excluded } of event.trades) {
    if (symbol === '' || !Number.isFinite(time)) throw new Violation(`${symbol} at ${time}`);
    if (excluded !== true && !(price > 0 && price < Number.POSITIVE_INFINITY))
      throw new Violation(`${symbol} for ${price}`);
  }
}
