import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type ScriptedConnection, ScriptedServer } from '../../../testkit/scripted-server.ts';
import {
  type Acknowledgement,
  BufferFullError,
  connectPublisher,
  type Publisher,
  type PublisherOptions,
  type Rejection,
} from '../../src/index.ts';

let server: ScriptedServer;
let publisher: Publisher | undefined;

beforeEach(async () => {
  server = await ScriptedServer.start();
  publisher = undefined;
});
afterEach(async () => {
  await publisher?.close(0).catch(() => undefined);
  server.stop();
});

function start(options: PublisherOptions = {}): Publisher {
  publisher = connectPublisher(server.url, {
    publisher: 'feed-a',
    batchDelayMs: 0,
    giveUpAfterMs: 0,
    ...options,
  });
  return publisher;
}

async function open(
  info: Record<string, unknown> = {},
  options: PublisherOptions = {},
): Promise<[Publisher, ScriptedConnection]> {
  const feed = start(options);
  const connection = await server.connection();
  const live = new Promise((resolve) => feed.on('state', resolve));
  connection.welcome({ publisher: 'feed-a', overflow: 'wait', sequence: 0, credit: 100, ...info });
  await live;
  return [feed, connection];
}

function tick(symbol: string, price: number, time = 1000) {
  return { symbol, price, time };
}

/** Waits until the condition holds. */
function until(condition: () => boolean): Promise<void> {
  return vi.waitUntil(condition, { timeout: 30_000, interval: 1 }).then(() => undefined);
}

