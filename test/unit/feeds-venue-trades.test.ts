import { describe, expect, it } from 'vitest';
import { naiveTrades } from '../../testkit/independent/naive-trades.ts';
import { eventsOf, venueOf } from '../support/venue-events.ts';

/** A message, and its trades as [symbol, id, price, time]. */
type Row = readonly [
  venue: string,
  what: string,
  message: unknown,
  ...trades: (readonly [string, string | number | bigint | undefined, number, number])[],
];

const BINANCE_TRADE = {
  e: 'trade',
  E: 1700000000999,
  s: 'BNBUSDT',
  t: 77,
  p: '0.00120000',
  q: '5',
  T: 1700000000123,
  m: true,
  M: true,
};
const BINANCE_AGGREGATE = {
  e: 'aggTrade',
  E: 1700000000999,
  s: 'BNBUSDT',
  a: 12,
  p: '310.5',
  q: '5',
  f: 70,
  l: 77,
  T: 1700000000123,
  m: true,
};
const COINBASE_MATCH = {
  type: 'match',
  trade_id: 10,
  maker_order_id: 'a',
  taker_order_id: 'b',
  side: 'sell',
  size: '0.04',
  price: '14.7775',
  product_id: 'BAND-GBP',
  sequence: 50,
  time: '2024-02-29T12:34:56.789012Z',
};
/** Of that text, in ms. */
const LEAP_DAY = 1709210096789;
const OKX_TRADE = {
  instId: 'BTC-USDT',
  tradeId: '130639474',
  px: '42219.9',
  sz: '0.12060306',
  side: 'buy',
  ts: '1630048897897',
  count: '3',
};
const BYBIT_TRADE = {
  T: 1672304486865,
  s: 'BTCUSDT',
  S: 'Buy',
  v: '0.001',
  p: '16578.50',
  L: 'PlusTick',
  i: '20f43950-d8dd-5b31-9112-a178eb6023af',
  BT: false,
  seq: 1783284617,
};

