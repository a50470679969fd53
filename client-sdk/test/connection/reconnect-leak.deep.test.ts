import { setTimeout as sleep } from 'node:timers/promises';
import { queryObjects, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { serverProcessForTest } from '../../../test/support/running-server.ts';
import { TcpProxy } from '../../../testkit/tcp-proxy.ts';
import { until } from '../../../testkit/until.ts';
import { connect, type Subscriber, type Subscription } from '../../src/index.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const SYMBOLS = ['BTC', 'ETH', 'SOL'];
/** Less than one object every eight reconnects. */
const OBJECTS_MAX = 100;
/** Code compiled meanwhile takes about half of it. */
const HEAP_BYTES_MAX = 2_000_000;

const { random } = Math;
beforeEach(() => {
  // No wait between attempts. Not a mock: that would remember every call.
  Math.random = () => 0;
});
afterEach(() => {
  Math.random = random;
});

interface Footprint {
  readonly heapBytes: number;
  /** Objects of all kinds, including functions and promises. */
  readonly objects: number;
  /** Open handles and timers by kind. */
  readonly resources: Readonly<Record<string, number>>;
}

async function footprint(proxy: TcpProxy): Promise<Footprint> {
  // The last connection's two sides.
  await until(() => proxy.openSockets === 2);
  await sleep(20);
  const objects = queryObjects(Object, { format: 'count' });
  const resources: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) {
    // An immediate is over with this turn of the loop, and now and then there is one.
    if (/Timeout|TCP/.test(kind)) resources[kind] = (resources[kind] ?? 0) + 1;
  }
  return { heapBytes: process.memoryUsage().heapUsed, objects, resources };
}

class Rig {
  readonly proxy: TcpProxy;
  readonly subscriber: Subscriber;
  readonly port: number;

  static async start(): Promise<Rig> {
    const server = await serverProcessForTest();
    const proxy = await TcpProxy.start(server.port);
    onTestFinished(() => proxy.close());
    const rig = new Rig(proxy, server.port);
    await rig.post(SYMBOLS);
    rig.subscriber.subscribe(SYMBOLS);
    await until(() => rig.isComplete);
    return rig;
  }

  private constructor(proxy: TcpProxy, port: number) {
    this.proxy = proxy;
    this.port = port;
    this.subscriber = connect(proxy.url);
    onTestFinished(() => this.subscriber.close());
  }

  get isComplete(): boolean {
    return SYMBOLS.every((symbol) => this.subscriber.get(symbol)?.isLive === true);
  }

  async post(symbols: readonly string[]): Promise<void> {
    const body = JSON.stringify(symbols.map((symbol) => ({ symbol, price: 100 })));
    const headers = { 'content-type': 'application/json' };
    await fetch(`http://127.0.0.1:${this.port}/api/prices`, { method: 'POST', headers, body });
  }

  /** Loses the connection and waits until everything is live again. */
  async reconnect(): Promise<void> {
    const complete = new Promise<void>((resolve) => {
      const stop = this.subscriber.on('update', () => {
        if (!this.isComplete) return;
        stop();
        resolve();
      });
    });
    this.proxy.cut();
    await complete;
  }
}

/** Iterators and subscriptions come and go, as readers leave and components unmount. */
async function comeAndGo(subscriber: Subscriber, i: number): Promise<Subscription> {
  const anomalies = subscriber.anomalies();
  const updates = subscriber.updates();
  const waiting = [updates.next(), anomalies.next()];
  await Promise.all([updates.return?.(), anomalies.return?.()]);
  await Promise.all(waiting);
  subscriber.on('update', () => undefined)();
  const subscription = subscriber.subscribe([`X${i}`, `Y${i}*`]);
  const { ready } = subscription;
  subscription.unsubscribe();
  await ready;
  return subscription;
}

describe('1000 reconnects', () => {
  it('leave nothing behind', async () => {
    const rig = await Rig.start();
    const { subscriber, proxy } = rig;
    const footprints: Footprint[] = [];
    for (let i = 1; i <= 1000; i++) {
      await comeAndGo(subscriber, i);
      await rig.reconnect();
      if (i === 200 || i === 1000) footprints.push(await footprint(proxy));
    }
    const [early, late] = footprints as [Footprint, Footprint];
    expect(late.resources).toEqual(early.resources);
    expect(late.objects - early.objects).toBeLessThan(OBJECTS_MAX);
    expect(late.heapBytes - early.heapBytes).toBeLessThan(HEAP_BYTES_MAX);
    expect(subscriber.counters).toMatchObject({ reconnects: 1000, fullEntries: 3003, updates: 0 });
    expect(await subscriber.verify()).toMatchObject({ equal: true, symbolCount: 3 });
    await rig.post(['BTC']);
    await until(() => subscriber.get('BTC')?.updateCount === 2);
    expect(subscriber.counters.updates).toBe(1);
  });

  it('and removed objects can be collected', async () => {
    const { subscriber } = await Rig.start();
    const given: WeakRef<object>[] = [];
    await (async () => {
      for (let i = 0; i < 50; i++) {
        given.push(new WeakRef(await comeAndGo(subscriber, i)));
        const iterator = subscriber.updates();
        given.push(new WeakRef(iterator));
        await iterator.return?.();
      }
    })();
    await subscriber.ping();
    await sleep(20);
    for (let i = 0; i < 4; i++) collectGarbage();
    const held = given.filter((each) => each.deref() !== undefined);
    // The newest may still be in a register.
    expect(held.length).toBeLessThan(5);
  });
});
