import { ExtensionCodec, encode, encodeTimeSpecToTimestamp } from '@msgpack/msgpack';
import { describe, expect, it } from 'vitest';
import type { Trade, VenueEvent } from '../../feeds/venue.ts';
import { VENUES } from '../../feeds/venues/all-venues.ts';
import { fc } from '../../testkit/fast-check.ts';
import { naiveTrades } from '../../testkit/independent/naive-trades.ts';
import {
  SINGLE_TRADE_VENUES,
  type TradeToWrite,
  venueMessage,
} from '../../testkit/venue-messages.ts';
import { eventsOf, venueOf } from '../support/venue-events.ts';

/** A venue has several properties, and there are many venues. */
const RUNS = { numRuns: 40 };
const IDS = [...VENUES.keys()];

const trades: fc.Arbitrary<TradeToWrite> = fc.record({
  symbol: fc.stringMatching(/^[A-Z0-9]{1,10}[-/_]?[A-Z]{0,4}$/),
  id: fc.maxSafeNat().map((id) => Math.trunc(id / 4)),
  price: fc
    .tuple(fc.nat(999_999), fc.stringMatching(/^\d{1,10}$/))
    .map(([whole, fraction]) => `${whole}.${fraction}1`),
  microseconds: fc.integer({ min: 1_000_000_000_000, max: 4_102_444_800_000_000 }),
});

const messagesOf = (id: string) =>
  fc
    .array(trades, { minLength: 1, maxLength: SINGLE_TRADE_VENUES.has(id) ? 1 : 20 })
    .map((list) => venueMessage(id, list));

/** Changes that keep a message nearly what it was. */
const changes = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  cut: fc.nat(8),
  put: fc.oneof(
    fc.constantFrom('', '"', '}', ']', ',', '-', 'null', '1e999', '0', '[]', '{}', '[[[['),
    fc.constantFrom('"__proto__":1,', '"x":{"toString":1},', '9'.repeat(400), 'é', '\\u0000'),
  ),
});

const KINDS = new Set<VenueEvent['kind']>([
  ...(['trades', 'subscribed', 'refused', 'authenticated', 'fatal', 'reconnect'] as const),
  ...(['heartbeat', 'reply', 'ignored', 'malformed'] as const),
]);

/** Fields that some venue reads. */
const NAMES = [
  'stream data e s t a p T X result id code msg error type product_id trade_id price time',
  'channels message reason channel events trades subscriptions symbol timestamp method',
  'success req_id event pair subscription status arg instId tradeId px ts count topic i op',
  'ret_msg request args params trade_seq coin instrument_name price_str microtimestamp tid S',
  'x c z ev sym',
].flatMap((line) => line.split(' '));

/** What they hold. */
const WORDS = [
  'trade aggTrade match error subscriptions market_trades trades pong subscribe notice 64008',
  'publicTrade.X trade.X subscription heartbeat test_request trades.X.raw bts:error',
  'live_trades_x subscriptionResponse t T success status auth_success max_connections 1',
  '2024-01-01T00:00:00Z',
].flatMap((line) => line.split(' '));

/** What must hold of events, whatever was read. Without `expect`, which costs more than reading. */
function checkEvents(events: readonly VenueEvent[]): void {
  for (const event of events) {
    if (!KINDS.has(event.kind)) throw new Error(`an event of kind ${event.kind}`);
    if (event.kind === 'malformed' && event.reason.length > 300) throw new Error(event.reason);
    if (event.kind !== 'trades') continue;
    if (event.trades.length === 0) throw new Error('trades without a trade');
    const broken = event.trades.find(
      ({ symbol, price, time, excluded }) =>
        symbol === '' ||
        !Number.isFinite(time) ||
        (excluded !== true && !(price > 0 && price < Number.POSITIVE_INFINITY)),
    );
    if (broken !== undefined) throw new Error(`an unsound trade of ${broken.symbol}`);
  }
}

interface TradeLine {
  readonly symbol: string;
  readonly id: Trade['id'];
  readonly price: number;
  readonly time: number;
}

