import { describe, expect, it } from 'vitest';
import type { VenueEvent } from '../../feeds/venue.ts';
import { VENUES } from '../../feeds/venues/all-venues.ts';
import { eventsOf, venueOf } from '../support/venue-events.ts';

type Row = readonly [venue: string, message: unknown, ...events: VenueEvent[]];

const IGNORED: VenueEvent = { kind: 'ignored' };
const HEARTBEAT: VenueEvent = { kind: 'heartbeat' };
const subscribed = (...symbols: string[]): VenueEvent => ({ kind: 'subscribed', symbols });
const LONG_REASON = 'x'.repeat(1000);

const rows: readonly Row[] = [
  ['binance', { result: null, id: 3 }, { kind: 'subscribed', requestId: 3 }],
  ['binance', { result: ['btcusdt@trade'], id: 3 }, IGNORED],
  [
    'binance',
    { code: 2, msg: 'Invalid request', id: 4 },
    { kind: 'refused', requestId: 4, reason: '2 Invalid request' },
  ],
  [
    'binance',
    { error: { code: 3, msg: 'Invalid JSON' } },
    { kind: 'refused', reason: '3 Invalid JSON' },
  ],
  [
    'binance',
    { stream: 'x', data: { e: 'serverShutdown', E: 1 } },
    { kind: 'reconnect', reason: 'server shutdown' },
  ],
  ['binance', { e: 'serverShutdown', E: 1 }, { kind: 'reconnect', reason: 'server shutdown' }],
  ['binance', { stream: 'x@bookTicker', data: { u: 1, s: 'X', b: '1', a: '2' } }, IGNORED],
  ['binance', { stream: 'x@kline_1m', data: { e: 'kline', s: 'X' } }, IGNORED],
  ['binance', { stream: 'x@depth5', data: { lastUpdateId: 1, bids: [], asks: [] } }, IGNORED],
  ['binance', { stream: '!ticker@arr', data: [{}] }, IGNORED],
  ['binance', { stream: 'x@trade', data: null }, { kind: 'malformed', reason: 'no object' }],
  ['binance', {}, { kind: 'malformed', reason: 'no known event' }],
  [
    'coinbase',
    {
      type: 'subscriptions',
      channels: [
        { name: 'heartbeat', product_ids: ['A-USD'] },
        { name: 'matches', product_ids: ['A-USD', 'B-USD'] },
      ],
    },
    subscribed('A-USD', 'B-USD'),
  ],
  [
    'coinbase',
    { type: 'subscriptions', channels: [{ name: 'level2', product_ids: ['A-USD'] }] },
    IGNORED,
  ],
  ['coinbase', { type: 'heartbeat', sequence: 90, last_trade_id: 20 }, HEARTBEAT],
  ['coinbase', { type: 'ticker', price: '5' }, IGNORED],
  [
    'coinbase',
    { type: 'error', message: 'Failed to subscribe', reason: 'X-USD is not a valid product' },
    {
      kind: 'refused',
      symbols: ['X-USD'],
      wholeRequest: true,
      reason: 'Failed to subscribe X-USD is not a valid product',
    },
  ],
  [
    'coinbase',
    { type: 'error', message: 'rate limit exceeded' },
    { kind: 'refused', retryAfterMs: 5000, reason: 'rate limit exceeded' },
  ],
  [
    'coinbase',
    { type: 'error', message: 'Authentication Failed' },
    { kind: 'fatal', reason: 'Authentication Failed' },
  ],
  [
    'coinbase',
    { type: 'error', message: LONG_REASON },
    { kind: 'refused', reason: LONG_REASON.slice(0, 200) },
  ],
  ['coinbase', { price: '5' }, { kind: 'malformed', reason: 'no type' }],
  [
    'coinbase-advanced',
    {
      channel: 'subscriptions',
      events: [{ subscriptions: { heartbeats: ['h'], market_trades: ['A-USD'] } }],
    },
    subscribed('A-USD'),
  ],
  [
    'coinbase-advanced',
    { channel: 'subscriptions', events: [{ subscriptions: { heartbeats: ['h'] } }] },
    IGNORED,
  ],
  ['coinbase-advanced', { channel: 'heartbeats', events: [{ heartbeat_counter: 3 }] }, HEARTBEAT],
  ['coinbase-advanced', { channel: 'ticker', events: [] }, IGNORED],
  [
    'coinbase-advanced',
    { type: 'error', message: 'failure to subscribe' },
    { kind: 'refused', reason: 'failure to subscribe' },
  ],
  [
    'coinbase-advanced',
    { channel: 'market_trades', events: [{}] },
    { kind: 'malformed', reason: 'trades: no list' },
  ],
  [
    'kraken',
    {
      method: 'subscribe',
      req_id: 9,
      success: true,
      result: { channel: 'trade', symbol: 'BTC/USD', snapshot: false },
    },
    subscribed('BTC/USD'),
  ],
  [
    'kraken',
    {
      method: 'subscribe',
      req_id: 9,
      success: false,
      error: 'Currency pair not supported X/USD',
      symbol: 'X/USD',
    },
    { kind: 'refused', symbols: ['X/USD'], reason: 'Currency pair not supported X/USD' },
  ],
  [
    'kraken',
    { method: 'subscribe', req_id: 9, success: false, error: 'Subscription field missing' },
    { kind: 'refused', requestId: 9, reason: 'Subscription field missing' },
  ],
  [
    'kraken',
    { method: 'subscribe', success: false, error: 'Exceeded msg rate', symbol: 'X/USD' },
    { kind: 'refused', symbols: ['X/USD'], retryAfterMs: 5000, reason: 'Exceeded msg rate' },
  ],
  ['kraken', { channel: 'heartbeat' }, HEARTBEAT],
  ['kraken', { channel: 'status', type: 'update', data: [{ system: 'online' }] }, IGNORED],
  ['kraken', { event: 'heartbeat' }, HEARTBEAT],
  ['kraken', { event: 'systemStatus', status: 'online' }, IGNORED],
  [
    'kraken',
    {
      event: 'subscriptionStatus',
      status: 'subscribed',
      pair: 'XBT/USD',
      subscription: { name: 'trade' },
    },
    subscribed('XBT/USD'),
  ],
  [
    'kraken',
    { event: 'subscriptionStatus', status: 'error', pair: 'X/USD', errorMessage: 'not supported' },
    { kind: 'refused', symbols: ['X/USD'], reason: 'not supported' },
  ],
  ['kraken', [1, {}, 'book-10', 'XBT/USD'], IGNORED],
  ['kraken', {}, { kind: 'malformed', reason: 'no channel' }],
  ['okx', 'pong', HEARTBEAT],
  [
    'okx',
    { id: '1', event: 'subscribe', arg: { channel: 'trades', instId: 'BTC-USDT' } },
    subscribed('BTC-USDT'),
  ],
  ['okx', { event: 'subscribe', arg: { channel: 'books', instId: 'BTC-USDT' } }, IGNORED],
  [
    'okx',
    {
      id: '12',
      event: 'error',
      code: '60018',
      msg: "Wrong URL or channel:trades,instId:X-Y doesn't exist.",
    },
    {
      kind: 'refused',
      symbols: ['X-Y'],
      requestId: 12,
      wholeRequest: true,
      reason: "60018 Wrong URL or channel:trades,instId:X-Y doesn't exist.",
    },
  ],
  [
    'okx',
    { event: 'error', code: '60012', msg: 'Invalid request' },
    { kind: 'refused', reason: '60012 Invalid request' },
  ],
  [
    'okx',
    { event: 'error', code: '60014', msg: 'Requests too frequent' },
    { kind: 'refused', retryAfterMs: 60_000, reason: '60014 Requests too frequent' },
  ],
  [
    'okx',
    { event: 'notice', code: '64008', msg: 'The connection will soon be closed.' },
    { kind: 'reconnect', reason: '64008 The connection will soon be closed.' },
  ],
  ['okx', { event: 'channel-conn-count', channel: 'orders', connCount: '2' }, IGNORED],
  ['okx', { arg: { channel: 'books', instId: 'X' }, action: 'update', data: [] }, IGNORED],
  [
    'bybit',
    { success: true, ret_msg: 'subscribe', conn_id: 'c', req_id: '5', op: 'subscribe' },
    { kind: 'subscribed', requestId: 5 },
  ],
  [
    'bybit',
    {
      success: false,
      ret_msg: 'error:handler not found,topic:publicTrade.XYZ',
      req_id: '5',
      op: 'subscribe',
    },
    {
      kind: 'refused',
      symbols: ['XYZ'],
      requestId: 5,
      wholeRequest: true,
      reason: 'error:handler not found,topic:publicTrade.XYZ',
    },
  ],
  [
    'bybit',
    { success: false, ret_msg: 'Invalid symbol :[publicTrade.XYZ]', req_id: '', op: 'subscribe' },
    {
      kind: 'refused',
      symbols: ['XYZ'],
      wholeRequest: true,
      reason: 'Invalid symbol :[publicTrade.XYZ]',
    },
  ],
  [
    'bybit',
    { success: false, ret_msg: 'error:already subscribed,topic:publicTrade.XYZ', op: 'subscribe' },
    subscribed('XYZ'),
  ],
  ['bybit', { success: true, ret_msg: 'pong', conn_id: 'c', op: 'ping' }, HEARTBEAT],
  ['bybit-linear', { req_id: 'x', op: 'pong', args: ['1675418560633'], conn_id: 'c' }, HEARTBEAT],
  ['bybit', { topic: 'orderbook.1.BTCUSDT', data: {} }, IGNORED],
  [
    'bybit-linear',
    { success: true, ret_msg: '', request: { op: 'subscribe', args: ['trade.BTCUSD'] } },
    subscribed('BTCUSD'),
  ],
  [
    'deribit',
    {
      jsonrpc: '2.0',
      id: 2,
      result: ['trades.BTC-PERPETUAL.100ms', 'trades.ETH-1JAN27-100.5-C.raw'],
    },
    { kind: 'subscribed', symbols: ['BTC-PERPETUAL', 'ETH-1JAN27-100.5-C'], requestId: 2 },
  ],
  [
    'deribit',
    {
      jsonrpc: '2.0',
      id: 2,
      error: { code: -32602, message: 'Invalid params', data: { param: 'channels' } },
    },
    { kind: 'refused', requestId: 2, reason: '-32602 Invalid params channels' },
  ],
  [
    'deribit',
    { jsonrpc: '2.0', id: 2, error: { code: 10028, message: 'too_many_requests' } },
    { kind: 'refused', requestId: 2, retryAfterMs: 5000, reason: '10028 too_many_requests' },
  ],
  ['deribit', { jsonrpc: '2.0', id: 0, result: 'ok' }, HEARTBEAT],
  ['deribit', { jsonrpc: '2.0', id: 0, result: { version: '1.2.26' } }, HEARTBEAT],
  ['deribit', { jsonrpc: '2.0', method: 'heartbeat', params: { type: 'heartbeat' } }, HEARTBEAT],
  [
    'deribit',
    { jsonrpc: '2.0', method: 'heartbeat', params: { type: 'test_request' } },
    { kind: 'reply', text: '{"jsonrpc":"2.0","id":0,"method":"public/test","params":{}}' },
  ],
  [
    'deribit',
    { jsonrpc: '2.0', method: 'subscription', params: { channel: 'book.X.raw', data: {} } },
    IGNORED,
  ],
  [
    'bitstamp',
    { event: 'bts:subscription_succeeded', channel: 'live_trades_btcusd', data: {} },
    subscribed('btcusd'),
  ],
  [
    'bitstamp',
    { event: 'bts:error', channel: '', data: { code: null, message: 'Bad subscription string.' } },
    { kind: 'refused', reason: 'Bad subscription string.' },
  ],
  [
    'bitstamp',
    { event: 'bts:request_reconnect', channel: '', data: '' },
    { kind: 'reconnect', reason: 'the venue asks to' },
  ],
  ['bitstamp', { event: 'bts:heartbeat', channel: '', data: { status: 'success' } }, HEARTBEAT],
  ['bitstamp', { event: 'data', channel: 'order_book_btcusd', data: {} }, IGNORED],
  [
    'hyperliquid',
    {
      channel: 'subscriptionResponse',
      data: { method: 'subscribe', subscription: { type: 'trades', coin: 'BTC' } },
    },
    subscribed('BTC'),
  ],
  [
    'hyperliquid',
    { channel: 'error', data: 'Invalid subscription {"type":"trades","coin":"NOPE"}' },
    {
      kind: 'refused',
      symbols: ['NOPE'],
      reason: 'Invalid subscription {"type":"trades","coin":"NOPE"}',
    },
  ],
  [
    'hyperliquid',
    { channel: 'error', data: 'Already subscribed: {"type":"trades","coin":"BTC"}' },
    subscribed('BTC'),
  ],
  ['hyperliquid', { channel: 'pong' }, HEARTBEAT],
  ['hyperliquid', { channel: 'l2Book', data: {} }, IGNORED],
  ['alpaca', [{ T: 'success', msg: 'connected' }], IGNORED],
  ['alpaca', [{ T: 'success', msg: 'authenticated' }], { kind: 'authenticated' }],
  ['alpaca', [{ T: 'subscription', trades: ['AAPL'], quotes: [] }], subscribed('AAPL')],
  ['alpaca', [{ T: 'q', S: 'AAPL' }], IGNORED],
  [
    'alpaca',
    [{ T: 'error', code: 402, msg: 'auth failed' }],
    { kind: 'fatal', reason: '402 auth failed' },
  ],
  [
    'alpaca',
    [{ T: 'error', code: 405, msg: 'symbol limit exceeded' }],
    { kind: 'refused', reason: '405 symbol limit exceeded' },
  ],
  [
    'alpaca',
    [{ T: 'error', code: 406, msg: 'connection limit exceeded' }],
    { kind: 'fatal', reason: '406 connection limit exceeded', retryAfterMs: 90_000 },
  ],
  [
    'alpaca',
    [{ T: 'error', code: 407, msg: 'slow client' }],
    { kind: 'reconnect', reason: '407 slow client' },
  ],
  [
    'alpaca',
    [{ T: 'error', code: 409, msg: 'insufficient subscription' }],
    { kind: 'fatal', reason: '409 insufficient subscription' },
  ],
  ['alpaca', {}, { kind: 'malformed', reason: 'no list' }],
  ['massive', [{ ev: 'status', status: 'connected', message: 'Connected Successfully' }], IGNORED],
  ['massive', [{ ev: 'status', status: 'auth_success' }], { kind: 'authenticated' }],
  [
    'massive',
    [{ ev: 'status', status: 'auth_failed', message: 'authentication failed' }],
    { kind: 'fatal', reason: 'auth_failed authentication failed' },
  ],
  [
    'massive',
    [{ ev: 'status', status: 'max_connections', message: 'Maximum number of connections' }],
    {
      kind: 'fatal',
      reason: 'max_connections Maximum number of connections',
      retryAfterMs: 90_000,
    },
  ],
  [
    'massive',
    [
      { ev: 'status', status: 'success', message: 'subscribed to: T.MSFT' },
      { ev: 'status', status: 'success', message: 'subscribed to: T.BRK.B' },
    ],
    subscribed('MSFT'),
    subscribed('BRK.B'),
  ],
  [
    'massive',
    [{ ev: 'status', status: 'error', message: 'not authorized' }],
    { kind: 'refused', reason: 'error not authorized' },
  ],
  ['massive', [{ ev: 'Q', sym: 'MSFT' }], IGNORED],
];

describe('answers of venues', () => {
  for (const [id, message, ...events] of rows) {
    it(`${id}: ${JSON.stringify(message).slice(0, 90)}`, () => {
      expect(eventsOf(venueOf(id), message)).toEqual(events);
    });
  }

  it.each([...VENUES.keys()])('%s: what is no JSON is malformed', (id) => {
    const venue = venueOf(id);
    for (const text of ['', 'garbage', '{"e":', '\0\u0001']) {
      expect(eventsOf(venue, text)).toEqual([{ kind: 'malformed', reason: 'no JSON' }]);
    }
    for (const text of ['null', 'true', '7', '"text"']) {
      expect(eventsOf(venue, text).map(({ kind }) => kind)).toEqual(['malformed']);
    }
  });
});
