import { describe, expect, it } from 'vitest';
import { until } from '../../testkit/until.ts';
import { feedForTest, ticksOf, trade, tradesOf } from '../support/feed-rig.ts';

const BTC = 'BTCUSDT';
const ETH = 'ETHUSDT';

describe('a feed', () => {
  it('publishes each trade once, in order, under the name of its venue', async () => {
    const { exchange, feed, publisher, lines } = await feedForTest('binance', [BTC, ETH]);
    await until(() => feed.state === 'live');
    expect(exchange.current.subscribed).toEqual(new Set([BTC, ETH]));
    const trades = tradesOf(BTC, 1, 50).flatMap((each) => [each, { ...each, symbol: ETH }]);
    exchange.send(...trades);
    await until(() => publisher.ticks.length === 100);
    expect(publisher.ticks).toEqual(ticksOf('binance', trades));
    expect(feed.counts.missed).toBe(0);
    expect(exchange.violations).toEqual([]);
    expect(lines).toEqual([
      'info connecting to Binance spot for 2 symbols',
      'info the server is there',
      'info live',
    ]);
  });

  it('drops what is repeated after a cut, and counts what was lost in it', async () => {
    const { exchange, feed, publisher } = await feedForTest('binance', [BTC]);
    await until(() => feed.state === 'live');
    exchange.send(...tradesOf(BTC, 1, 20));
    await until(() => publisher.ticks.length === 20);
    exchange.current.cut();
    await until(() => exchange.connections.length === 2 && exchange.open.length === 1);
    await until(() => exchange.current.subscribed.size === 1);
    exchange.send(...tradesOf(BTC, 11, 20), ...tradesOf(BTC, 26, 30));
    await until(() => publisher.ticks.length === 25);
    const sent = [...tradesOf(BTC, 1, 20), ...tradesOf(BTC, 26, 30)];
    expect(publisher.ticks).toEqual(ticksOf('binance', sent));
    expect(feed.counts).toMatchObject({ missed: 5, reconnects: { closed: 1 } });
    expect(feed.counts.trades).toMatchObject({ published: 25, duplicate: 10 });
  });

  it('cuts a connection that is half open, and makes another', async () => {
    const { exchange, feed, publisher } = await feedForTest('binance', [BTC], {
      // Long enough for a busy machine to answer on the second connection.
      timing: { pingMs: 1000 },
    });
    await until(() => feed.state === 'live');
    exchange.current.freeze();
    await until(() => exchange.connections.length === 2);
    await until(() => feed.state === 'live');
    exchange.connections[1]?.send(trade(BTC, 7));
    await until(() => publisher.ticks.length === 1);
    expect(feed.counts.reconnects.no_pong).toBe(1);
  });

  it('cuts a connection that answers pings and says nothing', async () => {
    const { exchange, feed } = await feedForTest('coinbase', ['BTC-USD'], {
      timing: { pingMs: 800, silentAfterMs: 2000 },
    });
    await until(() => feed.state === 'live');
    await until(() => exchange.connections.length === 2);
    expect(feed.counts.reconnects).toMatchObject({ silent: 1, no_pong: 0 });
  });

  it('keeps a connection on which only heartbeats come: a quiet symbol is no stall', async () => {
    const { exchange, feed } = await feedForTest('coinbase', ['BTC-USD'], {
      exchange: { beatMs: 50 },
      timing: { silentAfterMs: 1000 },
    });
    await until(() => feed.state === 'live');
    await new Promise((resolve) => setTimeout(resolve, 2000));
    expect(exchange.connections.length).toBe(1);
    expect(feed.state).toBe('live');
  });

  it('looks into a stall on a second connection, before it closes the first', async () => {
    const { exchange, feed, publisher, lines } = await feedForTest('binance', [BTC], {
      feed: { staleAfterMs: 400 },
    });
    await until(() => feed.state === 'live');
    exchange.send(trade(BTC, 1));
    await until(() => feed.state === 'stale');
    // The old connection is deaf; the new one is not.
    await until(() => exchange.connections[1]?.subscribed.size === 1);
    expect(exchange.connections[0]?.isOpen).toBe(true);
    exchange.connections[1]?.send(trade(BTC, 2));
    await until(() => publisher.ticks.length === 2);
    await until(() => exchange.open.length === 1);
    expect(feed.state).toBe('live');
    expect(feed.counts.reconnects.stale).toBe(1);
    expect(lines).toContain('warn no trade for 0.4 s');
  });

  it('rotates with an overlap: nothing is lost, repeated or out of order', async () => {
    const { exchange, feed, publisher } = await feedForTest('binance', [BTC], {
      feed: { rotateAfterMs: 600 },
    });
    let id = 0;
    const timer = setInterval(() => {
      id += 1;
      // The newer connection is ahead of the older one by two trades.
      const [older, newer] = exchange.open;
      if (newer !== undefined) {
        older?.send(trade(BTC, id));
        newer.send(trade(BTC, id + 2));
      } else if (older === exchange.connections[0]) older?.send(trade(BTC, id));
      else older?.send(trade(BTC, id + 2));
    }, 5);
    await until(() => feed.counts.reconnects.rotation >= 1 && exchange.open.length === 1);
    await until(() => publisher.ticks.length >= id - 1);
    clearInterval(timer);
    const count = publisher.ticks.length;
    const first = publisher.ticks[0]?.time ?? 0;
    expect(publisher.ticks.map(({ time }) => time)).toEqual(
      Array.from({ length: count }, (_, at) => first + at),
    );
    expect(feed.counts.missed).toBe(0);
    expect(feed.counts.trades.duplicate).toBeGreaterThan(0);
    expect(feed.counts.reconnects).toMatchObject({ closed: 0, connect: 0 });
  });

  it.each(['binance', 'okx'] as const)(
    'makes another connection first when %s announces an end',
    async (venue) => {
      const symbol = venue === 'okx' ? 'BTC-USDT' : BTC;
      const { exchange, feed, publisher } = await feedForTest(venue, [symbol]);
      await until(() => feed.state === 'live');
      exchange.send(trade(symbol, 1));
      await until(() => publisher.ticks.length === 1);
      exchange.current.sendText(exchange.dialect.goodbye ?? '');
      await until(() => exchange.open.length === 2);
      await until(() => exchange.open.length === 1);
      expect(exchange.connections[0]?.isOpen).toBe(false);
      exchange.send(...tradesOf(symbol, 1, 3));
      await until(() => publisher.ticks.length === 3);
      expect(feed.counts.reconnects.requested).toBe(1);
    },
  );

  it('goes on with the new connection when the old one breaks in the overlap', async () => {
    const { exchange, feed, publisher } = await feedForTest('binance', [BTC], {
      feed: { rotateAfterMs: 300 },
      timing: { overlapMs: 20_000 },
    });
    await until(() => exchange.connections[1]?.subscribed.size === 1);
    exchange.send(...tradesOf(BTC, 1, 5));
    await until(() => publisher.ticks.length === 5);
    exchange.connections[1]?.send(trade(BTC, 6));
    exchange.connections[0]?.cut();
    await until(() => publisher.ticks.length === 6);
    expect(feed.counts.missed).toBe(0);
    expect(publisher.ticks).toEqual(ticksOf('binance', tradesOf(BTC, 1, 6)));
  });

  it('sorts the trades of a message by time and id', async () => {
    const { exchange, feed, publisher } = await feedForTest('kraken', ['BTC/USD']);
    await until(() => feed.state === 'live');
    exchange.send(...tradesOf('BTC/USD', 1, 5).reverse());
    await until(() => publisher.ticks.length === 5);
    expect(publisher.ticks).toEqual(ticksOf('kraken', tradesOf('BTC/USD', 1, 5)));
    expect(feed.counts).toMatchObject({ missed: 0, trades: { duplicate: 0 } });
  });

  it('replaces times that cannot be by that of receipt', async () => {
    const { exchange, feed, publisher } = await feedForTest('binance', [BTC]);
    await until(() => feed.state === 'live');
    const from = Date.now();
    exchange.send({ ...trade(BTC, 1), time: 0 });
    exchange.send({ ...trade(BTC, 2), time: Date.now() + 60_000 });
    await until(() => publisher.ticks.length === 2);
    for (const { time } of publisher.ticks) {
      expect(time).toBeGreaterThanOrEqual(from);
      expect(time).toBeLessThanOrEqual(Date.now());
    }
    expect(feed.counts.timesReplaced).toBe(2);
  });

  it('says once which symbols come that are not listed, and which may be meant', async () => {
    const { exchange, feed, lines } = await feedForTest('binance', ['btcusdt', ETH]);
    await until(() => feed.state === 'live');
    // The venue takes the name in small letters, and answers with its own.
    exchange.send(...tradesOf(BTC, 1, 5));
    exchange.current.sendText(exchange.dialect.trades([trade('SOLUSDT', 1)])[0] ?? '');
    await until(() => feed.counts.trades.unlisted === 6);
    expect(lines.filter((line) => line.includes('left out'))).toEqual([
      'warn trades of BTCUSDT are left out: it is not listed, but btcusdt is',
      'warn trades of SOLUSDT are left out: it is not listed',
    ]);
  });

  it('counts garbage and reads on', async () => {
    const { exchange, feed, publisher, lines } = await feedForTest('binance', [BTC]);
    await until(() => feed.state === 'live');
    for (const text of ['', '{', '[]', 'null', '{"stream":"x","data":{"e":"trade"}}', '\u0000']) {
      exchange.current.sendText(text);
    }
    for (let i = 0; i < 100; i += 1) exchange.current.sendBytes(new Uint8Array([i, 255, 0]));
    exchange.send(trade(BTC, 1));
    await until(() => publisher.ticks.length === 1);
    expect(feed.counts.malformed).toBeGreaterThanOrEqual(100);
    expect(exchange.connections.length).toBe(1);
    expect(lines.filter((line) => line.includes('not understood')).length).toBeLessThanOrEqual(5);
  });

  it('gives up a connection with a message that is too large, and makes another', async () => {
    const { exchange, feed, publisher } = await feedForTest('binance', [BTC]);
    await until(() => feed.state === 'live');
    exchange.current.sendText('x'.repeat(9 * 1024 * 1024));
    await until(() => exchange.connections.length === 2);
    await until(() => exchange.open.length === 1 && exchange.current.subscribed.size === 1);
    exchange.send(trade(BTC, 1));
    await until(() => publisher.ticks.length === 1);
    expect(feed.counts.reconnects.oversize).toBe(1);
  });

  it('stops reading while the server takes no more, and loses nothing of a burst', async () => {
    const { exchange, feed, publisher, lines } = await feedForTest('binance', [BTC]);
    await until(() => feed.state === 'live');
    publisher.makeRoom(500);
    const trades = tradesOf(BTC, 1, 5000);
    const connection = exchange.current;
    const filler = JSON.stringify({ e: 'depthUpdate', s: BTC, b: 'x'.repeat(20_000) });
    for (const [at, each] of trades.entries()) {
      connection.send(each);
      if (at % 10 === 0) connection.sendText(filler);
    }
    await until(() => feed.state === 'paused');
    // The sockets' buffers are full: the venue sees that nobody reads.
    await until(() => connection.buffered > 100_000);
    expect(publisher.ticks.length).toBe(500);
    while (publisher.ticks.length < trades.length) {
      publisher.makeRoom(700);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    publisher.makeRoom(10);
    await until(() => feed.state === 'live');
    expect(publisher.ticks).toEqual(ticksOf('binance', trades));
    expect(feed.counts.pauses).toBeGreaterThan(0);
    expect(feed.counts).toMatchObject({ missed: 0, trades: { published: 5000, dropped: 0 } });
    expect(lines.filter((line) => line.includes('takes no more')).length).toBeGreaterThan(0);
  });

  it('is not taken for silent while the server takes no more', async () => {
    const { exchange, feed, publisher } = await feedForTest('coinbase', ['BTC-USD'], {
      timing: { pingMs: 1000, silentAfterMs: 600 },
      exchange: { beatMs: 50 },
    });
    await until(() => feed.state === 'live');
    publisher.makeRoom(1);
    exchange.send(...tradesOf('BTC-USD', 1, 3));
    await until(() => feed.state === 'paused');
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(feed.pausedMs).toBeGreaterThanOrEqual(1400);
    publisher.makeRoom(10);
    await until(() => publisher.ticks.length === 3 && feed.state === 'live');
    expect(exchange.connections.length).toBe(1);
  });
});
