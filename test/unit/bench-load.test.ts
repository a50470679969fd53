import { describe, expect, it } from 'vitest';
import { planSubscriptions, subscribersOf } from '../../bench/load/subscription-plan.ts';
import { divideUpdates, firstOfEach, makeUpdates } from '../../bench/load/update-stream.ts';

const STREAM = { symbols: 50, zipfExponent: 1, seed: 7 };

describe('planSubscriptions', () => {
  it.each([
    { sessions: 200, perSession: 20, symbols: 200 },
    { sessions: 100, perSession: 7, symbols: 30 },
    { sessions: 13, perSession: 30, symbols: 30 },
    { sessions: 10, perSession: 0, symbols: 5 },
  ])('spreads $sessions × $perSession of $symbols evenly', (options) => {
    const plan = planSubscriptions({ ...options, seed: 3 });
    const { sessions, perSession, symbols } = options;
    for (let session = 0; session < sessions; session++) {
      const hand = plan.picks.subarray(session * perSession, (session + 1) * perSession);
      expect(new Set(hand).size).toBe(perSession);
    }
    const counts = subscribersOf(plan, symbols);
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(sessions * perSession);
  });

  it('refuses more than there are', () => {
    expect(() => planSubscriptions({ sessions: 1, perSession: 3, symbols: 2, seed: 1 })).toThrow(
      '3 of 2 symbols',
    );
  });
});

describe('makeUpdates', () => {
  it('makes small steps in cents, never 2 % apart', () => {
    const { symbols, prices } = makeUpdates(STREAM);
    const last = new Map<number, number>();
    const least = new Map<number, number>();
    const most = new Map<number, number>();
    let largestStep = 0;
    for (const [i, symbol] of symbols.entries()) {
      const price = prices[i] as number;
      largestStep = Math.max(largestStep, Math.abs(price / (last.get(symbol) ?? price) - 1));
      last.set(symbol, price);
      least.set(symbol, Math.min(price, least.get(symbol) ?? price));
      most.set(symbol, Math.max(price, most.get(symbol) ?? price));
    }
    expect(largestStep).toBeGreaterThan(0);
    expect(largestStep).toBeLessThanOrEqual(0.0011);
    for (const [symbol, price] of most) expect(price / (least.get(symbol) ?? 0)).toBeLessThan(1.02);
    expect(prices.every((price) => Math.round(price * 100) / 100 === price)).toBe(true);
  });

  it('repeats itself for a seed', () => {
    const [one, other] = [makeUpdates(STREAM), makeUpdates(STREAM)];
    expect(Buffer.from(one.symbols.buffer).equals(Buffer.from(other.symbols.buffer))).toBe(true);
    expect(Buffer.from(one.prices.buffer).equals(Buffer.from(other.prices.buffer))).toBe(true);
    const { prices } = makeUpdates({ ...STREAM, seed: 8 });
    expect(Buffer.from(prices.buffer).equals(Buffer.from(one.prices.buffer))).toBe(false);
  });
});

describe('divideUpdates', () => {
  it('gives each symbol to one part, in order', () => {
    const updates = makeUpdates(STREAM);
    const parts = divideUpdates(updates, 3);
    expect(parts.reduce((sum, part) => sum + part.symbols.length, 0)).toBe(updates.symbols.length);
    for (const [index, part] of parts.entries()) {
      expect(part.symbols.every((symbol) => symbol % 3 === index)).toBe(true);
    }
    const pricesOf5 = ({ symbols, prices }: typeof updates) =>
      prices.filter((_, i) => symbols[i] === 5);
    expect(pricesOf5(parts[2] as typeof updates)).toEqual(pricesOf5(updates));
  });
});

describe('firstOfEach', () => {
  it('has every symbol once, at its first price', () => {
    const firsts = firstOfEach({
      symbols: Int32Array.of(3, 1, 3, 2, 1),
      prices: Float64Array.of(1, 2, 3, 4, 5),
      times: new Float64Array(5),
    });
    expect([...firsts.symbols]).toEqual([3, 1, 2]);
    expect([...firsts.prices]).toEqual([1, 2, 4]);
  });
});
