import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { fc } from '../../../testkit/fast-check.ts';
import type { ServerUrl } from '../../src/connection/connect-options.ts';
import type { StateChange } from '../../src/connection/connection.ts';
import { connect, type Subscriber } from '../../src/subscriber/subscriber.ts';
import type { SubscriberOptions } from '../../src/subscriber/subscriber-options.ts';
import { FakeNetwork, pass, useFakeClock, useRealClock } from '../support/fake-socket.ts';

let network: FakeNetwork;
let changes: StateChange[];

beforeEach(useFakeClock);
afterEach(useRealClock);

async function start(
  options: SubscriberOptions = {},
  url: ServerUrl = 'ws://server',
): Promise<Subscriber> {
  network = new FakeNetwork();
  changes = [];
  const subscriber = connect(url, { WebSocket: network.WebSocket, ...options });
  subscriber.on('state', (change) => changes.push(change));
  await pass();
  return subscriber;
}

/** The last announced wait. */
function announcedMs(): number | undefined {
  return changes.at(-1)?.retryInMs;
}

/** Fails the newest connection; returns the observed wait before the next attempt. */
async function waitAfter(fail: () => void): Promise<number> {
  const attempts = network.sockets.length;
  fail();
  await pass();
  const begun = performance.now();
  const announced = announcedMs() ?? 0;
  if (announced > 1) {
    await pass(announced - 1);
    expect(network.sockets).toHaveLength(attempts);
  }
  await vi.advanceTimersToNextTimerAsync();
  expect(network.sockets).toHaveLength(attempts + 1);
  return performance.now() - begun;
}

describe('waiting', () => {
  it('doubles its bound up to 20 s, and no attempt is early', async () => {
    const subscriber = await start();
    const waits: number[] = [];
    for (let i = 0; i < 9; i++) waits.push(await waitAfter(() => network.newest.drop()));
    expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 20_000, 20_000, 20_000]);
    subscriber.close();
  });

  it('is uniform between 0 and the bound', async () => {
    await fc.assert(
      fc.asyncProperty(fc.double({ min: 0, max: 0.999, noNaN: true }), async (random) => {
        vi.spyOn(Math, 'random').mockReturnValue(random);
        const subscriber = await start();
        for (let n = 0; n < 8; n++) {
          network.newest.drop();
          expect(announcedMs()).toBe(random * Math.min(20_000, 500 * 2 ** n));
          await vi.advanceTimersToNextTimerAsync();
          expect(network.sockets).toHaveLength(n + 2);
        }
        subscriber.close();
      }),
      { numRuns: 30 },
    );
  });

  it('starts over after a session of 10 s, not after a shorter one', async () => {
    const subscriber = await start();
    await waitAfter(() => network.newest.drop());
    await waitAfter(() => network.newest.drop());
    network.newest.welcome({ heartbeatMs: 60_000 });
    await pass(9999);
    expect(await waitAfter(() => network.newest.drop())).toBe(2000);
    network.newest.welcome({ heartbeatMs: 60_000 });
    await pass(10_000);
    expect(await waitAfter(() => network.newest.drop())).toBe(500);
    subscriber.close();
  });

  it('follows the jitter of GOAWAY once', async () => {
    const subscriber = await start();
    network.newest.welcome({ heartbeatMs: 60_000 });
    await pass(10_000);
    network.newest.receive([31, 'restart', 1000, 7000]);
    expect(subscriber.state).toBe('live');
    expect(await waitAfter(() => network.newest.drop(4001))).toBe(7000);
    expect(await waitAfter(() => network.newest.drop())).toBe(1000);
    subscriber.close();
  });

  it('keeps backing off from a server that sends GOAWAY at once', async () => {
    const subscriber = await start();
    const waits: number[] = [];
    for (let i = 0; i < 4; i++) {
      network.newest.welcome();
      network.newest.receive([31, 'full', 0, 2]);
      waits.push(await waitAfter(() => network.newest.drop(4001)));
    }
    expect(waits).toEqual([2, 1000, 2000, 4000]);
    subscriber.close();
  });

  it('takes no jitter from a GOAWAY without one', async () => {
    const subscriber = await start();
    network.newest.welcome();
    network.newest.receive([31, 'restart']);
    expect(await waitAfter(() => network.newest.drop(4001))).toBe(500);
    subscriber.close();
  });
});

