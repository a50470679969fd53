import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { fc } from '../../../testkit/fast-check.ts';
import { type ScriptedConnection, ScriptedServer } from '../../../testkit/scripted-server.ts';
import {
  type Acknowledgement,
  connectPublisher,
  type Publisher,
  type PublisherOptions,
  type Rejection,
  type StateChange,
} from '../../src/index.ts';
import { CUT_POINTS, CutServer } from './cut-server.ts';

const PATIENCE = { timeout: 30_000, interval: 1 };

beforeEach(() => {
  // No wait before a reconnect.
  vi.spyOn(Math, 'random').mockReturnValue(0);
});
afterEach(() => {
  vi.restoreAllMocks();
});

describe('a publisher whose connections are cut', () => {
  async function publishThrough(cut: CutServer, frames: number): Promise<Publisher> {
    onTestFinished(() => cut.stop());
    const publisher = connectPublisher(cut.url, { publisher: 'feed', batchDelayMs: 0 });
    for (let price = 1; price <= frames * 3; price++) {
      publisher.publish(`S${price % 5}`, price);
      // Three ticks a frame: one before the session opens, then some in one microtask, and some
      // apart.
      if (price % 3 === 0) await Promise.resolve();
      if (price === 3) await vi.waitUntil(() => publisher.state === 'live', PATIENCE);
      if (price % 9 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await publisher.close();
    return publisher;
  }

  it.each(CUT_POINTS)('applies each tick once, with a cut %s', async (point) => {
    const cut = await CutServer.start([point]);
    const publisher = await publishThrough(cut, 8);
    expect(cut.applied).toEqual(Array.from({ length: 24 }, (_, i) => i + 1));
    expect(cut.connections).toBe(2);
    expect(cut.duplicates).toBe(0);
    expect(publisher.totals).toMatchObject({ sent: 24, unacknowledged: 0, buffered: 0 });
  });

  it('applies each tick once, with any sequence of cuts', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom(...CUT_POINTS), { maxLength: 6 }), async (plan) => {
        const cut = await CutServer.start(plan);
        await publishThrough(cut, 10);
        expect(cut.applied).toEqual(Array.from({ length: 30 }, (_, i) => i + 1));
        cut.stop();
      }),
      { numRuns: 40, seed: 3 },
    );
  });
});

