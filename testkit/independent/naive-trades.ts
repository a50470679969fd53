/** A trade with its price and time as written. */
export interface NaiveTrade {
  readonly symbol: string;
  readonly id: string;
  /** Digits as the venue wrote them. */
  readonly price: string;
  /** ms since the epoch, as decimal digits of any length. */
  readonly time: string;
}

/**
 * The trades of one message, the plain way: no checks, no exclusions, no speed. Numbers are made
 * texts before they are parsed, so that nothing is rounded.
 */
export function naiveTrades(venue: string, message: string): NaiveTrade[] {
  if (message === 'pong') return [];
  return VENUES[venue]?.(JSON.parse(message.replace(NUMBERS, '$1"$2"')) as Json) ?? [];
}

/** Numbers that are no part of a text: behind a colon, a comma or a bracket. */
const NUMBERS = /([:,[]\s*)(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)(?=\s*[,}\]])/g;

type Json =
  | string
  | boolean
  | null
  | undefined
  | readonly Json[]
  | { readonly [name: string]: Json };

/** What is found by names and positions; undefined if nothing is. */
function at(json: Json, ...path: readonly (string | number)[]): Json {
  let value = json;
  for (const step of path) value = (value as { readonly [name: string]: Json } | undefined)?.[step];
  return value;
}

const listAt = (json: Json, ...path: readonly (string | number)[]) =>
  at(json, ...path) as readonly Json[];

/** A text, or none. */
function textAt(json: Json, ...path: readonly (string | number)[]): string {
  const value = at(json, ...path);
  return typeof value === 'string' ? value : '';
}

/** The trades of a list by the names of their fields; two names for the id are joined. */
function tradesOf(
  list: readonly Json[],
  [symbol, id, price, time]: readonly [string, string, string | number, string | number],
  ms: (text: string) => string = (text) => text,
): NaiveTrade[] {
  return list.map((trade) => ({
    symbol: textAt(trade, symbol),
    id: id
      .split('+')
      .map((name) => textAt(trade, name))
      .join(':'),
    price: textAt(trade, price),
    time: ms(textAt(trade, time)),
  }));
}

const VENUES: Readonly<Record<string, (json: Json) => NaiveTrade[]>> = {
  binance: binanceTrades,
  'binance-futures': binanceTrades,
  coinbase: (json) =>
    at(json, 'type') === 'match' || at(json, 'type') === 'last_match'
      ? tradesOf([json], ['product_id', 'trade_id', 'price', 'time'], msOfDate)
      : [],
  'coinbase-advanced': (json) =>
    at(json, 'channel') === 'market_trades'
      ? listAt(json, 'events').flatMap((event) =>
          tradesOf(listAt(event, 'trades'), ['product_id', 'trade_id', 'price', 'time'], msOfDate),
        )
      : [],
  kraken: krakenTrades,
  okx: (json) =>
    at(json, 'arg', 'channel') === 'trades' && at(json, 'data') !== undefined
      ? tradesOf(listAt(json, 'data'), ['instId', 'tradeId', 'px', 'ts'])
      : [],
  bybit: bybitTrades,
  'bybit-linear': bybitTrades,
  deribit: (json) =>
    textAt(json, 'params', 'channel').startsWith('trades.')
      ? tradesOf(listAt(json, 'params', 'data'), [
          'instrument_name',
          'trade_seq',
          'price',
          'timestamp',
        ])
      : [],
  bitstamp: (json) =>
    at(json, 'event') === 'trade'
      ? tradesOf([at(json, 'data')], ['', 'id', 'price_str', 'microtimestamp'], (text) =>
          shift(text, -3),
        ).map((trade) => ({
          ...trade,
          symbol: textAt(json, 'channel').replace('live_trades_', ''),
        }))
      : [],
  hyperliquid: (json) =>
    at(json, 'channel') === 'trades'
      ? tradesOf(listAt(json, 'data'), ['coin', 'tid', 'px', 'time'])
      : [],
  alpaca: (json) => tradesOf(named(json, 'T', 't'), ['S', 'x+i', 'p', 't'], msOfDate),
  massive: (json) => tradesOf(named(json, 'ev', 'T'), ['sym', 'x+i', 'p', 't']),
};

function binanceTrades(json: Json): NaiveTrade[] {
  const event = at(json, 'data') ?? json;
  if (at(event, 'e') === 'trade') return tradesOf([event], ['s', 't', 'p', 'T']);
  return at(event, 'e') === 'aggTrade' ? tradesOf([event], ['s', 'a', 'p', 'T']) : [];
}

function bybitTrades(json: Json): NaiveTrade[] {
  const topic = textAt(json, 'topic');
  if (topic.startsWith('publicTrade.')) return tradesOf(listAt(json, 'data'), ['s', 'i', 'p', 'T']);
  if (!topic.startsWith('trade.')) return [];
  return tradesOf(listAt(json, 'data'), ['symbol', 'trade_id', 'price', 'trade_time_ms']);
}

function krakenTrades(json: Json): NaiveTrade[] {
  if (at(json, 'channel') === 'trade')
    return tradesOf(listAt(json, 'data'), ['symbol', 'trade_id', 'price', 'timestamp'], msOfDate);
  if (!Array.isArray(json) || at(json, 2) !== 'trade') return [];
  const symbol = textAt(json, 3);
  return tradesOf(listAt(json, 1), ['', '', 0, 2], (text) => shift(text, 3)).map((trade) => ({
    ...trade,
    symbol,
  }));
}

function named(json: Json, field: string, name: string): Json[] {
  return listAt(json).filter((event) => at(event, field) === name);
}

/** RFC 3339 in UTC as digits of ms: `Date` reads the seconds, the rest is moved as text. */
function msOfDate(text: string): string {
  const [, seconds = '', fraction = ''] = /^(.{19})(?:\.(\d+))?Z$/.exec(text) ?? [];
  return shift(`${BigInt(Date.parse(`${seconds}Z`)) / 1000n}.${fraction}`, 3);
}

/** A decimal with its point moved to the right, or to the left. */
function shift(decimal: string, places: number): string {
  const [whole = '', fraction = ''] = decimal.split('.');
  if (places < 0) return `${whole.slice(0, places)}.${whole.slice(places)}${fraction}`;
  const digits = fraction.padEnd(places, '0');
  return `${whole}${digits.slice(0, places)}.${digits.slice(places)}0`;
}