/** Expects that everything that waits is rejected at the end. */
async function expectEnded(subscriber: Subscriber, waiting: readonly Promise<unknown>[]) {
  expect(subscriber.state).toBe('closed');
  const { failure } = subscriber;
  expect(failure).toBeInstanceOf(Error);
  for (const promise of waiting) await expect(promise).rejects.toBe(failure);
  await expect(subscriber.ready).rejects.toBe(failure);
  await expect(subscriber.verify()).rejects.toBe(failure);
  await expect(subscriber.ping()).rejects.toBe(failure);
  await expect(subscriber.history('BTC')).rejects.toBe(failure);
  expect(() => subscriber.subscribe('BTC')).toThrow(failure);
  await pass(60_000);
  expect(vi.getTimerCount()).toBe(0);
}

/** Closes a session with the code; true if the client ended, false if it came back. */
async function endsWith(code: number, isWelcomed: boolean): Promise<boolean> {
  const subscriber = await start();
  const subscription = subscriber.subscribe('BTC');
  const waiting = [subscription.ready];
  if (isWelcomed) network.newest.welcome();
  else waiting.push(subscriber.ready as Promise<never>, subscriber.verify() as Promise<never>);
  const isSettled = Promise.allSettled(waiting);
  await pass();
  network.newest.drop(code, 'because');
  await pass();
  if (subscriber.state === 'closed') {
    await expectEnded(subscriber, waiting);
    expect(subscriber.failure?.message).toBe(`connection closed (${code}) because`);
    expect(changes.at(-1)).toMatchObject({ state: 'closed', closure: { code, reason: 'because' } });
    expect(network.sockets).toHaveLength(1);
    return true;
  }
  await pass(500);
  expect(network.sockets).toHaveLength(2);
  network.newest.welcome();
  expect(subscriber.state).toBe('live');
  subscriber.close();
  await isSettled;
  return false;
}

describe('several servers', () => {
  const servers = ['ws://a', 'ws://b', 'ws://c'];

  it('are tried in turn, one after the other', async () => {
    const subscriber = await start({}, servers);
    for (let i = 0; i < 6; i++) await waitAfter(() => network.newest.drop());
    const tried = network.sockets.map(({ url }) => url.slice(0, 6));
    expect(new Set(tried.slice(0, 3))).toEqual(new Set(servers));
    expect(tried).toEqual([...tried.slice(0, 3), ...tried.slice(0, 3), tried[0]]);
    subscriber.close();
  });

  it('are left for another after a lost session, with waits that grow as ever', async () => {
    const subscriber = await start({}, servers);
    network.newest.welcome({ heartbeatMs: 60_000 });
    await pass(10_000);
    expect(await waitAfter(() => network.newest.drop())).toBe(500);
    expect(await waitAfter(() => network.newest.drop())).toBe(1000);
    const tried = network.sockets.map(({ url }) => url);
    expect(new Set(tried).size).toBe(3);
    network.newest.welcome({ heartbeatMs: 60_000 });
    expect(subscriber.state).toBe('live');
    subscriber.close();
  });

  it('are not tried once one has said that the client must not come again', async () => {
    const subscriber = await start({}, servers);
    network.newest.drop(4500);
    await pass(60_000);
    expect([subscriber.state, network.sockets.length]).toEqual(['closed', 1]);
  });
});

describe('close codes', () => {
  const table = [
    [4001, false],
    [4002, false],
    [4004, true],
    [4005, false],
    [4010, false],
    [4500, true],
    [4501, true],
    [4503, true],
    [4507, true],
    [1000, false],
    [1001, false],
    [1005, false],
    [1006, false],
    [1008, false],
    [1009, false],
    [1011, false],
    [1012, false],
    [1013, false],
    [3000, false],
  ] as const;
  it.each(table)('%i ends the client: %s', async (code, isEnd) => {
    expect(await endsWith(code, true)).toBe(isEnd);
    expect(await endsWith(code, false)).toBe(isEnd);
  });

  it('of 4000 to 4999 decide by their number alone', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 4000, max: 4999 }), fc.boolean(), async (code, live) => {
        expect(await endsWith(code, live)).toBe(code >= 4500 || code === 4004);
      }),
      { numRuns: 60 },
    );
  });

  it('of another protocol version end the client, with the reason', async () => {
    const subscriber = await start();
    const { ready } = subscriber;
    const outcome = expect(ready).rejects.toThrow('the server speaks protocol version 2');
    network.newest.welcome({ version: 2 });
    await outcome;
    expect(network.newest.closedWith).toBe(1000);
    await expectEnded(subscriber, []);
  });
});

