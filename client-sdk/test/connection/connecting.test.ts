import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Op } from '../../../src/protocol/index.ts';
import type { StateChange } from '../../src/connection/connection.ts';
import type { WebSocketConstructor } from '../../src/connection/web-socket.ts';
import { connect, type Subscriber } from '../../src/subscriber/subscriber.ts';
import type { SubscriberOptions } from '../../src/subscriber/subscriber-options.ts';
import { FakeNetwork, pass, useFakeClock, useRealClock } from '../support/fake-socket.ts';

let network: FakeNetwork;
let changes: StateChange[];

beforeEach(() => {
  useFakeClock();
  network = new FakeNetwork();
  changes = [];
});
afterEach(useRealClock);

function start(options: SubscriberOptions = {}): Subscriber {
  const subscriber = connect('ws://server', { WebSocket: network.WebSocket, ...options });
  subscriber.on('state', (change) => changes.push(change));
  return subscriber;
}

/** Reason of each failed attempt. */
function reasons(): (string | undefined)[] {
  return changes.filter(({ closure }) => closure !== undefined).map((each) => each.closure?.reason);
}

describe('the wait for a session', () => {
  it('ends after connectTimeoutMs, with or without an open socket', async () => {
    const subscriber = start({ connectTimeoutMs: 300 });
    await pass(299);
    expect(changes).toEqual([]);
    await pass(1);
    expect(reasons()).toEqual(['no WELCOME in time']);
    await pass(500);
    network.newest.receive([31, 'not now', 0, 100]);
    await pass(300);
    expect(reasons()).toEqual(['no WELCOME in time', 'no WELCOME in time']);
    expect(network.sockets.map(({ closedWith }) => closedWith)).toEqual([1005, 1005]);
    subscriber.close();
  });

  it('is 10 s by default, and at most as long as a timer can run', async () => {
    const subscriber = start();
    await pass(9999);
    expect(changes).toEqual([]);
    await pass(1);
    expect(reasons()).toHaveLength(1);
    subscriber.close();
    const patient = start({ connectTimeoutMs: Number.POSITIVE_INFINITY, token: async () => 'T' });
    await pass(86_400_000);
    expect(patient.state).toBe('connecting');
    expect(reasons()).toHaveLength(1);
    patient.close();
  });

  it('ignores a dropped socket', async () => {
    const subscriber = start({ connectTimeoutMs: 300 });
    await pass(300);
    network.newest.welcome();
    expect(subscriber.state).toBe('connecting');
    await pass(500);
    expect(network.sockets).toHaveLength(2);
    network.newest.welcome();
    expect(subscriber.state).toBe('live');
    subscriber.close();
  });
});

