import { describe, expect, it } from 'vitest';
import { KnownTicks } from '../../loadgen/soak/known-ticks.ts';
import { Lineage } from '../../loadgen/soak/lineage.ts';
import { checkResources, trendOf, type Watched } from '../../loadgen/soak/resource-checks.ts';
import type { ServedSymbol } from '../../loadgen/soak/server-api.ts';
import { differences, expectedSymbols } from '../../loadgen/soak/state-checks.ts';
import { DEFAULT_RULES, SymbolOracle } from '../../testkit/independent/statistics.ts';

describe('the lineage of frames', () => {
  it('follows acknowledgements, and a session that resumes further on', () => {
    const lineage = new Lineage();
    expect(lineage.resumed(0)).toBe(0);
    lineage.acknowledged(3);
    // The server has two frames whose ACK was lost.
    expect(lineage.resumed(5)).toBe(0);
    expect(lineage).toMatchObject({ frames: [0, 1, 2, 3, 4], lost: [], next: 5 });
  });

  it('knows what a restarted server lost of what it acknowledged', () => {
    const lineage = new Lineage();
    lineage.acknowledged(5);
    expect(lineage.resumed(2)).toBe(3);
    lineage.acknowledged(4);
    expect(lineage).toMatchObject({ frames: [0, 1, 5, 6], lost: [2, 3, 4], next: 7 });
  });

  it('knows which process took which frame, and what may have been applied twice', () => {
    const lineage = new Lineage();
    lineage.resumed(0, 'first');
    lineage.acknowledged(6);
    const before = performance.now();
    lineage.resumed(4, 'second');
    lineage.sentAgain(2);
    expect(lineage).toMatchObject({ starts: [0, 4], lost: [4, 5], again: [6, 7] });
    expect(lineage.lostSince).toBeLessThanOrEqual(before);
    // A lost connection to the same process.
    lineage.resumed(5, 'second');
    expect(lineage).toMatchObject({ starts: [0, 4], frames: [0, 1, 2, 3, 6] });
    // Killed before its first snapshot: nothing of the second process survives.
    lineage.resumed(4, 'third');
    expect(lineage).toMatchObject({ starts: [0, 4, 4], lost: [4, 5, 6] });
    lineage.resumed(4, 'fourth');
    expect(lineage.lostSince).toBeUndefined();
  });
});

describe('what the server must know', () => {
  it('leaves out the ticks that it refused by name', () => {
    const lineage = new Lineage();
    lineage.resumed(0, 'first');
    lineage.acknowledged(5);
    const options = { seed: 1, symbols: ['A'], startMs: 1_700_000_000_000, intervalMs: 2 };
    const ticks = new KnownTicks({ ...options, badShare: 0 });
    const record = { name: 'p', ticks, frameTicks: 2, lineage };
    expect(expectedSymbols([record]).get('A')?.count).toBe(10);
    const refused = new Set([3, 9, 12]);
    const expected = expectedSymbols([{ ...record, refused }]).get('A');
    expect(expected?.count).toBe(8);
    expect(expected?.price).toBe(ticks.at(8).price);
  });
});

describe('known ticks', () => {
  const options = { seed: 3, symbols: ['A', 'B'], startMs: 1_700_000_000_000, intervalMs: 2 };

  it('are the same for every caller in any order', () => {
    const one = new KnownTicks({ ...options, badShare: 0.01 });
    const other = new KnownTicks({ ...options, badShare: 0.01 });
    const forth = Array.from({ length: 500 }, (_, i) => one.at(i));
    const back = Array.from({ length: 500 }, (_, i) => other.at(499 - i)).reverse();
    expect(forth).toEqual(back);
    expect(forth.some(({ isBad }) => isBad)).toBe(true);
    expect(forth.every(({ price, isBad }) => price < 0 === isBad)).toBe(true);
  });

  it('hold late ticks, and raise anomalies where a price jumps', () => {
    const ticks = new KnownTicks({ ...options, badShare: 0 });
    const oracle = new SymbolOracle();
    for (let i = 0; i < 20_000; i++) {
      const { symbol, price, time } = ticks.at(i);
      if (symbol === 0) oracle.apply(price, time);
    }
    expect(oracle.late).toBeGreaterThan(0);
    expect(oracle.anomalies.length).toBeGreaterThan(0);
    for (const { changePercent } of oracle.anomalies)
      expect(Math.abs(changePercent)).toBeGreaterThan(4);
  });

  it('differ from a server that applied one twice', () => {
    const expected = new SymbolOracle();
    expected.apply(100, 1000);
    const served: ServedSymbol = {
      symbol: 'A',
      currentPrice: 100,
      movingAverage: 100,
      updateCount: 2,
      lastUpdateTime: new Date(1000).toISOString(),
      minPrice: 100,
      maxPrice: 100,
      anomaliesDetected: 0,
    };
    expect(differences(expected, served)).toEqual(['count is 2, must be 1']);
    expect(differences(expected, { ...served, updateCount: 1 })).toEqual([]);
  });
});