describe('a publisher that reconnects', () => {
  let server: ScriptedServer;
  let publisher: Publisher | undefined;

  beforeEach(async () => {
    server = await ScriptedServer.start();
  });
  afterEach(async () => {
    await publisher?.close(0).catch(() => undefined);
    publisher = undefined;
    server.stop();
  });

  async function next(info: Record<string, unknown> = {}): Promise<ScriptedConnection> {
    const connection = await server.connection();
    connection.welcome({ publisher: 'feed-a', overflow: 'wait', credit: 100, ...info });
    return connection;
  }

  async function open(
    info: Record<string, unknown>,
    options: PublisherOptions = {},
  ): Promise<[Publisher, ScriptedConnection]> {
    publisher = connectPublisher(server.url, {
      publisher: 'feed-a',
      batchDelayMs: 0,
      ...options,
    });
    return [publisher, await next({ sequence: 0, ...info })];
  }

  /** Publishes prices, each in its own frame, until the server has them. */
  async function send(
    feed: Publisher,
    connection: ScriptedConnection,
    prices: readonly number[],
  ): Promise<void> {
    for (const price of prices) {
      feed.publish('A', price, 1000);
      while ((await connection.next())[0] !== 3);
    }
  }

  it.each(['binary', 'json'] as const)(
    'resumes after what the server has (%s)',
    async (encoding) => {
      const [feed, first] = await open({}, { encoding });
      const acknowledgements: Acknowledgement[] = [];
      const states: StateChange[] = [];
      await send(feed, first, [1, 2, 3, 4]);
      feed.on('ack', (acknowledgement) => acknowledgements.push(acknowledgement));
      feed.on('state', (change) => states.push(change));
      first.send([17, 1, 1, 0, 0, 99]);
      await vi.waitUntil(() => acknowledgements.length === 1, PATIENCE);
      first.cut();
      const second = await next({ sequence: 2 });
      expect(await second.next()).toEqual([2, 0, ['A']]);
      // The server may have taken them, and knows them by their numbers: they stay as they were.
      expect(await second.next()).toEqual([3, 3, [0, 3, 1000]]);
      expect(await second.next()).toEqual([3, 4, [0, 4, 1000]]);
      const flushing = feed.flush();
      second.send([17, 4, 2, 0, 0, 99]);
      await flushing;
      expect(acknowledgements).toEqual([
        { frames: 1, ticks: 1 },
        { frames: 1, ticks: 1 },
        { frames: 2, ticks: 2 },
      ]);
      expect(feed.totals).toMatchObject({ sent: 4, accepted: 3, resumed: 1, reconnects: 1 });
      expect(states).toEqual([
        {
          state: 'reconnecting',
          previous: 'live',
          closure: { code: 1006, reason: '' },
          retryInMs: 0,
        },
        { state: 'live', previous: 'reconnecting' },
      ]);
    },
  );

  it('continues the sequence of an earlier publisher of its name', async () => {
    const [feed, connection] = await open({ sequence: 41 });
    feed.publish('A', 1);
    await connection.next();
    expect((await connection.next())[1]).toBe(42);
  });

  it('sends only unacknowledged ticks to a server that lost its memory', async () => {
    const [feed, first] = await open({ sequence: 7 });
    await send(feed, first, [1, 2, 3]);
    first.send([17, 9, 2, 0, 0, 98]);
    await vi.waitUntil(() => feed.totals.unacknowledged === 1, PATIENCE);
    first.close(4001);
    const second = await next({ sequence: 0, epoch: 'e2' });
    await second.next();
    expect(await second.next()).toEqual([3, 1, [0, 3, 1000]]);
    feed.publish('A', 4, 1000);
    expect(await second.next()).toEqual([3, 2, [0, 4, 1000]]);
    const flushing = feed.flush();
    second.send([17, 2, 2, 0, 0, 98]);
    await flushing;
    expect(feed.totals).toMatchObject({ sent: 4, accepted: 4, resumed: 0 });
  });

  it('cuts new frames for a server that takes shorter ones', async () => {
    const [feed, first] = await open({});
    await feed.publishBatch(Array.from({ length: 6 }, (_, i) => ({ symbol: 'A', price: i + 1 })));
    await first.next();
    expect((await first.next())[2]).toHaveLength(18);
    first.cut();
    const limits = {
      frameBytesMax: 1024,
      ticksPerFrameMax: 4,
      symbolsMax: 9,
      subscriptionsMax: 9,
      wildcardsMax: 9,
      authTimeoutMs: 9,
    };
    const second = await next({ sequence: 0, limits });
    await second.next();
    expect((await second.next())[2]).toHaveLength(12);
    expect((await second.next())[2]).toHaveLength(6);
  });

  it('resends a frame refused for back-pressure, with its sequence', async () => {
    const [feed, connection] = await open({});
    await send(feed, connection, [1, 2]);
    connection.send([17, 1, 1, 0, 0, 99]);
    connection.send([30, null, 12, 'beyond credit', true, 30]);
    expect(await connection.next()).toEqual([3, 2, [0, 2, 1000]]);
    expect(feed.state).toBe('live');
  });

  it('resends all open frames unchanged if no ACK tells which was refused', async () => {
    const [feed, connection] = await open({});
    await send(feed, connection, [1, 2]);
    connection.send([30, null, 12, 'beyond credit', true, 5]);
    expect(await connection.next()).toEqual([3, 1, [0, 1, 1000]]);
    expect(await connection.next()).toEqual([3, 2, [0, 2, 1000]]);
    expect(feed.totals.reconnects).toBe(0);
  });

  it('resends a frame refused for back-pressure unchanged once credit allows it', async () => {
    const [feed, connection] = await open({});
    await feed.publishBatch([1, 2, 3].map((price) => ({ symbol: 'A', price, time: 0 })));
    const frames = [await connection.next(), await connection.next()];
    connection.send([30, null, 12, 'beyond credit', true, 60_000]);
    connection.send([17, 0, 0, 0, 0, 2]);
    await vi.waitUntil(() => feed.totals.buffered === 3, PATIENCE);
    feed.publish('A', 4, 0);
    connection.send([17, 0, 0, 0, 0, 3]);
    expect(await connection.next()).toEqual(frames[1]);
    connection.send([17, 1, 3, 0, 0, 2]);
    expect(await connection.next()).toEqual([3, 2, [0, 4, 0]]);
  });

  it('comes back after a sequence gap', async () => {
    const errors: Error[] = [];
    const [feed, first] = await open({});
    feed.on('error', (error) => errors.push(error));
    await send(feed, first, [1]);
    first.send([30, null, 13, 'expected 1', true, null]);
    first.close(4005);
    const second = await next({ sequence: 0 });
    await second.next();
    expect(await second.next()).toEqual([3, 1, [0, 1, 1000]]);
    expect(errors).toEqual([]);
  });

  it('resends within the new credit', async () => {
    const [feed, first] = await open({});
    await send(feed, first, [1, 2, 3, 4]);
    first.cut();
    const second = await next({ sequence: 0, credit: 3 });
    await second.next();
    for (const price of [1, 2, 3]) {
      expect(await second.next()).toEqual([3, price, [0, price, 1000]]);
    }
    expect(feed.totals).toMatchObject({ sent: 4, buffered: 1 });
    second.send([17, 3, 3, 0, 0, 3]);
    expect(await second.next()).toEqual([3, 4, [0, 4, 1000]]);
  });

  it('finds rejected ticks by their index also in frames sent again', async () => {
    const [feed, first] = await open({});
    const rejections: Rejection[] = [];
    feed.on('reject', (rejection) => rejections.push(rejection));
    await send(feed, first, [1]);
    await feed.publishBatch([2, 3, 4].map((price) => ({ symbol: 'A', price, time: 0 })));
    while ((await first.next())[1] !== 2);
    first.cut();
    const second = await next({ sequence: 1 });
    await second.next();
    await second.next();
    const flushing = feed.flush();
    second.send([18, 2, [1, 5]]);
    second.send([17, 2, 2, 1, 0, 100]);
    await flushing;
    expect(rejections).toMatchObject([{ symbol: 'A', price: 3, index: 2, reason: 'bad_time' }]);
  });

  it('ends when another publisher takes its name over', async () => {
    const [feed, connection] = await open({});
    const errors: string[] = [];
    feed.on('error', ({ message }) => errors.push(message));
    feed.publish('A', 1);
    const flushing = feed.flush();
    connection.close(4004);
    await expect(flushing).rejects.toThrow('connection closed (4004)');
    expect(() => feed.publish('A', 2)).toThrow('4004');
    await expect(feed.ready).rejects.toThrow('4004');
    await expect(feed.close()).rejects.toThrow('4004');
    expect(feed.state).toBe('closed');
    expect(errors).toEqual(['connection closed (4004)']);
  });

  it('ends if another publisher used its name meanwhile', async () => {
    const [feed, first] = await open({});
    await send(feed, first, [1, 2]);
    first.cut();
    const flushing = feed.flush();
    const second = await next({ sequence: 3 });
    await expect(flushing).rejects.toThrow(
      'another publisher uses the name feed-a: its sequence is 3',
    );
    expect(await second.closed).toBe(1000);
    expect(feed.failure?.message).toContain('another publisher');
  });

  it('gives up after giveUpAfterMs', async () => {
    const [feed, first] = await open({}, { giveUpAfterMs: 1 });
    await send(feed, first, [1]);
    const flushing = feed.flush();
    first.cut();
    // It may try once more in time; that is not answered.
    void server.connection().then((second) => second.cut());
    await expect(flushing).rejects.toThrow('connection closed (1006)');
    expect(feed.state).toBe('closed');
  });
});