describe('a token', () => {
  /** Three consecutive sessions and their tokens. */
  async function tokensOf(token: NonNullable<SubscriberOptions['token']>): Promise<unknown[]> {
    const subscriber = start({ token });
    for (let i = 0; i < 3; i++) {
      await pass(500 * 2 ** i);
      network.newest.welcome();
      network.newest.drop(4010);
    }
    subscriber.close();
    return network.sockets.map(({ protocols }) => protocols);
  }

  it('is sent as a subprotocol', async () => {
    const sent = ['tickwire.v1', 'bearer.T'];
    expect(await tokensOf('T')).toEqual([sent, sent, sent]);
  });

  it.each(['sync', 'async'])('from a %s function is requested before each session', async (how) => {
    let count = 0;
    const next = () => `T${++count}`;
    const sent = await tokensOf(how === 'sync' ? next : async () => next());
    expect(sent).toEqual([1, 2, 3].map((n) => ['tickwire.v1', `bearer.T${n}`]));
  });

  it('is replaced in the open session, and from then on', async () => {
    const subscriber = start({ token: 'T' });
    await pass(0);
    network.newest.welcome();
    subscriber.authenticate('U');
    expect(network.newest.sent.filter(([op]) => op === Op.AUTH)).toEqual([[Op.AUTH, 'U']]);
    network.newest.drop(4010);
    subscriber.authenticate('V');
    await pass(500);
    expect(network.newest.protocols).toEqual(['tickwire.v1', 'bearer.V']);
    expect(() => subscriber.authenticate(5 as unknown as string)).toThrow(
      'token: expected a string, got 5',
    );
    subscriber.close();
  });

  it('from a function is requested again, whatever replaced it', async () => {
    let count = 0;
    const subscriber = start({ token: () => `T${++count}` });
    await pass(0);
    network.newest.welcome();
    subscriber.authenticate('U');
    network.newest.drop(4010);
    await pass(500);
    expect(network.newest.protocols).toEqual(['tickwire.v1', 'bearer.T2']);
    subscriber.close();
  });

  const failures: Readonly<Record<string, () => string | Promise<string>>> = {
    throws: () => {
      throw new Error('no key');
    },
    rejects: () => Promise.reject(new Error('no key')),
    'throws what is no error': () => {
      AbortSignal.abort('no key').throwIfAborted();
      return 'T';
    },
    'rejects with nothing': () =>
      new Promise((_, reject) => {
        queueMicrotask(reject);
      }),
  };
  it.each(Object.keys(failures))('whose function %s is requested again', async (name) => {
    let count = 0;
    const token = () => (++count < 3 ? (failures[name] as () => string)() : 'T');
    const subscriber = start({ token });
    await pass();
    expect(subscriber.state).toBe('connecting');
    await pass(500);
    await pass(1000);
    expect(reasons()).toEqual(
      name === 'rejects with nothing' ? ['undefined', 'undefined'] : ['no key', 'no key'],
    );
    expect(network.sockets).toHaveLength(1);
    network.newest.welcome();
    expect(subscriber.state).toBe('live');
    subscriber.close();
  });

  it('whose function hangs times out like a session', async () => {
    let give: (token: string) => void = () => undefined;
    let asked = 0;
    const token = () =>
      new Promise<string>((resolve) => {
        asked++;
        give = resolve;
      });
    const subscriber = start({ token });
    await pass(10_000);
    expect(reasons()).toEqual(['no token in time']);
    give('late');
    await pass();
    expect(network.sockets).toHaveLength(0);
    await pass(500);
    give('T');
    await pass();
    expect(asked).toBe(2);
    expect(network.newest.protocols).toContain('bearer.T');
    subscriber.close();
  });

  it.each(['resolves', 'rejects'])('that %s after close() opens nothing', async (how) => {
    const settle: (() => void)[] = [];
    const token = () =>
      new Promise<string>((resolve, reject) => {
        settle.push(how === 'resolves' ? () => resolve('T') : () => reject(new Error('no key')));
      });
    const subscriber = start({ token });
    await pass(100);
    subscriber.close();
    expect(vi.getTimerCount()).toBe(0);
    for (const each of settle) each();
    await pass(60_000);
    expect(settle).toHaveLength(1);
    expect(network.sockets).toHaveLength(0);
    expect(changes.map(({ state }) => state)).toEqual(['closed']);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('a class of sockets that throws', () => {
  const Throwing = class {
    constructor() {
      throw new DOMException('insecure', 'SecurityError');
    }
  } as unknown as WebSocketConstructor;

  it('is tried again, and reported to listeners added at once', async () => {
    const subscriber = start({ WebSocket: Throwing });
    await pass();
    await pass(500);
    expect(changes).toMatchObject([
      { state: 'connecting', closure: { code: 1006, reason: 'insecure' }, retryInMs: 500 },
      { state: 'connecting', closure: { code: 1006, reason: 'insecure' }, retryInMs: 1000 },
    ]);
    subscriber.close();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('ends a client that has only one attempt', async () => {
    const subscriber = start({ WebSocket: Throwing, giveUpAfterMs: 0 });
    const { ready } = subscriber;
    await expect(ready).rejects.toThrow('connection closed (1006) insecure');
    expect(changes.map(({ state }) => state)).toEqual(['closed']);
    expect(vi.getTimerCount()).toBe(0);
  });
});
