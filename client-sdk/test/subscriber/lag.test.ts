import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Lag, LagMonitor } from '../../src/subscriber/lag.ts';
import { RoundTrips } from '../../src/subscriber/round-trips.ts';

const AHEAD_MS = 100_000;
const LIMIT_MS = 1000;
const CHECK_MS = 250;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A monitor, and what it says; the server's clock is known but for 5 ms. */
class Rig {
  readonly said: Lag[] = [];
  asked = 0;
  frames = 0;
  readonly trips = new RoundTrips();
  readonly monitor = new LagMonitor(LIMIT_MS, this.trips, (lag) => this.said.push(lag));

  constructor() {
    this.monitor.reset();
    this.ask();
    this.asked = 0;
    vi.advanceTimersByTime(10);
    this.answer(5);
  }

  ask(): void {
    this.asked++;
    this.trips.measure((sentAt) => this.sentAt.push(sentAt)).catch(() => undefined);
  }

  readonly sentAt: number[] = [];

  answer(lateMs: number): void {
    this.frames++;
    this.trips.note(this.sentAt.shift() ?? NaN, this.serverTime - lateMs);
  }

  get serverTime(): number {
    return Date.now() + AHEAD_MS;
  }

  /** A frame arrives that was written so long ago. */
  frame(lateMs: number, behindMs = 0): void {
    this.frames++;
    this.monitor.take(this.serverTime - lateMs, behindMs);
  }

  pass(ms: number): void {
    for (let left = ms; left > 0; left -= CHECK_MS) {
      vi.advanceTimersByTime(CHECK_MS);
      if (this.monitor.check(this.frames)) this.ask();
    }
  }
}

describe('the lag of data', () => {
  it('counts the error of the clock and what waits at the server', () => {
    const rig = new Rig();
    rig.frame(300);
    expect(rig.monitor.lagMs).toBeCloseTo(305, 1);
    rig.frame(300, 500);
    expect(rig.monitor.lagMs).toBeCloseTo(805, 1);
    expect(rig.monitor.isLagging).toBe(false);
    rig.frame(300, 800);
    expect(rig.monitor.isLagging).toBe(true);
    // What is no frame of statistics says nothing of what waits.
    rig.monitor.take(rig.serverTime - 100);
    expect(rig.monitor.lagMs).toBeCloseTo(905, 1);
  });

  it('is told once it is over the limit, and again once it is well below', () => {
    const rig = new Rig();
    for (const lateMs of [900, 1100, 2000, 900, 1100, 800, 700, 900]) rig.frame(lateMs);
    expect(rig.said.map(({ isLagging }) => isLagging)).toEqual([true, false]);
    expect(rig.said.map(({ lagMs }) => Math.round(lagMs))).toEqual([1105, 705]);
  });

  it('is not known before the clock is', () => {
    const monitor = new LagMonitor(LIMIT_MS, new RoundTrips(), () => expect.unreachable());
    monitor.take(Date.now() - 50_000, 0);
    expect(monitor.lagMs).toBe(0);
    expect(monitor.isLagging).toBe(false);
  });
});

describe('a silence', () => {
  it('is none of the data, if the server answers', () => {
    const rig = new Rig();
    rig.frame(20);
    rig.pass(1000);
    expect(rig.asked).toBe(1);
    rig.answer(0);
    rig.pass(4000);
    expect(rig.asked).toBe(1);
    expect(rig.said).toEqual([]);
  });

  it('is a lag, if the server does not answer, until it does', () => {
    const rig = new Rig();
    rig.frame(20);
    rig.pass(2000);
    expect(rig.said).toHaveLength(1);
    expect(rig.monitor.isLagging).toBe(true);
    expect(rig.monitor.lagMs).toBeGreaterThan(1000);
    rig.frame(1900);
    expect(rig.monitor.isLagging).toBe(true);
    rig.frame(10);
    expect(rig.monitor.isLagging).toBe(false);
  });

  it('is asked about now and then only', () => {
    const rig = new Rig();
    for (let i = 0; i < 20; i++) {
      rig.frame(10);
      rig.pass(1000);
      if (rig.sentAt.length > 0) rig.answer(0);
    }
    expect(rig.asked).toBeLessThanOrEqual(5);
    expect(rig.said).toEqual([]);
  });
});
