import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ConnectionAges } from '../../feeds/connection/connection-ages.ts';

/** Times at which a connection is to be replaced, by checks every 100 ms; the cause is the same. */
function dueTimes(ages: ConnectionAges, untilMs: number): number[] {
  const times: number[] = [];
  for (let at = 0; at < untilMs; at += 100) {
    vi.advanceTimersByTime(100);
    if (ages.due() !== undefined) times.push(at + 100);
  }
  return times;
}

describe('the ages of a connection', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['performance'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const inUse = (staleAfterMs: number, rotateAfterMs?: number) => {
    const ages = new ConnectionAges({ staleAfterMs, rotateAfterMs });
    ages.begin();
    return ages;
  };

  it('let a stall be looked into after twice as long each time', () => {
    expect(dueTimes(inUse(1000), 16_000)).toEqual([1000, 2000, 4000, 8000, 16_000]);
  });

  it('begin anew with a trade', () => {
    const ages = inUse(1000);
    expect(dueTimes(ages, 3000)).toEqual([1000, 2000]);
    ages.noteTrade();
    expect(ages.isQuiet).toBe(false);
    expect(dueTimes(ages, 3000)).toEqual([1000, 2000]);
  });

  it('give a new connection as long as an old one', () => {
    const ages = inUse(1000);
    vi.advanceTimersByTime(999);
    ages.begin();
    vi.advanceTimersByTime(500);
    expect([ages.isQuiet, ages.due()]).toEqual([true, undefined]);
    vi.advanceTimersByTime(500);
    expect(ages.due()).toBe('stale');
  });

  it('do not count the time in which nothing was read', () => {
    const ages = inUse(1000);
    vi.advanceTimersByTime(5000);
    ages.resume();
    expect(ages.isQuiet).toBe(false);
    expect(dueTimes(ages, 1000)).toEqual([1000]);
  });

  it('name a rotation once, up to a twentieth early', () => {
    const ages = inUse(1_000_000, 10_000);
    const [first, ...others] = dueTimes(ages, 30_000);
    expect(first).toBeGreaterThanOrEqual(9500);
    expect(first).toBeLessThanOrEqual(10_000);
    expect(others).toEqual([]);
    ages.rotateAfter(700);
    expect(dueTimes(ages, 2000)).toEqual([700]);
  });
});
