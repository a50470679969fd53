import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { connect, type Lag, type Subscriber } from '../../client-sdk/src/index.ts';
import { ServerProcess } from '../../testkit/server-process.ts';
import type { LinkConditions } from '../../testkit/slow-link.ts';
import { TcpProxy } from '../../testkit/tcp-proxy.ts';
import { until } from '../../testkit/until.ts';
import { BusySymbols, quantile } from '../support/row-ages.ts';
import { onTransports } from '../support/running-server.ts';

/** 200 symbols make 120 kB/s of changes: four times what the slow link carries. */
const SYMBOLS = 200;
const TICKS_PER_SECOND = 5000;
const SLOW = 30_000;
const FAST = 100_000_000;
const MIB = 2 ** 20;
const WINDOW_MS = 2000;
/** A machine that has other work may take some of it; without pacing ages only grow. */
const WINDOWS_MAX = 8;
const LOOK_EVERY_MS = 50;

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** A busy market, and a subscriber behind a link. */
class SlowWorld {
  readonly lags: Lag[] = [];
  readonly subscriber: Subscriber;
  readonly busy: BusySymbols;

  private constructor(server: ServerProcess, proxy: TcpProxy) {
    this.busy = new BusySymbols(`ws://127.0.0.1:${server.port}`, SYMBOLS, TICKS_PER_SECOND);
    this.subscriber = connect(proxy.url);
    this.subscriber.on('lag', (lag) => this.lags.push(lag));
    ends.push(
      () => this.busy.stop(),
      () => this.subscriber.close(),
    );
  }

  static async start(link: LinkConditions, flags: readonly string[]): Promise<SlowWorld> {
    const server = await ServerProcess.start(flags);
    ends.push(() => server.end());
    const proxy = await TcpProxy.start(server.port, link);
    ends.push(() => proxy.close());
    const world = new SlowWorld(server, proxy);
    await world.subscriber.subscribe(['*']).ready;
    await until(() => [...world.subscriber.symbols()].length === SYMBOLS, 'all rows');
    return world;
  }

  /** Ages of the oldest row that is shown as live, ms. */
  async watch(forMs: number): Promise<number[]> {
    const ages: number[] = [];
    for (const end = performance.now() + forMs; performance.now() < end; ) {
      await delay(LOOK_EVERY_MS);
      ages.push(this.busy.oldestAge(this.subscriber));
    }
    return ages;
  }

  /** Half of the looks, for a while, find no row older than this. */
  async becomesYoung(ageMs: number): Promise<void> {
    const medians: number[] = [];
    while (medians.length < WINDOWS_MAX) {
      const median = quantile(await this.watch(WINDOW_MS), 0.5);
      if (median < ageMs) return;
      medians.push(median);
    }
    expect.fail(`no window with a median below ${ageMs} ms: ${medians.join(', ')}`);
  }
}

onTransports((transport) => {
  const flags = [`--server.transport=${transport}`];

  describe('over a link of 30 kB/s', () => {
    it.each([
      { name: 'as it is', delayMs: 0, bufferBytes: 65_536 },
      { name: 'through a proxy that buffers', delayMs: 0, bufferBytes: 4 * MIB },
      { name: 'with 100 ms of delay', delayMs: 100, bufferBytes: 65_536 },
    ])('$name, rows are young, verified soon, and the clock is right', async (link) => {
      const world = await SlowWorld.start({ bytesPerSecond: SLOW, ...link }, flags);
      const { subscriber } = world;
      // Alone on a machine 400 ms, 640 with the delay; without pacing 4000, and growing.
      await world.becomesYoung(1000);
      // Data never pauses: the answer must not wait for that.
      expect(await subscriber.verify()).toMatchObject({ equal: true, symbolCount: SYMBOLS });
      const { clockErrorMs = NaN, clockOffsetMs = NaN } = subscriber.latency ?? {};
      expect(Math.abs(clockOffsetMs)).toBeLessThan(clockErrorMs + 2);
    });
  });

  it('a link that turns slow and fast again is noticed both times', async () => {
    const link = { bytesPerSecond: FAST, delayMs: 0, bufferBytes: 65_536 };
    const world = await SlowWorld.start(link, flags);
    await world.becomesYoung(300);
    link.bytesPerSecond = SLOW;
    // What was sent before comes late.
    await until(() => world.busy.oldestAge(world.subscriber) > 300, 'the slow link');
    await world.becomesYoung(1000);
    link.bytesPerSecond = FAST;
    await world.becomesYoung(300);
    expect(await world.subscriber.verify()).toMatchObject({ equal: true });
  });

  it('without pacing rows are late, and the subscriber says so: none of them is live', async () => {
    const link = { bytesPerSecond: SLOW, delayMs: 0, bufferBytes: 65_536 };
    const world = await SlowWorld.start(link, [...flags, '--stream.latencyTargetMs=0']);
    const { subscriber } = world;
    await until(() => subscriber.isLagging, 'the lag');
    expect([...subscriber.symbols()].some(({ isLive }) => isLive)).toBe(false);
    await until(() => (subscriber.lagMs ?? 0) > 2500, 'more lag');
    expect(Math.max(...(await world.watch(1000)))).toBe(0);
    // A link that catches up brings them back.
    link.bytesPerSecond = FAST;
    await until(() => !subscriber.isLagging, 'the end of the lag');
    expect(world.lags.at(0)?.isLagging).toBe(true);
    expect(world.lags.at(-1)?.isLagging).toBe(false);
    expect([...subscriber.symbols()].every(({ isLive }) => isLive)).toBe(true);
    expect(await subscriber.verify()).toMatchObject({ equal: true });
  });

  it('a link that stands still is a lag, not a quiet market', async () => {
    const link = { bytesPerSecond: FAST, delayMs: 0, bufferBytes: 65_536 };
    const world = await SlowWorld.start(link, flags);
    await delay(500);
    link.bytesPerSecond = 0;
    await until(() => world.subscriber.isLagging, 'the lag');
    expect(Math.max(...(await world.watch(500)))).toBe(0);
    link.bytesPerSecond = FAST;
    await until(() => !world.subscriber.isLagging, 'the end of the lag');
  });
});