describe('Publisher', () => {
  it('declares aliases before their first use, and numbers frames', async () => {
    const [feed, connection] = await open();
    expect(connection.url.pathname).toBe('/v1/publish');
    expect(connection.url.search).toBe('?publisher=feed-a');
    feed.publish('BTC', 1.5, 1000);
    feed.publish('ETH', 2);
    expect(await connection.next()).toEqual([2, 0, ['BTC', 'ETH']]);
    expect(await connection.next()).toEqual([3, 1, [0, 1.5, 1000, 1, 2, null]]);
    feed.publish('SOL', 3, 1000);
    feed.publish('BTC', 4, 1000.25);
    expect(await connection.next()).toEqual([2, 2, ['SOL']]);
    expect(await connection.next()).toEqual([3, 2, [2, 3, 1000, 0, 4, 1000.25]]);
  });

  it('makes up a name and keeps it', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0);
    const feed = connectPublisher(server.url);
    publisher = feed;
    const first = await server.connection();
    expect(first.url.searchParams.get('publisher')).toMatch(/^[0-9a-f]{24}$/);
    first.cut();
    const second = await server.connection();
    expect(second.url.search).toBe(first.url.search);
    expect(feed.state).toBe('connecting');
    vi.restoreAllMocks();
  });

  it('takes ticks before there is a connection', async () => {
    const feed = start();
    await feed.ready;
    for (let price = 1; price <= 5; price++) expect(feed.publish('A', price, 0)).toBe(true);
    expect(feed.state).toBe('connecting');
    expect(feed.session).toBeUndefined();
    expect(feed.totals).toMatchObject({ sent: 5, unacknowledged: 5, buffered: 5 });
    const connection = await server.connection();
    connection.welcome({ sequence: 41, credit: 4, epoch: 'e9' });
    await connection.next();
    expect(await connection.next()).toEqual([3, 42, [0, 1, 0, 0, 2, 0, 0, 3, 0, 0, 4, 0]]);
    connection.send([17, 42, 4, 0, 0, 4]);
    expect(await connection.next()).toEqual([3, 43, [0, 5, 0]]);
    expect(feed.session?.epoch).toBe('e9');
    expect(feed.totals).toMatchObject({ sent: 5, accepted: 4, unacknowledged: 1, buffered: 0 });
  });

  it('sums up counts over all connections', async () => {
    const [feed, connection] = await open();
    const acknowledgements: Acknowledgement[] = [];
    feed.on('ack', (acknowledgement) => acknowledgements.push(acknowledgement));
    await feed.publishBatch([tick('A', 1), tick('A', 2)]);
    await connection.next();
    await connection.next();
    feed.publish('A', 3);
    const flushing = feed.flush();
    connection.send([17, 2, 1, 1, 1, 9]);
    await flushing;
    connection.send([17, 2, 1, 1, 1, 20]);
    await until(() => acknowledgements.length === 2);
    expect(acknowledgements).toEqual([
      { frames: 2, ticks: 3 },
      { frames: 0, ticks: 0 },
    ]);
    expect(feed.credit).toBe(20);
    expect(feed.totals).toEqual({
      sent: 3,
      accepted: 1,
      rejected: 1,
      dropped: 1,
      resumed: 0,
      unacknowledged: 0,
      buffered: 0,
      reconnects: 0,
    });
  });

  it('reports rejected ticks by symbol, price and index, and errors', async () => {
    const [feed, connection] = await open();
    const rejections: Rejection[] = [];
    const errors: Error[] = [];
    feed.on('reject', (rejection) => rejections.push(rejection));
    feed.on('error', (error) => errors.push(error));
    await feed.publishBatch([tick('A', 1), tick('B', 2)]);
    await connection.next();
    await connection.next();
    await feed.publishBatch([tick('A', 3), { symbol: 'B', price: 4 }, tick('C', 5, 77)]);
    const flushing = feed.flush();
    connection.send([18, 2, [0, 5, 1, 7, 99, 3], 'full']);
    connection.send([18, 1, [1, 99]]);
    connection.send([30, null, 11, 'not your symbol', false, null]);
    connection.send([17, 2, 2, 3, 0, 100]);
    await flushing;
    expect(rejections).toEqual([
      { symbol: 'A', price: 3, time: 1000, index: 2, code: 5, reason: 'bad_time' },
      {
        symbol: 'B',
        price: 4,
        time: undefined,
        index: 3,
        code: 7,
        reason: 'symbol_limit',
        detail: 'full',
      },
      { symbol: 'B', price: 2, time: 1000, index: 1, code: 99, reason: 'error 99' },
    ]);
    expect(errors).toMatchObject([{ code: 11, message: 'not your symbol', retryable: false }]);
    expect(feed.state).toBe('live');
  });

  it('closes after the last ACK', async () => {
    const [feed, connection] = await open({}, { batchDelayMs: 10_000 });
    feed.publish('A', 1);
    let isClosed = false;
    const closing = feed.close().then(() => {
      isClosed = true;
    });
    expect((await connection.next())[0]).toBe(2);
    expect((await connection.next())[0]).toBe(3);
    expect(() => feed.publish('A', 2)).toThrow('the publisher is closed');
    await expect(feed.publishBatch([tick('A', 2)])).rejects.toThrow('the publisher is closed');
    await expect(feed.ready).rejects.toThrow('the publisher is closed');
    expect(feed.credit).toBe(0);
    expect(isClosed).toBe(false);
    connection.send([17, 1, 1, 0, 0, 100]);
    await closing;
    expect(await connection.closed).toBe(1000);
    expect(feed.state).toBe('closed');
    expect(feed.failure).toBeUndefined();
    await feed.close();
    await feed.flush();
  });

  it('says how many ticks stay unacknowledged after the timeout', async () => {
    const [feed] = await open();
    await feed.publishBatch([tick('A', 1), tick('A', 2)]);
    await expect(feed.close(-1)).rejects.toThrow('timeoutMs: expected a number of ms');
    expect(feed.publish('A', 3)).toBe(true);
    await expect(feed.close(20)).rejects.toThrow('no ACK for 3 ticks in 20 ms');
    expect(feed.failure?.message).toBe('no ACK for 3 ticks in 20 ms');
    await expect(feed.flush()).rejects.toThrow('no ACK for 3 ticks');
  });

  it('closes at once, without flushing, when it is aborted', async () => {
    const abortion = new AbortController();
    const [feed, connection] = await open({}, { signal: abortion.signal });
    feed.publish('A', 1);
    const flushing = feed.flush();
    abortion.abort();
    await expect(flushing).rejects.toThrow('aborted');
    expect(feed.failure).toBe(abortion.signal.reason);
    expect(() => feed.publish('A', 2)).toThrow('aborted');
    expect(await connection.closed).toBe(1000);
    const never = connectPublisher(server.url, { signal: abortion.signal });
    expect(never.state).toBe('closed');
    await expect(never.ready).rejects.toThrow('aborted');
  });

  it('says why the server refused it', async () => {
    const feed = start();
    const [states, errors]: [string[], string[]] = [[], []];
    feed.on('state', (change) => {
      states.push(`${change.previous} ${change.state} ${change.closure?.code}`);
    });
    feed.on('error', ({ message }) => errors.push(message));
    feed.publish('A', 1);
    const flushing = feed.flush();
    (await server.connection()).close(4507);
    await expect(flushing).rejects.toThrow('connection closed (4507)');
    expect(states).toEqual(['connecting closed 4507']);
    expect(errors).toEqual(['connection closed (4507)']);
    expect(() => feed.tryPublish(rows(1), 0, 1)).toThrow('4507');
  });

  it('is not disturbed by a listener that throws', async () => {
    const [feed, connection] = await open();
    const uncaught: unknown[] = [];
    const listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.once('uncaughtException', (error) => uncaught.push(error));
    feed.on('ack', () => {
      throw new Error('mine');
    });
    feed.publish('A', 1);
    const flushing = feed.flush();
    connection.send([17, 1, 1, 0, 0, 100]);
    await flushing;
    await until(() => uncaught.length > 0);
    for (const listener of listeners) process.on('uncaughtException', listener);
    expect(uncaught).toMatchObject([{ message: 'mine' }]);
    expect(feed.state).toBe('live');
  });
});

