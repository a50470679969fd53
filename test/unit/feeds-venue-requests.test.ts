import { describe, expect, it } from 'vitest';
import { VENUES } from '../../feeds/venues/all-venues.ts';
import { venueOf } from '../support/venue-events.ts';

describe('requests to venues', () => {
  const symbols = Array.from({ length: 450 }, (_, i) => `SYM${i}`);

  it.each([...VENUES.keys()])('%s: asks for every symbol once, in numbered requests', (id) => {
    const venue = venueOf(id);
    expect(venue.id).toBe(id);
    const frames = venue.subscribeFrames(symbols, 7);
    expect(frames.flatMap((frame) => frame.symbols)).toEqual(symbols);
    expect(frames.map(({ requestId }) => requestId)).toEqual(frames.map((_, i) => 7 + i));
    for (const frame of frames) {
      expect(() => JSON.parse(frame.text) as unknown).not.toThrow();
      for (const symbol of frame.symbols)
        expect(frame.text.toLowerCase()).toContain(symbol.toLowerCase());
      expect(frame.text.length).toBeLessThan(8192);
    }
    expect(venue.url(symbols)).toMatch(/^wss:\/\/[a-z0-9.-]+(:\d+)?\/?/);
    // A timer that waits longer than 2^31 ms fires at once.
    expect(venue.rotateAfterMs ?? 0).toBeLessThan(2 ** 31);
  });

  it.each([
    ['binance', '{"method":"SUBSCRIBE","params":["btcusdt@trade"],"id":1}'],
    ['binance-futures', '{"method":"SUBSCRIBE","params":["btcusdt@aggTrade"],"id":1}'],
    [
      'coinbase',
      '{"type":"subscribe","product_ids":["BTCUSDT"],"channels":["matches","heartbeat"]}',
    ],
    [
      'coinbase-advanced',
      '{"type":"subscribe","product_ids":["BTCUSDT"],"channel":"market_trades"}',
    ],
    [
      'kraken',
      '{"method":"subscribe","params":{"channel":"trade","symbol":["BTCUSDT"],"snapshot":false},"req_id":1}',
    ],
    ['okx', '{"id":"1","op":"subscribe","args":[{"channel":"trades","instId":"BTCUSDT"}]}'],
    ['bybit', '{"req_id":"1","op":"subscribe","args":["publicTrade.BTCUSDT"]}'],
    ['bybit-linear', '{"req_id":"1","op":"subscribe","args":["publicTrade.BTCUSDT"]}'],
    [
      'deribit',
      '{"jsonrpc":"2.0","id":1,"method":"public/subscribe","params":{"channels":["trades.BTCUSDT.100ms"]}}',
    ],
    ['bitstamp', '{"event":"bts:subscribe","data":{"channel":"live_trades_BTCUSDT"}}'],
    ['hyperliquid', '{"method":"subscribe","subscription":{"type":"trades","coin":"BTCUSDT"}}'],
    ['alpaca', '{"action":"subscribe","trades":["BTCUSDT"]}'],
    ['massive', '{"action":"subscribe","params":"T.BTCUSDT"}'],
  ])('%s: subscribes as documented', (id, text) => {
    expect(
      venueOf(id)
        .subscribeFrames(['BTCUSDT'], 1)
        .map((frame) => frame.text),
    ).toEqual([text]);
  });

  it('logs in where that is needed', () => {
    expect(venueOf('alpaca').login?.('k', 's')).toBe('{"action":"auth","key":"k","secret":"s"}');
    expect(venueOf('massive').login?.('k', 's')).toBe('{"action":"auth","params":"k"}');
    const withLogin = [...VENUES.keys()].filter((id) => venueOf(id).login !== undefined);
    expect(withLogin).toEqual(['alpaca', 'massive']);
  });

  it('asks Binance for aggregates on request, and spot Bybit for ten topics at a time', () => {
    const [frame] = venueOf('binance', { price: 'aggregate' }).subscribeFrames(['A'], 1);
    expect(frame?.text).toContain('"a@aggTrade"');
    expect(venueOf('bybit').subscribeFrames(symbols, 1)).toHaveLength(45);
  });
});