const rows: readonly Row[] = [
  [
    'binance',
    'a trade in a combined stream',
    { stream: 'bnbusdt@trade', data: BINANCE_TRADE },
    ['BNBUSDT', 77, 0.0012, 1700000000123],
  ],
  ['binance', 'a bare trade', BINANCE_TRADE, ['BNBUSDT', 77, 0.0012, 1700000000123]],
  ['binance', 'a bare aggregate', BINANCE_AGGREGATE, ['BNBUSDT', 12, 310.5, 1700000000123]],
  [
    'binance',
    'an id beyond 2^53',
    JSON.stringify(BINANCE_TRADE).replace('"t":77', '"t": 9007199254740993 '),
    ['BNBUSDT', 9007199254740993n, 0.0012, 1700000000123],
  ],
  [
    'binance-futures',
    'an aggregate',
    { stream: 'bnbusdt@aggTrade', data: BINANCE_AGGREGATE },
    ['BNBUSDT', 12, 310.5, 1700000000123],
  ],
  [
    'binance-futures',
    'a market trade',
    { stream: 'bnbusdt@trade', data: { ...BINANCE_TRADE, X: 'MARKET' } },
    ['BNBUSDT', 77, 0.0012, 1700000000123],
  ],
  ['coinbase', 'a match', COINBASE_MATCH, ['BAND-GBP', 10, 14.7775, LEAP_DAY + 0.012]],
  [
    'coinbase',
    'the last match, with the time that is none',
    { ...COINBASE_MATCH, type: 'last_match', time: '0001-01-01T00:00:00Z' },
    ['BAND-GBP', 10, 14.7775, Date.parse('0001-01-01T00:00:00Z')],
  ],
  [
    'coinbase-advanced',
    'an update and a snapshot',
    {
      channel: 'market_trades',
      client_id: '',
      timestamp: '2024-02-29T12:34:57Z',
      sequence_num: 0,
      events: ['update', 'snapshot'].map((type, index) => ({
        type,
        trades: [
          {
            trade_id: String(11 - index),
            product_id: 'ETH-USD',
            price: '1260.01',
            size: '0.3',
            side: 'BUY',
            time: '2024-02-29T12:34:56.789012345Z',
          },
        ],
      })),
    },
    ['ETH-USD', 11, 1260.01, LEAP_DAY + 0.012345],
    ['ETH-USD', 10, 1260.01, LEAP_DAY + 0.012345],
  ],
  [
    'kraken',
    'two trades',
    {
      channel: 'trade',
      type: 'update',
      data: [
        {
          symbol: 'MATIC/USD',
          side: 'sell',
          price: 0.5117,
          qty: 40,
          ord_type: 'market',
          trade_id: 4665906,
          timestamp: '2024-02-29T12:34:56.789012Z',
        },
        {
          symbol: 'MATIC/USD',
          side: 'sell',
          price: 1e-7,
          qty: 40,
          ord_type: 'market',
          trade_id: 4665907,
          timestamp: '2024-02-29T12:34:56.789013Z',
        },
      ],
    },
    ['MATIC/USD', 4665906, 0.5117, LEAP_DAY + 0.012],
    ['MATIC/USD', 4665907, 1e-7, LEAP_DAY + 0.013],
  ],
  [
    'kraken',
    'version 1',
    [337, [['5541.20000', '0.15850568', '1534614057.321597', 's', 'l', '']], 'trade', 'XBT/USD'],
    ['XBT/USD', undefined, 5541.2, 1534614057321.597],
  ],
  [
    'okx',
    'a trade of several',
    { arg: { channel: 'trades', instId: 'BTC-USDT' }, data: [OKX_TRADE] },
    ['BTC-USDT', 130639474, 42219.9, 1630048897897],
  ],
  [
    'okx',
    'a trade as of 2022, without a count',
    {
      arg: { channel: 'trades', instId: 'BTC-USDT' },
      data: [{ ...OKX_TRADE, count: undefined, tradeId: '12345678901234567890' }],
    },
    ['BTC-USDT', 12345678901234567890n, 42219.9, 1630048897897],
  ],
  [
    'bybit',
    'a trade',
    { topic: 'publicTrade.BTCUSDT', type: 'snapshot', ts: 1672304486868, data: [BYBIT_TRADE] },
    ['BTCUSDT', BYBIT_TRADE.i, 16578.5, 1672304486865],
  ],
  [
    'bybit',
    'a trade whose id is digits',
    { topic: 'publicTrade.BTCUSDT', data: [{ ...BYBIT_TRADE, i: '2290000000036455162' }] },
    ['BTCUSDT', 2290000000036455162n, 16578.5, 1672304486865],
  ],
  [
    'bybit-linear',
    'version 2',
    {
      topic: 'trade.BTCUSD',
      data: [
        {
          trade_time_ms: '1585180700647',
          timestamp: '2020-03-25T23:58:20.000Z',
          symbol: 'BTCUSD',
          side: 'Sell',
          size: 1,
          price: 6698.5,
          tick_direction: 'PlusTick',
          trade_id: 'b29d4c94',
        },
      ],
    },
    ['BTCUSD', 'b29d4c94', 6698.5, 1585180700647],
  ],
  ...['trades.BTC-PERPETUAL.raw', 'trades.BTC-PERPETUAL.100ms', 'trades.future.BTC.100ms'].map(
    (channel): Row => [
      'deribit',
      channel,
      {
        jsonrpc: '2.0',
        method: 'subscription',
        params: {
          channel,
          data: [
            {
              trade_seq: 30289442,
              trade_id: '48079269',
              timestamp: 1590484512188,
              price: 8950.5,
              instrument_name: 'BTC-PERPETUAL',
              direction: 'sell',
              amount: 10,
            },
          ],
        },
      },
      ['BTC-PERPETUAL', 30289442, 8950.5, 1590484512188],
    ],
  ),
  [
    'bitstamp',
    'a trade whose number is not its text',
    {
      event: 'trade',
      channel: 'live_trades_btcusd',
      data: {
        id: 269_404_771,
        timestamp: '1675938000',
        amount: 0.1,
        amount_str: '0.10000000',
        price: 3651.3000000000002,
        price_str: '3651.30',
        type: 0,
        microtimestamp: '1675938000123457',
        buy_order_id: 1582334474354689,
        sell_order_id: 1582334473871362,
      },
    },
    ['btcusd', 269_404_771, 3651.3, 1675938000123.457],
  ],
  [
    'hyperliquid',
    'a trade with a long id',
    JSON.stringify({
      channel: 'trades',
      data: [{ coin: 'BTC', side: 'B', px: '29850.0', sz: '1', hash: '0x0', time: 1690393044548 }],
    }).replace('"side"', '"tid":18446744073709551615,"side"'),
    ['BTC', 18446744073709551615n, 29850, 1690393044548],
  ],
  [
    'alpaca',
    'a trade',
    [
      {
        T: 't',
        i: 96921,
        S: 'AAPL',
        x: 'D',
        p: 126.55,
        s: 1,
        t: '2024-02-29T12:34:56.789012345Z',
        c: ['@'],
        z: 'C',
      },
    ],
    ['AAPL', 'D:96921', 126.55, LEAP_DAY + 0.012345],
  ],
  [
    'massive',
    'two trades',
    ['7', '8'].map((i) => ({
      ev: 'T',
      sym: 'MSFT',
      x: 4,
      i,
      z: 3,
      p: 114.125,
      s: 100,
      c: [14, 41],
      t: 1536036818784,
      q: 3681328,
    })),
    ['MSFT', '4:7', 114.125, 1536036818784],
    ['MSFT', '4:8', 114.125, 1536036818784],
  ],
];