describe('batches of a publisher', () => {
  it('go when full, or after the delay', async () => {
    const [feed, connection] = await open({}, { batchTicksMax: 3, batchDelayMs: 40 });
    const startedAt = performance.now();
    for (let price = 1; price <= 7; price++) feed.publish('A', price, 0);
    await connection.next();
    expect(await connection.next()).toEqual([3, 1, [0, 1, 0, 0, 2, 0, 0, 3, 0]]);
    expect(await connection.next()).toEqual([3, 2, [0, 4, 0, 0, 5, 0, 0, 6, 0]]);
    expect(feed.totals.buffered).toBe(1);
    expect(await connection.next()).toEqual([3, 3, [0, 7, 0]]);
    // A timer may fire up to a millisecond early: it counts from the start of the event loop's
    // turn.
    expect(performance.now() - startedAt).toBeGreaterThan(38);
  });

  it('have their own delay, not that of an earlier full batch', async () => {
    const [feed, connection] = await open({}, { batchTicksMax: 2, batchDelayMs: 60 });
    feed.publish('A', 1);
    feed.publish('A', 2);
    await connection.next();
    await connection.next();
    await sleep(30);
    const startedAt = performance.now();
    feed.publish('A', 3);
    await connection.next();
    expect(performance.now() - startedAt).toBeGreaterThan(58);
  });

  it('go after the current microtasks without a delay', async () => {
    const [feed, connection] = await open();
    for (let price = 1; price <= 3; price++) feed.publish('A', price, 0);
    expect(feed.totals.buffered).toBe(3);
    await Promise.resolve();
    expect(feed.totals.buffered).toBe(0);
    await connection.next();
    expect(await connection.next()).toEqual([3, 1, [0, 1, 0, 0, 2, 0, 0, 3, 0]]);
  });

  it('are cut to the limits of the server', async () => {
    const limits = {
      frameBytesMax: 1024,
      ticksPerFrameMax: 30,
      symbolsMax: 10,
      subscriptionsMax: 10,
      wildcardsMax: 10,
      authTimeoutMs: 5000,
    };
    const symbols = Array.from({ length: 20 }, (_, i) => `${'\u{1F600}'.repeat(30)}${i}`);
    const [feed, connection] = await open({ limits });
    await feed.publishBatch(symbols.map((symbol) => tick(symbol, 1)));
    await feed.publishBatch(symbols.map((symbol) => tick(symbol, 2)));
    const declared: string[] = [];
    let frame = await connection.next();
    for (; frame[0] === 2; frame = await connection.next()) {
      expect(frame[1]).toBe(declared.length);
      declared.push(...(frame[2] as string[]));
    }
    expect(declared).toEqual(symbols);
    const sizes = [frame, await connection.next()].map(([, , ticks]) => (ticks as []).length / 3);
    expect(sizes).toEqual([20, 20]);
    expect(Math.max(...connection.messageBytes)).toBeLessThanOrEqual(1024);
  });

  it('stay within credit, and continue with the next ACK', async () => {
    const [feed, connection] = await open({ credit: 2 });
    await feed.publishBatch([tick('A', 1), tick('A', 2), tick('A', 3)]);
    await connection.next();
    expect(await connection.next()).toEqual([3, 1, [0, 1, 1000, 0, 2, 1000]]);
    expect(feed.totals).toMatchObject({ unacknowledged: 3, buffered: 1 });
    expect(connection.unread).toBe(0);
    connection.send([17, 1, 2, 0, 0, 5]);
    expect(await connection.next()).toEqual([3, 2, [0, 3, 1000]]);
    expect(feed.credit).toBe(4);
  });

  it('wait while the socket is full', async () => {
    const [feed, connection] = await open(
      { credit: 1_000_000 },
      { bufferedBytesMax: 65_536, bufferTicksMax: 1_000_000 },
    );
    connection.pause();
    const ticks = Array.from({ length: 10 * 1024 }, (_, i) => tick('A', i + 1));
    // Until the system's buffers are full too, so that polling does not help.
    while (feed.totals.buffered === 0 || feed.credit > 0) {
      await feed.publishBatch(ticks);
      await sleep(5);
    }
    expect(feed.credit).toBe(0);
    const { sent } = feed.totals;
    connection.resume();
    await until(() => feed.totals.buffered === 0);
    let received = 0;
    while (received < sent) {
      const [op, , values] = await connection.next();
      if (op === 3) received += (values as unknown[]).length / 3;
    }
    expect(received).toBe(sent);
  });
});

