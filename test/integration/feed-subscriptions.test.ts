import { describe, expect, it } from 'vitest';
import { until } from '../../testkit/until.ts';
import { feedForTest, trade } from '../support/feed-rig.ts';

const LISTED = ['AAAUSDT', 'BBBUSDT', 'CCCUSDT', 'DDDUSDT', 'EEEUSDT'];

describe('subscriptions of a feed', () => {
  it('find the symbol that spoils a request, and get all others', async () => {
    const symbols = [...LISTED.slice(0, 3), 'NONE', ...LISTED.slice(3)];
    const { exchange, feed, publisher, lines } = await feedForTest('binance', symbols, {
      exchange: { symbols: new Set(LISTED) },
    });
    await until(() => feed.state === 'live');
    expect(exchange.current.subscribed).toEqual(new Set(LISTED));
    expect(feed.subscriptions()).toMatchObject({ active: 5, refused: 1, asked: 0, waiting: 0 });
    expect(lines.filter((line) => line.startsWith('warn'))).toEqual([
      expect.stringContaining('NONE was refused'),
    ]);
    exchange.send(...LISTED.map((symbol) => trade(symbol, 1)));
    await until(() => publisher.ticks.length === LISTED.length);
    // On the next connection it is asked for alone, and not complained about again.
    exchange.current.cut();
    await until(() => exchange.connections.length === 2);
    await until(() => feed.state === 'live');
    expect(exchange.connections[1]?.received.length).toBe(2);
    expect(lines.filter((line) => line.includes('NONE')).length).toBe(1);
    expect(exchange.violations).toEqual([]);
  });

  it.each(['coinbase', 'kraken', 'okx', 'bybit'] as const)(
    'of %s go on without a symbol that it refuses',
    async (venue) => {
      const known = ['BTC-USD', 'ETH-USD'];
      const { exchange, feed } = await feedForTest(venue, ['BTC-USD', 'FOO-BAR', 'ETH-USD'], {
        exchange: { symbols: new Set(known) },
        // Too long to be rescued by asking again what has no answer.
        timing: { answerMs: 60_000 },
      });
      await until(() => feed.state === 'live');
      expect(exchange.current.subscribed).toEqual(new Set(known));
      expect(feed.subscriptions()).toMatchObject({ active: 2, refused: 1 });
    },
  );

  it('say that every symbol is refused', async () => {
    const { feed, lines } = await feedForTest('kraken', ['FOO/BAR'], {
      exchange: { symbols: new Set() },
    });
    await until(() => feed.state === 'refused');
    expect(lines).toContain('error the venue refuses every symbol');
  });

  it('are asked for again when there is no answer, and taken when trades come', async () => {
    const { exchange, feed, publisher } = await feedForTest('okx', ['BTC-USDT', 'ETH-USDT'], {
      exchange: { isMute: true },
      timing: { answerMs: 100 },
    });
    await until(() => exchange.connections[0]?.subscribed.size === 2);
    exchange.send(trade('BTC-USDT', 1));
    await until(() => publisher.ticks.length === 1);
    await until(() => feed.subscriptions().unanswered === 1);
    expect(feed.subscriptions()).toMatchObject({ active: 1, unanswered: 1 });
    expect(feed.state).toBe('live');
    exchange.send(trade('ETH-USDT', 1));
    await until(() => publisher.ticks.length === 2);
    expect(feed.subscriptions().active).toBe(2);
    expect(exchange.connections.length).toBe(1);
  });

  it('that nobody answers are given up with their connection', async () => {
    const { exchange, feed } = await feedForTest('okx', ['BTC-USDT'], {
      exchange: { isMute: true },
      timing: { answerMs: 50 },
    });
    await until(() => exchange.connections.length === 2);
    expect(feed.counts.reconnects.unanswered).toBe(1);
    expect(feed.state).toBe('connecting');
  });

  it('stay within what the venue takes a second, and are split among connections', async () => {
    const symbols = Array.from({ length: 1200 }, (_, at) => `S${at}USDT`);
    const { exchange, feed } = await feedForTest('binance', symbols);
    await until(() => feed.state === 'live');
    expect(exchange.violations).toEqual([]);
    expect(exchange.connections.map(({ subscribed }) => subscribed.size)).toEqual([1024, 176]);
    expect(feed.subscriptions().active).toBe(1200);
  });

  it('wait for the login', async () => {
    const { exchange, feed, publisher, lines } = await feedForTest('alpaca', ['AAPL'], {
      feed: { keyEnv: 'KEY', secretEnv: 'SECRET' },
      env: { KEY: 'the-key', SECRET: 'the-secret' },
    });
    await until(() => feed.state === 'live');
    expect(exchange.current.received[0]).toContain('the-secret');
    expect(exchange.violations).toEqual([]);
    exchange.send(trade('AAPL', 1));
    await until(() => publisher.ticks.length === 1);
    expect(lines.join()).not.toMatch(/the-key|the-secret/);
  });
});