describe('trades of venues', () => {
  for (const [id, what, message, ...trades] of rows) {
    it(`${id}: ${what}`, () => {
      const events = eventsOf(venueOf(id), message);
      const expected = trades.map(([symbol, tradeId, price, time]) => ({
        symbol,
        id: tradeId,
        price,
        time,
      }));
      expect(events).toEqual([
        { kind: 'trades', trades: expected.map((trade) => expect.objectContaining(trade)) },
      ]);
      // The second reading that recorded sessions are held against knows the shape too.
      const text = typeof message === 'string' ? message : JSON.stringify(message);
      expect(
        naiveTrades(id, text).map(({ symbol, id: naiveId, price, time }) => [
          symbol,
          naiveId,
          Number(price),
          Number(time),
        ]),
      ).toEqual(trades.map(([symbol, tradeId = '', ...rest]) => [symbol, `${tradeId}`, ...rest]));
    });

    it(`${id}: ${what}, as bytes`, () => {
      if (id === 'alpaca') return;
      const text = typeof message === 'string' ? message : JSON.stringify(message);
      const venue = venueOf(id);
      expect(eventsOf(venue, Buffer.from(text))).toEqual(eventsOf(venue, text));
    });
  }

  it('bybit: 1024 trades in a message', () => {
    const data = Array.from({ length: 1024 }, (_, i) => ({ ...BYBIT_TRADE, i: `id-${i}` }));
    const [event] = eventsOf(venueOf('bybit'), { topic: 'publicTrade.BTCUSDT', data });
    expect(event?.kind === 'trades' && event.trades.map(({ id }) => id)).toEqual(
      data.map(({ i }) => i),
    );
  });

  it('okx: says how many ids a trade covers', () => {
    const covered = (count: unknown) => {
      const data = [{ ...OKX_TRADE, count }];
      const [event] = eventsOf(venueOf('okx'), { arg: { channel: 'trades' }, data });
      return event?.kind === 'trades' ? event.trades[0]?.ids : event;
    };
    expect(['3', 3, '1', undefined, 'x', '-2', '1.5'].map(covered)).toEqual([
      3,
      3,
      ...Array.from({ length: 5 }, () => undefined),
    ]);
  });

  it('binance-futures: trades of the insurance fund and of deleveraging set no price', () => {
    const excluded = (X: unknown, p = '310.5') => {
      const [event] = eventsOf(venueOf('binance-futures'), { ...BINANCE_TRADE, X, p });
      return event?.kind === 'trades' ? event.trades[0]?.excluded : event;
    };
    expect(['INSURANCE_FUND', 'ADL'].map((X) => excluded(X))).toEqual([true, true]);
    expect(excluded('NA', '0')).toBe(true);
    expect(['MARKET', undefined].map((X) => excluded(X))).toEqual([undefined, undefined]);
  });

  it('alpaca and massive: prints that may not be last set no price, unless all are wanted', () => {
    const alpaca = (c: unknown, z: string, conditions: 'last-eligible' | 'all') => {
      const trade = { T: 't', i: 1, S: 'SPY', x: 'D', p: 5, t: '2024-02-29T12:34:56Z', c, z };
      const [event] = eventsOf(venueOf('alpaca', { conditions }), [trade]);
      return event?.kind === 'trades' ? (event.trades[0]?.excluded ?? false) : event;
    };
    expect(alpaca(['@', 'W'], 'C', 'last-eligible')).toBe(true);
    expect(alpaca(['@', 'W'], 'C', 'all')).toBe(false);
    expect(alpaca([' ', 'B'], 'B', 'last-eligible')).toBe(true);
    expect(alpaca(['B'], 'C', 'last-eligible')).toBe(false);
    expect(alpaca(undefined, 'C', 'last-eligible')).toBe(false);
    const massive = (c: unknown, conditions: 'last-eligible' | 'all') => {
      const trade = { ev: 'T', sym: 'SPY', x: 4, i: '1', p: 5, t: 1536036818784, c };
      const [event] = eventsOf(venueOf('massive', { conditions }), [trade]);
      return event?.kind === 'trades' ? (event.trades[0]?.excluded ?? false) : event;
    };
    expect(massive([14, 2], 'last-eligible')).toBe(true);
    expect(massive([14, 2], 'all')).toBe(false);
    expect(massive(undefined, 'last-eligible')).toBe(false);
  });
});