describe('the buffer of a publisher', () => {
  it('refuses ticks when full, and reports when there is room', async () => {
    const [feed, connection] = await open({}, { bufferTicksMax: 3, batchDelayMs: 10_000 });
    expect(feed.ready).toBe(feed.ready);
    expect(feed.publish('A', 1)).toBe(true);
    expect(feed.publish('A', 2)).toBe(true);
    expect(feed.publish('A', 3)).toBe(false);
    expect(() => feed.publish('A', 4)).toThrow(BufferFullError);
    expect(() => feed.publish('A', 4)).toThrow(
      '3 ticks are unacknowledged, the buffer is full: await publisher.ready first',
    );
    expect(feed.totals.sent).toBe(3);
    let isReady = false;
    const { ready } = feed;
    expect(feed.ready).toBe(ready);
    const waiting = ready.then(() => {
      isReady = true;
    });
    await connection.next();
    // Sent before the delay is over: no more ticks could join.
    expect((await connection.next())[1]).toBe(1);
    expect(isReady).toBe(false);
    connection.send([17, 1, 3, 0, 0, 100]);
    await waiting;
    expect(feed.publish('A', 4)).toBe(true);
    await feed.ready;
    feed.publish('A', 5);
    expect(feed.publish('A', 6)).toBe(false);
    const again = vi.fn<() => void>();
    const waitingAgain = feed.ready.then(again);
    await connection.next();
    expect(again).not.toHaveBeenCalled();
    connection.send([17, 2, 6, 0, 0, 100]);
    await waitingAgain;
  });

  it('keeps waiting batches first in line', async () => {
    const feed = start({ bufferTicksMax: 2, giveUpAfterMs: 5000 });
    vi.spyOn(Math, 'random').mockReturnValue(0);
    const first = await server.connection();
    first.welcome({ sequence: 0, credit: 100 });
    const publishing = feed.publishBatch([1, 2, 3].map((price) => tick('A', price)));
    while ((await first.next())[0] !== 3);
    // The next session has room from the start.
    const refusals: unknown[] = [];
    feed.on('state', ({ state }) => {
      if (state !== 'live') return;
      feed.publish('A', 4, 0);
      refusals.push(feed.tryPublish(rows(1), 0, 1));
    });
    first.cut();
    const second = await server.connection();
    second.welcome({ sequence: 1, credit: 100 });
    await publishing;
    await second.next();
    expect(await second.next()).toEqual([3, 2, [0, 3, 1000, 0, 4, 0]]);
    expect(refusals).toEqual([0]);
    vi.restoreAllMocks();
  });

  it('is flushed without delay, including waiting batches', async () => {
    const options = { bufferTicksMax: 4, batchTicksMax: 3, batchDelayMs: 60_000 };
    const [feed, connection] = await open({}, options);
    void feed.publishBatch([1, 2, 3, 4, 5].map((price) => tick('A', price)));
    const flushing = feed.flush();
    await connection.next();
    await connection.next();
    await connection.next();
    connection.send([17, 2, 4, 0, 0, 100]);
    expect(await connection.next()).toEqual([3, 3, [0, 5, 1000]]);
    connection.send([17, 3, 5, 0, 0, 100]);
    await flushing;
  });

  it('lets batches wait for room, in the order of calls', async () => {
    const [feed, connection] = await open({}, { bufferTicksMax: 4, batchTicksMax: 2 });
    const order: string[] = [];
    const first = feed.publishBatch([1, 2, 3, 4, 5].map((price) => tick('A', price)));
    const second = feed.publishBatch([tick('A', 6), tick('A', 7)]);
    void first.then(() => order.push('first'));
    void second.then(() => order.push('second'));
    expect(() => feed.publish('A', 8)).toThrow(BufferFullError);
    expect(feed.tryPublish(rows(1), 0, 1)).toBe(0);
    const flushing = feed.flush().then(() => order.push('flushed'));
    await connection.next();
    const prices: unknown[] = [];
    for (let sequence = 1; prices.length < 7; sequence++) {
      const [, , ticks] = await connection.next();
      prices.push(...(ticks as number[]).filter((_, i) => i % 3 === 1));
      connection.send([17, sequence, prices.length, 0, 0, 100]);
    }
    await flushing;
    expect(prices).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(order).toEqual(['first', 'second', 'flushed']);
    expect(feed.publish('A', 8)).toBe(true);
  });

  it('closes after waiting batches', async () => {
    const [feed, connection] = await open({}, { bufferTicksMax: 2 });
    const publishing = feed.publishBatch([1, 2, 3].map((price) => tick('A', price)));
    const closing = feed.close();
    await connection.next();
    await connection.next();
    connection.send([17, 1, 2, 0, 0, 100]);
    expect(await connection.next()).toEqual([3, 2, [0, 3, 1000]]);
    await publishing;
    connection.send([17, 2, 3, 0, 0, 100]);
    await closing;
  });

  it('rejects waiting batches when the publisher fails', async () => {
    const [feed, connection] = await open({}, { bufferTicksMax: 2 });
    const publishing = feed.publishBatch([1, 2, 3].map((price) => tick('A', price)));
    const { ready } = feed;
    connection.close(4501);
    await expect(publishing).rejects.toThrow('4501');
    await expect(ready).rejects.toThrow('4501');
    await expect(feed.ready).rejects.toThrow('4501');
  });
});

