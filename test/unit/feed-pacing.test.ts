import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Backoff } from '../../feeds/connection/backoff.ts';
import { FramePacer, HourBudget } from '../../feeds/connection/frame-pacer.ts';

const HOUR_MS = 3_600_000;

describe('a pacer', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function pacer(framesPerSecond: number, framesPerHour?: number) {
    const sent: { readonly text: string; readonly at: number }[] = [];
    const from = performance.now();
    const send = (text: string) => void sent.push({ text, at: performance.now() - from });
    return { sent, pacer: new FramePacer(send, framesPerSecond, new HourBudget(framesPerHour)) };
  }

  it('never sends more in any second than the venue takes', () => {
    const { sent, pacer: paced } = pacer(4);
    for (let i = 0; i < 20; i += 1) paced.push(String(i));
    vi.advanceTimersByTime(10_000);
    expect(sent.map(({ text }) => Number(text))).toEqual(Array.from({ length: 20 }, (_, i) => i));
    for (const [i, { at }] of sent.entries()) {
      const fifth = sent[i + 4];
      if (fifth !== undefined) expect(fifth.at - at).toBeGreaterThan(1000);
    }
    expect(sent.at(-1)?.at).toBeLessThan(5500);
  });

  it('sends what is urgent before what waits, in step', () => {
    const { sent, pacer: paced } = pacer(2);
    for (const text of ['a', 'b', 'c']) paced.push(text);
    paced.pushUrgent('pong');
    vi.advanceTimersByTime(3000);
    expect(sent.map(({ text }) => text)).toEqual(['a', 'pong', 'b', 'c']);
    expect((sent[1]?.at ?? 0) - (sent[0]?.at ?? 0)).toBeGreaterThan(500);
  });

  it('keeps to an hour, in which keep-alives do not count and are not held up', () => {
    const { sent, pacer: paced } = pacer(10, 5);
    for (let i = 0; i < 12; i += 1) paced.push('subscribe');
    vi.advanceTimersByTime(HOUR_MS / 2);
    expect(sent.length).toBe(5);
    const again = setInterval(() => paced.pushUrgent('ping'), 20_000);
    vi.advanceTimersByTime(HOUR_MS / 2 + 2000);
    const ofAll = (text: string) => sent.filter((each) => each.text === text).length;
    expect(ofAll('subscribe')).toBe(10);
    expect(ofAll('ping')).toBeGreaterThanOrEqual(90);
    clearInterval(again);
    vi.advanceTimersByTime(HOUR_MS);
    expect(ofAll('subscribe')).toBe(12);
  });

  it('sends nothing once it is stopped', () => {
    const { sent, pacer: paced } = pacer(1);
    paced.push('a');
    paced.push('b');
    paced.stop();
    paced.push('c');
    vi.advanceTimersByTime(10_000);
    expect(sent.map(({ text }) => text)).toEqual(['a']);
  });
});

describe('a backoff', () => {
  const half = () => new Backoff(() => 0.5);

  it('doubles its bound up to a minute, and takes a random part', () => {
    const backoff = half();
    const delays = Array.from({ length: 9 }, () => backoff.next(0));
    expect(delays).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
  });

  it('adds what the venue asked for', () => {
    expect(half().next(0, 90_000)).toBe(90_500);
  });

  it.each([
    [29_999, 2000],
    [30_000, 500],
  ])('after a connection of %i ms waits %i', (lastedMs, delayMs) => {
    const backoff = half();
    for (let i = 0; i < 2; i += 1) backoff.next(0);
    expect(backoff.next(lastedMs)).toBe(delayMs);
  });
});
