import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { StateChange } from '../../src/connection/connection.ts';
import { connect, type Subscriber } from '../../src/subscriber/subscriber.ts';
import { FakeNetwork, pass, useFakeClock, useRealClock } from '../support/fake-socket.ts';

const HEARTBEAT_MS = 5000;

/** Counts its listeners. */
class CountedTarget extends EventTarget {
  visibilityState = 'hidden';
  listeners = 0;

  override addEventListener(...args: Parameters<EventTarget['addEventListener']>): void {
    this.listeners++;
    super.addEventListener(...args);
  }

  override removeEventListener(...args: Parameters<EventTarget['removeEventListener']>): void {
    this.listeners--;
    super.removeEventListener(...args);
  }
}

let page: CountedTarget;
let document: CountedTarget;
let network: FakeNetwork;

beforeEach(() => {
  useFakeClock();
  page = new CountedTarget();
  document = new CountedTarget();
  network = new FakeNetwork();
  vi.stubGlobal('document', document);
  vi.stubGlobal('addEventListener', page.addEventListener.bind(page));
  vi.stubGlobal('removeEventListener', page.removeEventListener.bind(page));
});
afterEach(() => {
  vi.unstubAllGlobals();
  useRealClock();
});

const signals = {
  visibilitychange: () => {
    document.visibilityState = 'visible';
    document.dispatchEvent(new Event('visibilitychange'));
  },
  online: () => page.dispatchEvent(new Event('online')),
  pageshow: () => page.dispatchEvent(new Event('pageshow')),
} as const;
const names = ['visibilitychange', 'online', 'pageshow'] as const;

async function start(): Promise<Subscriber> {
  const subscriber = connect('ws://server', { WebSocket: network.WebSocket });
  await pass();
  return subscriber;
}

async function open(): Promise<Subscriber> {
  const subscriber = await start();
  network.newest.welcome({ heartbeatMs: HEARTBEAT_MS });
  return subscriber;
}

function pings(): number {
  return network.newest.sent.filter(([op]) => op === 6).length;
}

describe.each(names)('%s', (name) => {
  it('probes a live server at once, which has one heartbeat to answer', async () => {
    const subscriber = await open();
    await pass(1234);
    const before = pings();
    signals[name]();
    signals[name]();
    expect(pings()).toBe(before + 1);
    await pass(HEARTBEAT_MS - 1);
    expect(subscriber.state).toBe('live');
    await pass(1);
    expect(subscriber.state).toBe('reconnecting');
    subscriber.close();
  });

  it('changes nothing for a server that answers', async () => {
    const subscriber = await open();
    for (let i = 0; i < 10; i++) {
      signals[name]();
      await pass(HEARTBEAT_MS - 1);
      network.newest.receive([25, network.newest.sent.findLast(([op]) => op === 6)?.[1], 0]);
    }
    expect(subscriber.state).toBe('live');
    expect(network.sockets).toHaveLength(1);
    subscriber.close();
  });

  it('shortens a wait to at most half a second', async () => {
    const subscriber = await start();
    for (const ms of [500, 1000, 2000, 4000, 8000]) {
      network.newest.drop();
      await pass(ms);
    }
    network.newest.drop();
    await pass(1000);
    signals[name]();
    await pass(499);
    expect(network.sockets).toHaveLength(6);
    await pass(1);
    expect(network.sockets).toHaveLength(7);
    subscriber.close();
  });

  it('never prolongs a wait, however often it fires', async () => {
    const subscriber = await start();
    network.newest.drop();
    for (let ms = 0; ms < 500; ms += 50) {
      signals[name]();
      expect(network.sockets).toHaveLength(1);
      await pass(50);
    }
    expect(network.sockets).toHaveLength(2);
    subscriber.close();
  });

  it('does not disturb an attempt', async () => {
    const subscriber = await start();
    signals[name]();
    await pass(5000);
    expect(network.sockets).toHaveLength(1);
    expect(network.newest.isHeard).toBe(true);
    network.newest.welcome();
    expect(subscriber.state).toBe('live');
    subscriber.close();
  });

  it('is ignored after the end', async () => {
    const subscriber = await open();
    expect([page.listeners, document.listeners]).toEqual([3, 1]);
    subscriber.close();
    expect([page.listeners, document.listeners]).toEqual([0, 0]);
    const refused = await start();
    refused.on('state', () => undefined);
    network.newest.drop(4500);
    expect(refused.state).toBe('closed');
    expect([page.listeners, document.listeners]).toEqual([0, 0]);
    signals[name]();
    await pass(60_000);
    expect(network.sockets).toHaveLength(2);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('offline', () => {
  const offline = () => page.dispatchEvent(new Event('offline'));

  it('ends the session at once, and online begins the next one soon', async () => {
    const subscriber = await open();
    subscriber.subscribe('BTC');
    network.newest.receive([22, [7, 'BTC']]);
    network.newest.receive([20, 5, [7, 127, 100, 100, 1, 1000, 100, 100]]);
    expect(subscriber.get('BTC')?.isLive).toBe(true);
    const states: StateChange[] = [];
    subscriber.on('state', (change) => states.push(change));
    offline();
    expect(subscriber.get('BTC')?.isLive).toBe(false);
    expect(states).toMatchObject([
      { state: 'reconnecting', closure: { code: 1006, reason: 'the page is offline' } },
    ]);
    // Attempts fail while there is no network; the waits grow.
    for (const ms of [500, 1000, 2000, 4000]) {
      await pass(ms);
      network.newest.drop();
    }
    const attempts = network.sockets.length;
    signals.online();
    await pass(500);
    expect(network.sockets).toHaveLength(attempts + 1);
    network.newest.welcome();
    expect(subscriber.state).toBe('live');
    subscriber.close();
  });

  it('ends an attempt, and changes nothing while waiting or after the end', async () => {
    const subscriber = await start();
    offline();
    expect(network.newest.isHeard).toBe(false);
    offline();
    await pass(500);
    expect(network.sockets).toHaveLength(2);
    subscriber.close();
    offline();
    await pass(60_000);
    expect(network.sockets).toHaveLength(2);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('goes on with what is reachable all the same, such as this machine', async () => {
    const subscriber = await open();
    offline();
    await pass(500);
    network.newest.welcome();
    expect(subscriber.state).toBe('live');
    subscriber.close();
  });
});

it('a hidden page sends no probe', async () => {
  const subscriber = await open();
  const before = pings();
  document.dispatchEvent(new Event('visibilitychange'));
  expect(pings()).toBe(before);
  subscriber.close();
});

it('works on a platform without such events, or with some of them', async () => {
  vi.stubGlobal('document', undefined);
  const worker = await open();
  expect(page.listeners).toBe(3);
  worker.close();
  vi.stubGlobal('addEventListener', undefined);
  vi.stubGlobal('removeEventListener', undefined);
  const node = await open();
  expect(node.state).toBe('live');
  node.close();
  await pass();
  expect(vi.getTimerCount()).toBe(0);
});