describe('a venue that refuses', () => {
  it.each([451, 401])('for good (%i) is asked once, and logged once', async (status) => {
    const { exchange, feed, lines } = await feedForTest('binance', ['BTCUSDT'], {
      prepare: ({ refusals }) => refusals.push({ status }),
    });
    await until(() => feed.state === 'failed');
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(exchange.paths.length).toBe(1);
    expect(lines.filter((line) => line.startsWith('error'))).toEqual([
      expect.stringContaining(`HTTP ${status}`),
    ]);
  });

  it('for now (429) is left alone for as long as it says', async () => {
    const { exchange, feed } = await feedForTest('binance', ['BTCUSDT'], {
      prepare: ({ refusals }) => refusals.push({ status: 429, headers: { 'retry-after': '1' } }),
    });
    const from = performance.now();
    await until(() => feed.state === 'live');
    expect(performance.now() - from).toBeGreaterThan(900);
    expect(exchange.paths.length).toBe(2);
    expect(feed.counts.reconnects.refused).toBe(1);
  });

  it('an old connection the slot (Alpaca, 406) gets 90 s to free it', async () => {
    const { exchange, feed, lines } = await feedForTest('alpaca', ['AAPL'], {
      feed: { keyEnv: 'KEY' },
      env: { KEY: 'key:secret' },
      prepare: (started) => {
        started.onConnection = (connection) =>
          connection.sendText('[{"T":"error","code":406,"msg":"connection limit exceeded"}]');
      },
    });
    await until(() => lines.some((line) => line.includes('the next attempt')));
    expect(Number(/in ([\d.]+) s/.exec(lines.join())?.[1])).toBeGreaterThanOrEqual(90);
    expect(exchange.connections.length).toBe(1);
    expect(feed.state).toBe('connecting');
  });

  it('a key (Alpaca, 402) is not asked again', async () => {
    const { exchange, feed, lines } = await feedForTest('alpaca', ['AAPL'], {
      feed: { keyEnv: 'KEY' },
      env: { KEY: 'key:secret' },
      prepare: (started) => {
        started.onConnection = (connection) =>
          connection.sendText('[{"T":"error","code":402,"msg":"auth failed"}]');
      },
    });
    await until(() => feed.state === 'failed');
    expect(lines.filter((line) => line.startsWith('error')).length).toBe(1);
    expect(exchange.connections.length).toBe(1);
  });

  it('connections is tried again after longer and longer', async () => {
    const { exchange, feed } = await feedForTest('binance', ['BTCUSDT'], {
      prepare: ({ refusals }) => {
        for (let i = 0; i < 4; i += 1) refusals.push({ status: 503 });
      },
    });
    await until(() => feed.state === 'live');
    expect(exchange.paths.length).toBe(5);
    expect(feed.counts.reconnects.connect).toBe(4);
  });
});