describe('trades that lack something', () => {
  const broken: readonly (readonly [string, Readonly<Record<string, unknown>>])[] = [
    ['symbol', { s: '' }],
    ['symbol', { s: 7 }],
    ['id', { t: undefined }],
    ['id', { t: -1 }],
    ['id', { t: 1.5 }],
    ['id', { t: 1e300 }],
    ['id', { t: '9'.repeat(41) }],
    ['price', { p: '0' }],
    ['price', { p: '-1' }],
    ['price', { p: '' }],
    ['price', { p: ' 1' }],
    ['price', { p: '0x10' }],
    ['price', { p: 'Infinity' }],
    ['price', { p: '1e999' }],
    ['price', { p: null }],
    ['price', { p: ['1'] }],
    ['time', { T: null }],
    ['time', { T: '2024-01-01' }],
    ['time', { T: undefined }],
  ];
  for (const [field, change] of broken) {
    it(`is malformed for ${JSON.stringify(change)}`, () => {
      expect(eventsOf(venueOf('binance'), { ...BINANCE_TRADE, ...change })).toEqual([
        { kind: 'malformed', reason: `trade: bad ${field}` },
      ]);
    });
  }

  it('spoil no other of the message', () => {
    const data = [OKX_TRADE, { ...OKX_TRADE, px: 'x' }, 7, { ...OKX_TRADE, tradeId: '5' }];
    expect(eventsOf(venueOf('okx'), { arg: { channel: 'trades' }, data })).toEqual([
      {
        kind: 'trades',
        trades: [expect.objectContaining({ id: 130639474 }), expect.objectContaining({ id: 5 })],
      },
      { kind: 'malformed', reason: 'trade: bad price' },
    ]);
  });
});
