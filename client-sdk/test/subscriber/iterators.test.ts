import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Anomaly, connect, type Subscriber, type Update } from '../../src/index.ts';
import { FakeNetwork, pass, useFakeClock, useRealClock } from '../support/fake-socket.ts';

/** Anomalies that a reader may lag behind. */
const WAITING_MAX = 65_536;

let network: FakeNetwork;
let subscriber: Subscriber;

beforeEach(async () => {
  useFakeClock();
  network = new FakeNetwork();
  subscriber = connect('ws://server', { WebSocket: network.WebSocket });
  await pass();
  network.newest.welcome();
  network.newest.receive([22, [0, 'BTC', 1, 'ETH']]);
});
afterEach(() => {
  subscriber.close();
  useRealClock();
});

let count = 1;
function full(symbolId: number, price: number, serverTime = 1): void {
  const entry = [symbolId, 127, price, price, count++, 1000, price, price];
  network.newest.receive([20, serverTime, entry]);
}

/** Raises anomalies of BTC with these sequences. */
function raise(from: number, to: number): void {
  const tuples = Array.from({ length: to - from + 1 }, (_, i) => [0, from + i, 1, 1, 2, 100, 5]);
  network.newest.receive([21, 1, tuples]);
}

function shown(update: Update): unknown {
  return [update.serverTime, update.changes.map((each) => [each.symbol, each.currentPrice])];
}

async function next<T>(iterator: AsyncIterator<T, undefined>): Promise<T> {
  const { done, value } = await iterator.next();
  if (done === true) throw new Error('the iterator has ended');
  return value;
}

const DONE = { done: true, value: undefined };

describe('updates()', () => {
  it('gives a slow reader one update with the newest values, oldest change first', async () => {
    const updates = subscriber.updates();
    full(1, 20, 10);
    full(0, 100, 11);
    full(1, 21, 12);
    expect(shown(await next(updates))).toEqual([
      12,
      [
        ['ETH', 21],
        ['BTC', 100],
      ],
    ]);
    full(0, 101, 13);
    expect(shown(await next(updates))).toEqual([13, [['BTC', 101]]]);
  });

  it('gives waiting readers one frame each, in order', async () => {
    const updates = subscriber.updates();
    const waiting = [next(updates), next(updates)];
    full(0, 100, 10);
    full(1, 20, 11);
    const read = await Promise.all(waiting);
    expect(read.map(({ serverTime }) => serverTime)).toEqual([10, 11]);
  });

  it('gives each iterator its own lasting values', async () => {
    const [fast, slow] = [subscriber.updates(), subscriber.updates()];
    full(0, 100);
    const first = await next(fast);
    full(1, 20);
    await next(fast);
    expect(first.changes.map(({ symbol }) => symbol)).toEqual(['BTC']);
    expect((await next(slow)).changes.map(({ symbol }) => symbol)).toEqual(['BTC', 'ETH']);
  });

  it('drops unread updates of an old epoch', async () => {
    const updates = subscriber.updates();
    full(0, 100);
    full(1, 20);
    network.newest.drop();
    await pass(500);
    network.newest.welcome({ epoch: 'e2' });
    network.newest.receive([22, [0, 'XRP']]);
    full(0, 3);
    const { changes } = await next(updates);
    expect(changes.map(({ symbol, isLive }) => [symbol, isLive])).toEqual([['XRP', true]]);
  });

  it('continues after a lost connection within an epoch', async () => {
    const updates = subscriber.updates();
    const waiting = next(updates);
    network.newest.drop();
    await pass(500);
    network.newest.welcome();
    network.newest.receive([22, [0, 'BTC']]);
    full(0, 104, 9);
    expect(shown(await waiting)).toEqual([9, [['BTC', 104]]]);
  });
});

describe.each(['updates', 'anomalies'] as const)('%s()', (kind) => {
  function produce(): void {
    if (kind === 'updates') full(0, 100);
    else raise(1, 1);
  }

  it('ends when the subscriber is closed, after buffered values', async () => {
    const [idle, holding] = [subscriber[kind](), subscriber[kind]()];
    produce();
    await idle.next();
    const waiting = idle.next();
    subscriber.close();
    expect(await waiting).toEqual(DONE);
    expect((await holding.next()).done).toBe(false);
    expect(await holding.next()).toEqual(DONE);
    expect(await holding.next()).toEqual(DONE);
    expect(await subscriber[kind]().next()).toEqual(DONE);
  });

  it('throws when the subscriber fails, after buffered values', async () => {
    const [idle, holding] = [subscriber[kind](), subscriber[kind]()];
    produce();
    await idle.next();
    const waiting = idle.next().catch((error: unknown) => error);
    network.newest.drop(4507, 'not for you');
    const { failure } = subscriber;
    expect(await waiting).toBe(failure);
    let read = 0;
    const loop = async () => {
      for await (const _ of holding as AsyncIterable<unknown>) read++;
    };
    await expect(loop()).rejects.toBe(failure);
    expect(read).toBe(1);
    await expect(subscriber[kind]().next()).rejects.toBe(failure);
  });

  it('takes nothing more once its reader has left, however it left', async () => {
    const left = subscriber[kind]();
    produce();
    for await (const _ of left as AsyncIterable<unknown>) break;
    const threw = subscriber[kind]();
    const loop = async () => {
      for await (const _ of threw as AsyncIterable<unknown>) throw new Error('mine');
    };
    const outcome = expect(loop()).rejects.toThrow('mine');
    const returned = subscriber[kind]();
    const waiting = returned.next();
    expect(await returned.return?.()).toEqual(DONE);
    expect(await waiting).toEqual(DONE);
    if (kind === 'updates') full(0, 101);
    else raise(2, 3);
    await outcome;
    for (const iterator of [left, threw, returned]) expect(await iterator.next()).toEqual(DONE);
  });

  it('drops unread values when its reader leaves', async () => {
    const iterator = subscriber[kind]();
    produce();
    await iterator.return?.();
    expect(await iterator.next()).toEqual(DONE);
  });
});

describe('anomalies()', () => {
  it('gives all in order, however far behind its reader is', async () => {
    const anomalies = subscriber.anomalies();
    const outOfOrder: number[] = [];
    const read = async (first: number, last: number) => {
      for (let i = first; i <= last; i++) {
        const { sequence } = await next(anomalies);
        if (sequence !== i) outOfOrder.push(sequence);
      }
    };
    raise(1, 60_000);
    await read(1, 50_000);
    raise(60_001, 110_000);
    await read(50_001, 110_000);
    expect(outOfOrder).toEqual([]);
  });

  it('throws when its reader lags 65 536 behind, after buffered values', async () => {
    const [slow, fast] = [subscriber.anomalies(), subscriber.anomalies()];
    const seen: Anomaly[] = [];
    const reading = (async () => {
      for await (const anomaly of fast) seen.push(anomaly);
    })();
    raise(1, WAITING_MAX);
    await pass();
    raise(WAITING_MAX + 1, WAITING_MAX + 1);
    await pass();
    let read = 0;
    const loop = async () => {
      for await (const { sequence } of slow) if (sequence === read + 1) read++;
    };
    await expect(loop()).rejects.toThrow('too slow a reader of anomaly events');
    expect(read).toBe(WAITING_MAX);
    expect(subscriber.state).toBe('live');
    subscriber.close();
    await reading;
    expect(seen).toHaveLength(WAITING_MAX + 1);
  });
});
