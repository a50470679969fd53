import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { fc } from '../../../testkit/fast-check.ts';
import type { StateChange } from '../../src/connection/connection.ts';
import { connect, type Subscriber } from '../../src/subscriber/subscriber.ts';
import {
  FakeNetwork,
  type FakeSocket,
  pass,
  useFakeClock,
  useRealClock,
} from '../support/fake-socket.ts';

const HEARTBEAT_MS = 5000;
const HOUR_MS = 3_600_000;

beforeEach(useFakeClock);
afterEach(useRealClock);

/** A session that just opened. The server sends heartbeats every 5 s, if the test lets it. */
async function open(): Promise<Session> {
  const network = new FakeNetwork();
  const subscriber = connect('ws://server', { WebSocket: network.WebSocket });
  await pass();
  network.newest.welcome({ heartbeatMs: HEARTBEAT_MS });
  return new Session(subscriber, network.newest);
}

class Session {
  readonly subscriber: Subscriber;
  readonly socket: FakeSocket;
  readonly losses: StateChange[] = [];
  #frames = 1;

  constructor(subscriber: Subscriber, socket: FakeSocket) {
    this.subscriber = subscriber;
    this.socket = socket;
    subscriber.on('state', (change) => {
      if (change.closure !== undefined) this.losses.push(change);
    });
  }

  get isLost(): boolean {
    return this.losses.length > 0;
  }

  get pings(): number {
    return this.socket.sent.filter(([op]) => op === 6).length;
  }

  beat(): void {
    this.socket.receive([24, Date.now(), this.#frames++]);
  }

  /** Answers the newest PING. */
  pong(): void {
    const ping = this.socket.sent.findLast(([op]) => op === 6);
    this.socket.receive([25, ping?.[1], Date.now()]);
    this.#frames++;
  }

  close(): void {
    this.subscriber.close();
  }
}

/** The wall clock jumps while timers stand still, as on a sleeping laptop. */
function jump(ms: number): void {
  vi.setSystemTime(Date.now() + ms);
}

describe('silence', () => {
  it('of 2.5 heartbeats from the start ends the connection', async () => {
    const session = await open();
    await pass(2.5 * HEARTBEAT_MS - 1);
    expect(session.isLost).toBe(false);
    await pass(1);
    expect(session.losses).toMatchObject([
      { closure: { code: 1006, reason: 'no frame for 2.5 heartbeats' } },
    ]);
    expect(session.socket.closedWith).toBe(1005);
    session.close();
  });

  it('after a frame ends it after 2.5 heartbeats, not earlier', async () => {
    const frameAt = fc.integer({ min: 0, max: 2.5 * HEARTBEAT_MS - 1 });
    await fc.assert(
      fc.asyncProperty(frameAt, fc.boolean(), async (lastMs, isPing) => {
        const session = await open();
        await pass(lastMs);
        if (isPing) session.pong();
        else session.beat();
        await pass(2.5 * HEARTBEAT_MS - 1);
        expect(session.isLost).toBe(false);
        await pass(0.5 * HEARTBEAT_MS + 1);
        expect(session.isLost).toBe(true);
        session.close();
      }),
      {
        numRuns: 100,
        examples: [
          [2499, false],
          [2500, false],
          [2501, false],
        ],
      },
    );
  });

  it.each([5000, 10_000, 12_499])('of %i ms does not end it', async (periodMs) => {
    const session = await open();
    for (let ms = 0; ms < HOUR_MS; ms += periodMs) {
      await pass(periodMs);
      session.beat();
    }
    expect(session.isLost).toBe(false);
    session.close();
  });

  it('is ignored while reading is paused', async () => {
    const session = await open();
    await pass(12_000);
    session.subscriber.pause();
    await pass(HOUR_MS);
    jump(HOUR_MS);
    await pass(HEARTBEAT_MS);
    expect(session.isLost).toBe(false);
    session.subscriber.resume();
    await pass(2.5 * HEARTBEAT_MS - 1);
    expect(session.isLost).toBe(false);
    await pass(0.5 * HEARTBEAT_MS + 1);
    expect(session.isLost).toBe(true);
    session.close();
  });

  it('is detected whatever the wall clock says', async () => {
    for (const ms of [-HOUR_MS, -1, 1, HEARTBEAT_MS]) {
      const session = await open();
      await pass(HEARTBEAT_MS);
      session.beat();
      jump(ms);
      await pass(3 * HEARTBEAT_MS);
      expect(session.isLost).toBe(true);
      session.close();
    }
  });
});

describe('timers that run once a minute', () => {
  /** A minute without timers, and then those that were due. */
  async function throttledMinute(between: () => void): Promise<void> {
    jump(60_000 - HEARTBEAT_MS / 2);
    between();
    await pass(HEARTBEAT_MS / 2);
  }

  it('never end a connection on which frames arrive', async () => {
    const session = await open();
    for (let minute = 0; minute < 60; minute++) await throttledMinute(() => session.beat());
    expect(session.isLost).toBe(false);
    session.close();
  });

  it('never end one whose server answers probes only', async () => {
    const session = await open();
    await throttledMinute(() => undefined);
    for (let minute = 0; minute < 60; minute++) await throttledMinute(() => session.pong());
    expect(session.isLost).toBe(false);
    expect(session.pings).toBeGreaterThan(30);
    session.close();
  });

  it('end a silent one after two more', async () => {
    const session = await open();
    for (let minute = 0; minute < 3; minute++) {
      expect(session.isLost).toBe(false);
      await throttledMinute(() => undefined);
    }
    expect(session.isLost).toBe(true);
    session.close();
  });
});

describe('a laptop that slept for an hour', () => {
  it('probes, and drops a dead connection within one heartbeat', async () => {
    const session = await open();
    await pass(HEARTBEAT_MS);
    session.beat();
    const pings = session.pings;
    jump(HOUR_MS);
    await pass(HEARTBEAT_MS / 2);
    expect(session.pings).toBeGreaterThan(pings);
    await pass(HEARTBEAT_MS - 1);
    expect(session.isLost).toBe(false);
    await pass(1);
    expect(session.isLost).toBe(true);
    session.close();
  });

  it('probes, and keeps a server that answers', async () => {
    const session = await open();
    await pass(HEARTBEAT_MS);
    session.beat();
    jump(HOUR_MS);
    await pass(HEARTBEAT_MS / 2);
    session.pong();
    for (let i = 0; i < 10; i++) {
      await pass(HEARTBEAT_MS);
      session.beat();
    }
    expect(session.isLost).toBe(false);
    session.close();
  });

  it('keeps it also when it sleeps again at once', async () => {
    const session = await open();
    for (let night = 0; night < 5; night++) {
      jump(HOUR_MS);
      await pass(HEARTBEAT_MS / 2);
      jump(HOUR_MS);
      await pass(HEARTBEAT_MS / 2 - 1);
      session.pong();
      await pass(1);
    }
    expect(session.isLost).toBe(false);
    session.close();
  });
});