describe('an expected symbol', () => {
  it('tells anomalies that only a restored window can raise', () => {
    const expected = new SymbolOracle({ ...DEFAULT_RULES, slidingWindowMilliseconds: 10_000 });
    expected.apply(100, 0);
    expected.restarted();
    expected.apply(105, 5000);
    // One process took the highest price, this one the lowest.
    expected.restarted();
    expected.apply(100, 6000);
    expected.apply(105, 7000);
    expect(expected.anomalies).toHaveLength(3);
    expect(expected.restored).toBe(2);
    const forgetful = new SymbolOracle();
    forgetful.apply(100, 0);
    forgetful.restarted();
    forgetful.apply(105, 5000);
    expect(forgetful).toMatchObject({ anomalies: [], restored: 0 });
  });
});

describe('the judgement of memory', () => {
  const MIB = 2 ** 20;

  /** Five minutes of a process, `riseMib` a minute, and garbage that comes and goes beside it. */
  function watched(riseMib: number, minutes = 5): Watched {
    const held = (at: number) => (80 + (riseMib * at) / 60_000) * MIB;
    const same = { pid: 1, fileBytes: 50 * MIB, descriptors: 40, handles: 3, threads: 15 };
    const late = { delayMs: 1, delayMaxMs: 2 };
    const samples = Array.from({ length: minutes * 60 }, (_, i) => {
      const garbage = ((i * 1000) % 70_000) * 500;
      return { at: i * 1000, ownBytes: held(i * 1000) + garbage, ...same, ...late };
    });
    const collections = Array.from({ length: minutes * 6 }, (_, i) => {
      const bytes = held(i * 10_000);
      return { pid: 1, at: i * 10_000, liveBytes: bytes, ownBytes: bytes };
    });
    return { samples, collections };
  }

  it('leaves garbage out, whenever it is collected', () => {
    const violations: string[] = [];
    const { own, ownBytesMax } = checkResources(watched(0), (message) => violations.push(message));
    expect(violations).toEqual([]);
    expect(own?.rise).toBeCloseTo(0, 5);
    expect(ownBytesMax).toBeGreaterThan(110 * MIB);
  });

  it('finds a leak of a MiB a minute, and says nothing of a run too short', () => {
    const violations: string[] = [];
    const violate = (message: string) => violations.push(message);
    expect(checkResources(watched(1, 2), violate).live).toBeUndefined();
    expect(violations).toEqual([]);
    checkResources(watched(1), violate);
    expect(violations).toEqual(['what is alive rose by 3.8 MiB, more than 2.0']);
    checkResources(watched(4), violate);
    expect(violations.at(-1)).toBe('memory rose by 15.3 MiB, more than 8.0');
  });

  it('finds 200 bytes kept of each visit within the hour', () => {
    // Four visitors at a time, each for 150 ms, over what is left of the hour.
    const mibPerMinute = (200 * 4 * 400) / MIB;
    const violations: string[] = [];
    checkResources(watched(mibPerMinute, 23), (message) => violations.push(message));
    expect(violations).toEqual(['what is alive rose by 6.7 MiB, more than 2.0']);
  });

  it('begins anew once the server has met the most that comes at once', () => {
    const { samples, collections } = watched(0);
    const atMs = 150_000;
    const grown = collections.map((one) => {
      const extra = Math.min(one.at / atMs, 1) * 20 * MIB;
      return { ...one, liveBytes: one.liveBytes + extra, ownBytes: one.ownBytes + extra };
    });
    const judged = (stretches: ReadonlyMap<number, number>) => {
      const violations: string[] = [];
      checkResources({ samples, collections: grown, stretches }, (one) => violations.push(one));
      return violations.length;
    };
    expect([judged(new Map()), judged(new Map([[1, atMs]]))]).toEqual([2, 0]);
  });
});

it('a trend rises by what its line does', () => {
  const samples = Array.from({ length: 11 }, (_, i) => ({ at: i * 100, value: 5 + i + (i % 2) }));
  expect(trendOf(samples).rise).toBeCloseTo(10, 0);
  expect(trendOf(samples).course).toEqual([7, 7, 9, 11, 13, 15]);
  expect(trendOf(samples.map(({ at }) => ({ at, value: 7 }))).rise).toBe(0);
});