/** Ticks of alias 0 with the prices 1, 2, 3 … */
function rows(count: number) {
  return {
    aliases: new Uint32Array(count),
    prices: Float64Array.from({ length: count }, (_, i) => i + 1),
    times: new Float64Array(count).fill(5),
  };
}

describe('tryPublish', () => {
  it('sends one frame at once, within credit and limits', async () => {
    const [feed, connection] = await open({ credit: 7 }, { batchTicksMax: 2 });
    expect(feed.alias('A')).toBe(0);
    expect(feed.alias('A')).toBe(0);
    expect(feed.tryPublish(rows(10), 1, 6)).toBe(5);
    expect(feed.credit).toBe(2);
    expect(feed.tryPublish(rows(10), 6, 10)).toBe(2);
    expect(feed.tryPublish(rows(10), 8, 10)).toBe(0);
    expect(await connection.next()).toEqual([2, 0, ['A']]);
    expect(await connection.next()).toEqual([3, 1, [2, 3, 4, 5, 6].flatMap((p) => [0, p, 5])]);
    expect(await connection.next()).toEqual([3, 2, [0, 7, 5, 0, 8, 5]]);
  });

  it('sends the open batch first, and nothing while earlier ticks wait', async () => {
    const [feed, connection] = await open({ credit: 3 }, { batchDelayMs: 10_000 });
    feed.publish('A', 9, 5);
    expect(feed.credit).toBe(2);
    expect(feed.tryPublish(rows(1), 0, 1)).toBe(1);
    feed.publish('A', 10, 5);
    feed.publish('A', 11, 5);
    expect(feed.tryPublish(rows(1), 0, 1)).toBe(0);
    expect(feed.credit).toBe(0);
    await connection.next();
    expect(await connection.next()).toEqual([3, 1, [0, 9, 5]]);
    expect(await connection.next()).toEqual([3, 2, [0, 1, 5]]);
    expect(await connection.next()).toEqual([3, 3, [0, 10, 5]]);
    connection.send([17, 3, 3, 0, 0, 2]);
    expect(await connection.next()).toEqual([3, 4, [0, 11, 5]]);
    expect(feed.tryPublish(rows(3), 0, 3)).toBe(1);
  });

  it('takes nothing without a session, or without room', async () => {
    const feed = start({ bufferTicksMax: 2 });
    feed.alias('A');
    expect(feed.tryPublish(rows(3), 0, 3)).toBe(0);
    const connection = await server.connection();
    connection.welcome({ sequence: 0, credit: 100 });
    await until(() => feed.state === 'live');
    expect(feed.credit).toBe(2);
    expect(feed.tryPublish(rows(3), 0, 3)).toBe(2);
    expect(feed.tryPublish(rows(3), 2, 3)).toBe(0);
  });
});