/** A trade as one line, exact. */
function lineOf({ symbol, id, price, time }: TradeLine): string {
  return `${symbol} ${id} ${price} ${time}`;
}

describe.each(IDS)('messages of %s', (id) => {
  const venue = venueOf(id);

  it('give the trades that a naive reading gives', () => {
    fc.assert(
      fc.property(messagesOf(id), (message) => {
        const expected = naiveTrades(id, message).map(({ price, time, ...rest }) =>
          lineOf({ ...rest, price: Number(price), time: Number(time) }),
        );
        expect(expected).not.toEqual([]);
        const [event, ...others] = eventsOf(venue, message);
        expect(others).toEqual([]);
        expect(event?.kind === 'trades' ? event.trades.map(lineOf) : event).toEqual(expected);
      }),
      RUNS,
    );
  });

  it('that were changed never throw, and give sound events', () => {
    fc.assert(
      fc.property(messagesOf(id), fc.array(changes, { maxLength: 4 }), (message, list) => {
        const changed = list.reduce((text, { at, cut, put }) => {
          const from = Math.trunc(at * text.length);
          return text.slice(0, from) + put + text.slice(from + cut);
        }, message);
        checkEvents(eventsOf(venue, changed));
        checkEvents(eventsOf(venue, Buffer.from(changed)));
      }),
      RUNS,
    );
  });

  it('that are any JSON, any bytes or any MessagePack never throw', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 4 }), fc.uint8Array(), (json, bytes) => {
        checkEvents(eventsOf(venue, json));
        checkEvents(eventsOf(venue, bytes));
        checkEvents(eventsOf(venue, encode(JSON.parse(json))));
      }),
      RUNS,
    );
  });

  it('of a known shape with fields of any type never throw', () => {
    const name = fc.constantFrom(...NAMES);
    const word = fc.constantFrom(...WORDS);
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        { depthSize: 'small' },
        word,
        fc.constantFrom(null, true, 0, 5, -1, 1e300),
        fc.array(tie('any'), { maxLength: 4 }),
        fc.dictionary(name, tie('any'), { maxKeys: 8 }),
      ),
    })).any;
    fc.assert(
      fc.property(fc.dictionary(name, value, { maxKeys: 10 }), (message) => {
        checkEvents(eventsOf(venue, JSON.stringify(message)));
        checkEvents(eventsOf(venue, JSON.stringify([message, message])));
      }),
      RUNS,
    );
  });

  it('nested deep or huge never throw', () => {
    for (const text of ['['.repeat(200_000), '{"data":'.repeat(100_000), '9'.repeat(100_000)]) {
      checkEvents(eventsOf(venue, text));
    }
    const deep = `{"data":${'['.repeat(20_000)}${']'.repeat(20_000)},"channel":"trades"}`;
    checkEvents(eventsOf(venue, deep));
  });
});

/** A time that an encoder of others writes with its nanoseconds. */
class MicrosecondTime {
  readonly microseconds: number;

  constructor(microseconds: number) {
    this.microseconds = microseconds;
  }
}

const TIMES = new ExtensionCodec();
TIMES.register({
  type: -1,
  encode: (value) => {
    if (!(value instanceof MicrosecondTime)) return null;
    const sec = Math.trunc(value.microseconds / 1e6);
    return encodeTimeSpecToTimestamp({ sec, nsec: (value.microseconds % 1e6) * 1000 });
  },
  decode: () => undefined,
});

it('Alpaca’s MessagePack says what its JSON says, to the microsecond', () => {
  fc.assert(
    fc.property(fc.array(trades, { minLength: 1, maxLength: 5 }), (list) => {
      const json = venueMessage('alpaca', list);
      const packed = encode(
        (JSON.parse(json) as Record<string, unknown>[]).map((trade, index) => {
          const { microseconds } = list[index] as TradeToWrite;
          return { ...trade, t: new MicrosecondTime(microseconds) };
        }),
        { extensionCodec: TIMES },
      );
      const venue = venueOf('alpaca');
      expect(eventsOf(venue, packed)).toEqual(eventsOf(venue, json));
    }),
  );
});
