/** A trade to be written as a venue would. */
export interface TradeToWrite {
  readonly symbol: string;
  readonly id: number;
  /** Decimal digits. */
  readonly price: string;
  /** Whole µs since the epoch. */
  readonly microseconds: number;
}

/** Venues that send one trade a message. */
export const SINGLE_TRADE_VENUES: ReadonlySet<string> = new Set([
  'binance',
  'binance-futures',
  'coinbase',
  'bitstamp',
]);

/**
 * A message of a venue with these trades, written by hand from the venue's documentation. Venues
 * of ms cut the time.
 *
 * @returns JSON text
 * @throws RangeError for several trades where the venue sends one
 */
export function venueMessage(venue: string, trades: readonly TradeToWrite[]): string {
  const write = WRITERS[venue];
  const [first] = trades;
  if (write === undefined || first === undefined) throw new RangeError(`no messages of ${venue}`);
  if (SINGLE_TRADE_VENUES.has(venue) && trades.length > 1)
    throw new RangeError(`${venue} sends one trade a message`);
  return JSON.stringify(write(trades, first));
}

type Writer = (trades: readonly TradeToWrite[], first: TradeToWrite) => unknown;

function ms({ microseconds }: TradeToWrite): number {
  return Math.trunc(microseconds / 1000);
}

function rfc3339(trade: TradeToWrite): string {
  const finer = String(trade.microseconds % 1000).padStart(3, '0');
  return new Date(ms(trade)).toISOString().replace('Z', `${finer}Z`);
}

function bybit(trades: readonly TradeToWrite[]) {
  return {
    topic: 'publicTrade.X',
    type: 'snapshot',
    ts: 1672304486868,
    data: trades.map((trade) => ({
      T: ms(trade),
      s: trade.symbol,
      S: 'Buy',
      v: '0.001',
      p: trade.price,
      L: 'PlusTick',
      i: `20f43950-d8dd-5b31-9112-${String(trade.id).padStart(16, '0')}`,
      BT: false,
      seq: 7,
    })),
  };
}

const WRITERS: Readonly<Record<string, Writer>> = {
  binance: (_, trade) => ({
    stream: `${trade.symbol.toLowerCase()}@trade`,
    data: {
      e: 'trade',
      E: ms(trade) + 3,
      s: trade.symbol,
      t: trade.id,
      p: trade.price,
      q: '0.5',
      T: ms(trade),
      m: true,
      M: true,
    },
  }),
  'binance-futures': (_, trade) => ({
    stream: `${trade.symbol.toLowerCase()}@aggTrade`,
    data: {
      e: 'aggTrade',
      E: ms(trade) + 3,
      a: trade.id,
      s: trade.symbol,
      p: trade.price,
      q: '10',
      f: 3 * trade.id,
      l: 3 * trade.id + 2,
      T: ms(trade),
      m: false,
    },
  }),
  coinbase: (_, trade) => ({
    type: 'match',
    trade_id: trade.id,
    maker_order_id: '27fff20b-af29-4f45-8744-56dd1ef57dc0',
    taker_order_id: '1da6ce16-c8da-4732-9f71-6049f4c6aaf8',
    side: 'buy',
    size: '0.04',
    price: trade.price,
    product_id: trade.symbol,
    sequence: 333_938_798,
    time: rfc3339(trade),
  }),
  'coinbase-advanced': (trades, first) => ({
    channel: 'market_trades',
    client_id: '',
    timestamp: rfc3339(first),
    sequence_num: 4,
    events: [
      {
        type: 'update',
        trades: trades.map((trade) => ({
          product_id: trade.symbol,
          trade_id: String(trade.id),
          price: trade.price,
          size: '0.3',
          time: rfc3339(trade),
          side: 'BUY',
        })),
      },
    ],
  }),
  kraken: (trades) => ({
    channel: 'trade',
    type: 'update',
    data: trades.map((trade) => ({
      symbol: trade.symbol,
      side: 'sell',
      price: Number(trade.price),
      qty: 40,
      ord_type: 'market',
      trade_id: trade.id,
      timestamp: rfc3339(trade),
    })),
  }),
  okx: (trades, first) => ({
    arg: { channel: 'trades', instId: first.symbol },
    data: trades.map((trade) => ({
      instId: trade.symbol,
      tradeId: String(trade.id),
      px: trade.price,
      sz: '0.1',
      side: 'buy',
      ts: String(ms(trade)),
      count: '1',
    })),
  }),
  bybit,
  'bybit-linear': bybit,
  deribit: (trades, first) => ({
    jsonrpc: '2.0',
    method: 'subscription',
    params: {
      channel: `trades.${first.symbol}.100ms`,
      data: trades.map((trade) => ({
        trade_seq: trade.id,
        trade_id: '48079269',
        timestamp: ms(trade),
        tick_direction: 2,
        price: Number(trade.price),
        mark_price: 1.5,
        instrument_name: trade.symbol,
        index_price: 1.5,
        direction: 'sell',
        amount: 10,
      })),
    },
  }),
  bitstamp: (_, trade) => ({
    data: {
      id: trade.id,
      timestamp: String(Math.trunc(trade.microseconds / 1e6)),
      amount: 0.1,
      amount_str: '0.10000000',
      price: Number(`${trade.price}00000000002`),
      price_str: trade.price,
      type: 0,
      microtimestamp: String(trade.microseconds),
      buy_order_id: 1582334474354689,
      sell_order_id: 1582334473871362,
    },
    channel: `live_trades_${trade.symbol}`,
    event: 'trade',
  }),
  hyperliquid: (trades) => ({
    channel: 'trades',
    data: trades.map((trade) => ({
      coin: trade.symbol,
      side: 'B',
      px: trade.price,
      sz: '1',
      time: ms(trade),
      hash: '0x0000000000000000000000000000000000000000000000000000000000000000',
      tid: trade.id,
      users: [
        '0x0000000000000000000000000000000000000001',
        '0x0000000000000000000000000000000000000002',
      ],
    })),
  }),
  alpaca: (trades) =>
    trades.map((trade) => ({
      T: 't',
      S: trade.symbol,
      i: trade.id,
      x: 'D',
      p: Number(trade.price),
      s: 1,
      c: ['@'],
      z: 'C',
      t: rfc3339(trade),
    })),
  massive: (trades) =>
    trades.map((trade) => ({
      ev: 'T',
      sym: trade.symbol,
      x: 4,
      i: String(trade.id),
      z: 3,
      p: Number(trade.price),
      s: 100,
      c: [14, 41],
      t: ms(trade),
      q: 3681328,
    })),
};