describe('giving up', () => {
  it('after the first connection with 0, opened or not', async () => {
    const refused = await start({ giveUpAfterMs: 0 });
    network.newest.drop();
    await expectEnded(refused, []);
    const short = await start({ giveUpAfterMs: 0 });
    network.newest.welcome();
    await pass(500);
    network.newest.drop();
    await expectEnded(short, []);
    const long = await start({ giveUpAfterMs: 0 });
    network.newest.welcome({ heartbeatMs: 60_000 });
    await pass(11_000);
    network.newest.drop();
    await expectEnded(long, []);
  });

  it('after giveUpAfterMs, not before', async () => {
    const subscriber = await start({ giveUpAfterMs: 5000 });
    // Attempts at 0, 500, 1500, 3500 and 7500 ms.
    for (const wait of [500, 1000, 2000, 4000]) {
      network.newest.drop();
      expect(subscriber.state).toBe('connecting');
      await pass(wait);
    }
    network.newest.drop();
    await expectEnded(subscriber, []);
    expect(network.sockets).toHaveLength(5);
  });

  it('does not count the time of a session, however short', async () => {
    const subscriber = await start({ giveUpAfterMs: 2000 });
    network.newest.welcome({ heartbeatMs: 60_000 });
    await pass(9000);
    network.newest.drop();
    expect(subscriber.state).toBe('reconnecting');
    await pass(500);
    network.newest.drop();
    await pass(1000);
    expect(subscriber.state).toBe('reconnecting');
    network.newest.drop();
    await pass(2000);
    network.newest.drop();
    await expectEnded(subscriber, []);
  });

  it('starts over after a session of 10 s', async () => {
    const subscriber = await start({ giveUpAfterMs: 1000 });
    network.newest.welcome({ heartbeatMs: 60_000 });
    await pass(10_000);
    network.newest.drop();
    expect(subscriber.state).toBe('reconnecting');
    await pass(500);
    network.newest.drop();
    expect(subscriber.state).toBe('reconnecting');
    await pass(1000);
    network.newest.drop();
    await expectEnded(subscriber, []);
  });
});

describe('reconnect()', () => {
  it('ends a wait at once, and the next wait is a first one', async () => {
    const subscriber = await start();
    for (const ms of [500, 1000, 2000, 4000, 8000]) {
      network.newest.drop();
      await pass(ms);
    }
    network.newest.drop();
    await pass(100);
    const attempts = network.sockets.length;
    subscriber.reconnect();
    await pass();
    expect(network.sockets).toHaveLength(attempts + 1);
    expect(await waitAfter(() => network.newest.drop())).toBe(500);
    subscriber.close();
  });

  it('replaces an open session', async () => {
    const subscriber = await start();
    network.newest.welcome();
    const first = network.newest;
    subscriber.reconnect();
    await pass();
    expect(first.isHeard).toBe(false);
    expect(changes.map(({ state }) => state)).toEqual(['live', 'reconnecting']);
    expect(network.sockets).toHaveLength(2);
    network.newest.welcome();
    expect(subscriber.state).toBe('live');
    subscriber.close();
  });

  it('leaves an attempt alone', async () => {
    const subscriber = await start();
    subscriber.reconnect();
    await pass(1000);
    expect(network.sockets).toHaveLength(1);
    expect(network.newest.isHeard).toBe(true);
    subscriber.close();
  });

  it('throws after the end', async () => {
    const subscriber = await start();
    subscriber.close();
    await pass();
    expect(() => subscriber.reconnect()).toThrow('the subscriber is closed');
    expect(vi.getTimerCount()).toBe(0);
  });
});
