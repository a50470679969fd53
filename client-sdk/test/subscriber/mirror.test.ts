import { MessageChannel } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { Digest } from '../../../src/protocol/index.ts';
import { Mirror } from '../../src/subscriber/mirror.ts';
import { mirrorDigest } from '../../src/subscriber/mirror-digest.ts';
import type { SymbolStatistics } from '../../src/subscriber/symbol-statistics.ts';

const FULL_BTC = [7, 127, 100, 100, 1, 1000, 100, 100];
const FULL_ETH = [3, 127, 20, 20, 5, 2000, 19, 21];

function mirrorOf(...entries: number[][]): Mirror {
  const mirror = new Mirror();
  mirror.learnNames([7, 'BTC', 3, 'ETH']);
  for (const entry of entries) mirror.apply(entry);
  return mirror;
}

describe('Mirror', () => {
  it('takes a full entry', () => {
    expect(mirrorOf(FULL_BTC).get('BTC')).toMatchObject({
      symbol: 'BTC',
      symbolId: 7,
      currentPrice: 100,
      movingAverage: 100,
      updateCount: 1,
      lastUpdateTime: 1000,
      minPrice: 100,
      maxPrice: 100,
      isLive: true,
    });
  });

  it('adds the increments of a delta, replaces the rest, and keeps previous values', () => {
    const mirror = mirrorOf(FULL_BTC);
    const [change] = mirror.apply([7, 1 | 4 | 8, 101, 2, 250]);
    expect(change).toBe(mirror.get('BTC'));
    expect(change).toMatchObject({
      currentPrice: 101,
      updateCount: 3,
      lastUpdateTime: 1250,
      movingAverage: 100,
      changed: 13,
      previousPrice: 100,
      previousUpdateCount: 1,
      previousUpdateTime: 1000,
    });
  });

  it('forgets retired symbols, whose ids never come again', () => {
    const mirror = mirrorOf(FULL_BTC, FULL_ETH);
    const held = mirror.get('BTC');
    expect(mirror.retire([7, 99])).toEqual(['BTC']);
    expect(held?.isLive).toBe(false);
    expect(mirror.get('BTC')).toBeUndefined();
    expect([...mirror.symbols()].map(({ symbol }) => symbol)).toEqual(['ETH']);
    expect(mirror.currentRows()).toHaveLength(1);
    expect(mirror.nameOf(7)).toBeUndefined();
    mirror.learnNames([8, 'BTC']);
    mirror.apply([8, 127, 5, 5, 1, 2000, 5, 5]);
    expect(mirror.get('BTC')).toMatchObject({ symbolId: 8, updateCount: 1, maxPrice: 5 });
  });

  it('learns from another id that a symbol was retired while it was disconnected', () => {
    const mirror = mirrorOf(FULL_BTC);
    expect(mirror.learnNames([7, 'BTC', 3, 'ETH'])).toEqual([]);
    expect(mirror.learnNames([9, 'BTC'])).toEqual([7]);
    expect(mirror.retire([7])).toEqual(['BTC']);
    mirror.apply([9, 127, 5, 5, 1, 2000, 5, 5]);
    expect(mirror.get('BTC')?.updateCount).toBe(1);
    expect([...mirror.symbols()]).toHaveLength(1);
  });

  it('has nothing before the first entry of a symbol', () => {
    const [change] = mirrorOf().apply(FULL_BTC);
    expect(change).toMatchObject({
      previousPrice: NaN,
      previousUpdateCount: NaN,
      previousUpdateTime: NaN,
    });
  });

  it('reports the changes of each frame separately', () => {
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
    expect(mirrorDigest(mirror.currentRows())).toBe(digest.value);
    expect(mirrorDigest(mirror.currentRows().reverse())).toBe(digest.value);
  });

  it('drops the state of unsubscribed symbols, but not their names', () => {
    const mirror = mirrorOf(FULL_BTC, FULL_ETH);
    mirror.retain((symbol) => symbol === 'ETH');
    expect(mirror.get('BTC')).toBeUndefined();
    expect(mirror.currentRows()).toEqual(mirrorOf(FULL_ETH).currentRows());
    const [again] = mirror.apply(FULL_BTC);
    expect(again).toMatchObject({ symbol: 'BTC', previousUpdateCount: NaN });
  });

  it('keeps state after a lost connection, but not as live', () => {
    const mirror = mirrorOf(FULL_BTC, FULL_ETH);
    const btc = mirror.get('BTC');
    mirror.disconnect();
    expect(btc).toMatchObject({ currentPrice: 100, isLive: false });
    expect(mirror.currentRows()).toHaveLength(0);
    expect(() => mirror.apply([7, 1, 101])).toThrow('delta of symbol 7 before its full entry');
    mirror.apply([7, 127, 102, 101, 2, 1100, 100, 102]);
    expect(mirror.get('BTC')).toBe(btc);
    expect(btc).toMatchObject({ currentPrice: 102, previousPrice: 100, isLive: true });
    expect(mirror.get('ETH')?.isLive).toBe(false);
    expect(mirror.currentRows()).toHaveLength(1);
  });

  it('drops everything with an epoch: old objects are never live again', () => {
    const mirror = mirrorOf(FULL_BTC);
    const old = mirror.get('BTC');
    mirror.reset();
    expect(mirror.get('BTC')).toBeUndefined();
    expect([...mirror.symbols()]).toEqual([]);
    expect(mirror.nameOf(7)).toBeUndefined();
    mirror.learnNames([7, 'OTHER', 8, 'BTC']);
    mirror.apply([7, 127, 5, 5, 1, 9, 5, 5, 8, 127, 6, 6, 1, 9, 6, 6]);
    expect(mirror.get('BTC')).toMatchObject({ symbolId: 8, currentPrice: 6, isLive: true });
    expect(old).toMatchObject({ symbolId: 7, currentPrice: 100, isLive: false });
    mirror.disconnect();
    expect(mirror.get('BTC')?.isLive).toBe(false);
  });

  it('leaves NaN where a field was not asked for', () => {
    const mirror = mirrorOf([7, 64 | 1 | 8, 100, 1000]);
    expect(mirror.get('BTC')).toMatchObject({ currentPrice: 100, updateCount: NaN, minPrice: NaN });
  });

  describe('a row', () => {
    const FIELDS = {
      symbol: 'BTC',
      symbolId: 7,
      currentPrice: 101,
      movingAverage: 100.5,
      updateCount: 2,
      lastUpdateTime: 1090,
      minPrice: 100,
      maxPrice: 101,
      changed: 47,
      previousPrice: 100,
      previousUpdateCount: 1,
      previousUpdateTime: 1000,
      isLive: true,
    };
    const DELTA = [7, 47, 101, 100.5, 1, 90, 101];

    function rowOf(mirror: Mirror): SymbolStatistics {
      const row = mirror.get('BTC');
      if (row === undefined) throw new Error('the mirror has no BTC');
      return row;
    }

    it('is plain data, which every way of copying copies', async () => {
      const row = rowOf(mirrorOf(FULL_BTC, DELTA));
      expect(Object.getPrototypeOf(row)).toBe(Object.prototype);
      const { port1, port2 } = new MessageChannel();
      const posted = new Promise((resolve) => {
        port2.once('message', resolve);
      });
      port1.postMessage(row);
      const copies = [
        row,
        { ...row },
        Object.assign({}, row),
        structuredClone(row),
        JSON.parse(JSON.stringify(row)),
        Object.fromEntries(Object.entries(row)),
        await posted,
      ];
      port1.close();
      for (const copy of copies) expect(copy).toStrictEqual(FIELDS);
    });

    it('keeps NaN in copies, and becomes null in JSON', () => {
      const row = rowOf(mirrorOf([7, 64 | 1 | 8, 100, 1000]));
      for (const copy of [{ ...row }, structuredClone(row)]) {
        expect(copy).toMatchObject({ updateCount: NaN, previousPrice: NaN, currentPrice: 100 });
      }
      expect(JSON.parse(JSON.stringify(row))).toMatchObject({
        updateCount: null,
        previousPrice: null,
        currentPrice: 100,
      });
    });
  });

  describe('a snapshot', () => {
    it('is frozen, plain, and the same until something changes', () => {
      const mirror = mirrorOf(FULL_BTC, FULL_ETH);
      const first = mirror.snapshot('BTC');
      expect(Object.isFrozen(first)).toBe(true);
      expect(first).toStrictEqual({ ...mirror.get('BTC') });
      mirror.apply([3, 1, 22]);
      expect(mirror.snapshot('BTC')).toBe(first);
      mirror.apply([7, 1, 101]);
      const second = mirror.snapshot('BTC');
      expect([first?.currentPrice, second?.currentPrice]).toEqual([100, 101]);
      mirror.disconnect();
      expect(mirror.snapshot('BTC')).toMatchObject({ currentPrice: 101, isLive: false });
      expect(second?.isLive).toBe(true);
    });

    it('compares NaN as equal to itself', () => {
      const mirror = mirrorOf([7, 64 | 1, 100]);
      expect(mirror.snapshot('BTC')).toBe(mirror.snapshot('BTC'));
    });

    it('ends with its symbol', () => {
      const mirror = mirrorOf(FULL_BTC, FULL_ETH);
      const first = mirror.snapshot('BTC');
      mirror.retire([7]);
      expect(mirror.snapshot('BTC')).toBeUndefined();
      mirror.learnNames([9, 'BTC']);
      mirror.apply([9, ...FULL_BTC.slice(1)]);
      expect(mirror.snapshot('BTC')).not.toBe(first);
      mirror.reset();
      expect(mirror.snapshot('BTC')).toBeUndefined();
    });
  });
});
