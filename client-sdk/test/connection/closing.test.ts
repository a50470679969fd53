import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { StateChange } from '../../src/connection/connection.ts';
import { connect, type Subscriber } from '../../src/subscriber/subscriber.ts';
import type { SubscriberOptions } from '../../src/subscriber/subscriber-options.ts';
import { FakeNetwork, pass, useFakeClock, useRealClock } from '../support/fake-socket.ts';

let network: FakeNetwork;

beforeEach(() => {
  useFakeClock();
  network = new FakeNetwork();
});
afterEach(useRealClock);

function start(options: SubscriberOptions = {}): Subscriber {
  return connect('ws://server', { WebSocket: network.WebSocket, ...options });
}

/** Moments at which a subscriber may be closed. */
const moments: Readonly<Record<string, (subscriber: Subscriber) => Promise<void>>> = {
  'at once': () => Promise.resolve(),
  'while connecting': () => pass(),
  'while live': async () => {
    await pass();
    network.newest.welcome();
    await pass(7000);
  },
  'while live and asked for something': async (subscriber) => {
    await pass();
    network.newest.welcome();
    await pass();
    void subscriber.history('BTC').catch(() => undefined);
    void subscriber.ping().catch(() => undefined);
    await pass();
  },
  'while a refused request waits for its turn': async (subscriber) => {
    subscriber.subscribe('BTC');
    subscriber.subscribe('ETH', { anomalies: false });
    await pass();
    network.newest.welcome();
    for (const [op, requestId] of network.newest.sent) {
      if (op === 4) network.newest.receive([30, requestId, 9, 'slow down', true, 30_000]);
    }
    await pass();
  },
  'while it waits to try again': async () => {
    await pass();
    network.newest.drop();
    await pass(200);
  },
  'while it waits to come back': async () => {
    await pass();
    network.newest.welcome();
    network.newest.drop();
    await pass(200);
  },
  'while connecting again': async () => {
    await pass();
    network.newest.welcome();
    network.newest.drop();
    await pass(500);
  },
  'while the server is silent': async () => {
    await pass();
    network.newest.welcome();
    await pass(12_000);
  },
};

/** Closes, and expects that nothing remains or happens afterwards. */
async function expectClosed(subscriber: Subscriber, isPeerAlive: boolean): Promise<void> {
  const changes: StateChange[] = [];
  subscriber.on('state', (change) => changes.push(change));
  const ready = [subscriber.ready, subscriber.verify()].map((promise) => promise.catch(String));
  for (const socket of network.sockets) socket.isPeerAlive = isPeerAlive;
  subscriber.close();
  expect(subscriber.state).toBe('closed');
  expect(subscriber.failure).toBeUndefined();
  subscriber.close();
  for (const socket of network.sockets) socket.welcome({ epoch: 'e9' });
  const attempts = network.sockets.length;
  await pass(isPeerAlive ? 0 : 2000);
  expect(vi.getTimerCount()).toBe(0);
  await pass(60_000);
  expect(changes).toEqual([{ previous: expect.any(String), state: 'closed' }]);
  expect(subscriber.state).toBe('closed');
  expect(network.sockets).toHaveLength(attempts);
  for (const socket of network.sockets) expect(socket.isHeard).toBe(false);
  for (const outcome of await Promise.all(ready)) {
    expect([undefined, 'Error: the subscriber is closed']).toContain(outcome);
  }
  await expect(subscriber.ready).rejects.toThrow('the subscriber is closed');
  expect(() => subscriber.subscribe('BTC')).toThrow('the subscriber is closed');
}

describe.each([true, false])('close() with a server that answers: %s', (isPeerAlive) => {
  it.each(Object.keys(moments))('%s leaves nothing behind', async (name) => {
    const subscriber = start();
    await moments[name]?.(subscriber);
    await expectClosed(subscriber, isPeerAlive);
  });
});

describe('close() in a listener', () => {
  it.each(['state', 'update', 'anomaly', 'error'] as const)('of %s ends it', async (event) => {
    const subscriber = start();
    await pass();
    subscriber.on(event, () => subscriber.close());
    const { newest } = network;
    newest.welcome();
    newest.receive([22, [0, 'BTC']]);
    newest.receive([30, null, 15, 'oops', true, null]);
    newest.receive([20, 5, [0, 127, 100, 100, 1, 1000, 100, 100]]);
    newest.receive([21, 5, [[0, 1, 1, 100, 103, 3, 1000]]]);
    await pass();
    expect(subscriber.state).toBe('closed');
    expect(vi.getTimerCount()).toBe(0);
    expect(newest.isHeard).toBe(false);
  });

  it('of reset ends the subscriber: the new session does not open', async () => {
    const subscriber = start();
    const changes: string[] = [];
    subscriber.on('state', ({ state }) => changes.push(state));
    subscriber.on('reset', () => subscriber.close());
    await pass();
    network.newest.welcome();
    network.newest.drop();
    await pass(500);
    network.newest.welcome({ epoch: 'e2' });
    await pass();
    expect(changes).toEqual(['live', 'reconnecting', 'closed']);
    expect(vi.getTimerCount()).toBe(0);
    expect(network.newest.sent).toEqual([]);
  });

  it('of a lost connection ends the subscriber: no attempt follows', async () => {
    const subscriber = start();
    subscriber.on('state', ({ retryInMs }) => retryInMs !== undefined && subscriber.close());
    await pass();
    network.newest.drop();
    await pass();
    expect(vi.getTimerCount()).toBe(0);
    expect(network.sockets).toHaveLength(1);
  });
});

describe('AbortSignal', () => {
  /** A signal that counts its listeners. */
  function countedSignal(): [AbortController, () => number] {
    const controller = new AbortController();
    const { signal } = controller;
    let count = 0;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      count++;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      count--;
      remove(...args);
    };
    return [controller, () => count];
  }

  it('aborted before: opens nothing', async () => {
    const [controller, listeners] = countedSignal();
    controller.abort();
    const subscriber = start({ signal: controller.signal });
    expect(subscriber.state).toBe('closed');
    await pass(60_000);
    expect(network.sockets).toHaveLength(0);
    expect(vi.getTimerCount()).toBe(0);
    expect(listeners()).toBe(0);
  });

  it.each(Object.keys(moments))('aborted %s closes, without a failure', async (name) => {
    const [controller, listeners] = countedSignal();
    const subscriber = start({ signal: controller.signal });
    await moments[name]?.(subscriber);
    expect(listeners()).toBe(1);
    controller.abort();
    await pass();
    expect([subscriber.state, subscriber.failure]).toEqual(['closed', undefined]);
    expect(vi.getTimerCount()).toBe(0);
    expect(listeners()).toBe(0);
  });

  it('is released when the subscriber is closed or fails', async () => {
    const [controller, listeners] = countedSignal();
    start({ signal: controller.signal }).close();
    expect(listeners()).toBe(0);
    const failing = start({ signal: controller.signal });
    await pass();
    network.newest.drop(4507);
    expect([failing.state, listeners()]).toEqual(['closed', 0]);
  });
});
