import { describe, expect, it } from 'vitest';
import { Digest } from '../../src/protocol/index.ts';
import { Mirror } from '../src/mirror.ts';

const FULL_BTC = [7, 127, 100, 100, 1, 1000, 100, 100];
const FULL_ETH = [3, 127, 20, 20, 5, 2000, 19, 21];

function mirrorOf(...entries: number[][]): Mirror {
  const mirror = new Mirror();
  mirror.learnNames([7, 'BTC', 3, 'ETH']);
  for (const entry of entries) mirror.apply(entry);
  return mirror;
}

describe('Mirror', () => {
  it('holds what a full entry says', () => {
    expect(mirrorOf(FULL_BTC).get('BTC')?.values).toEqual({
      price: 100,
      average: 100,
      count: 1,
      time: 1000,
      min: 100,
      max: 100,
    });
  });

  it('adds the increases of a delta, replaces the rest, and tells what was before', () => {
    const mirror = mirrorOf(FULL_BTC);
    const [change] = mirror.apply([7, 1 | 4 | 8, 101, 2, 250]);
    expect(change).toBe(mirror.get('BTC'));
    expect(change?.values).toMatchObject({ price: 101, count: 3, time: 1250, average: 100 });
    expect(change).toMatchObject({ mask: 13, previousCount: 1, previousTime: 1000 });
  });

  it('knows nothing before the first entry of a symbol', () => {
    const [change] = mirrorOf().apply(FULL_BTC);
    expect(change).toMatchObject({ previousCount: NaN, previousTime: NaN });
  });

  it('reports the changes of each frame by themselves', () => {
    const mirror = mirrorOf(FULL_BTC, FULL_ETH);
    expect(mirror.apply([3, 1, 22]).map(({ symbol }) => symbol)).toEqual(['ETH']);
  });

  it('refuses a delta of a symbol that it does not hold', () => {
    expect(() => mirrorOf(FULL_BTC).apply([3, 1, 22])).toThrow(RangeError);
  });

  it('refuses an id that has no name', () => {
    expect(() => mirrorOf().apply([8, 127, 1, 1, 1, 1, 1, 1])).toThrow('symbol id 8 has no name');
  });

  it('computes the digest in ascending order of ids', () => {
    const mirror = mirrorOf(FULL_BTC, FULL_ETH);
    const digest = new Digest();
    digest.add(3, { price: 20, average: 20, count: 5, time: 2000, min: 19, max: 21 });
    digest.add(7, { price: 100, average: 100, count: 1, time: 1000, min: 100, max: 100 });
    expect(mirror.digest()).toBe(digest.value);
    expect(mirror.size).toBe(2);
  });

  it('forgets the state of symbols given up, but not their names', () => {
    const mirror = mirrorOf(FULL_BTC, FULL_ETH);
    mirror.retain((symbol) => symbol === 'ETH');
    expect(mirror.get('BTC')).toBeUndefined();
    expect(mirror.digest()).toBe(mirrorOf(FULL_ETH).digest());
    const [again] = mirror.apply(FULL_BTC);
    expect(again).toMatchObject({ symbol: 'BTC', previousCount: NaN });
  });
});
