import { describe, expect, it } from 'vitest';
import { type AnomalyCount, Engine, type SymbolState } from '../../src/engine/index.ts';
import type { MarketTick } from '../../testkit/independent/statistics.ts';
import { CaptureRig, statesOf } from '../support/capture-rig.ts';
import { smallRules } from '../support/partition-rig.ts';

const RULES = smallRules({ slidingWindowMilliseconds: 1000, windowCapacity: 256 });

const tick = (symbol: string, price: number, time: number): MarketTick => {
  return { symbol, price, time };
};

async function statesAfter(ticks: readonly MarketTick[]): Promise<SymbolState[]> {
  const rig = new CaptureRig({ partitions: 1, rules: RULES });
  for (const one of ticks) rig.offer(one);
  return captureOf(rig);
}

async function captureOf(rig: CaptureRig): Promise<SymbolState[]> {
  const captured = rig.capture();
  rig.work();
  return statesOf(await captured);
}

const JUMPS = [tick('A', 100, 1000), tick('A', 103, 1001), tick('B', 5, 1000)];

function restoredRig(restored: Iterable<SymbolState | AnomalyCount>, symbols = 16): CaptureRig {
  return new CaptureRig({ partitions: 2, rules: RULES, symbols, restored });
}

describe('anomaly counts', () => {
  it.each([true, false])('hold where they are greater, state first: %s', async (isStateFirst) => {
    const states = await statesAfter(JUMPS);
    const counts = [
      { symbol: 'A', anomalies: 7 },
      { symbol: 'B', anomalies: 0 },
    ];
    const rig = restoredRig(isStateFirst ? [...states, ...counts] : [...counts, ...states]);
    rig.apply([tick('A', 106, 1002), tick('B', 6, 1001)]);
    expect(rig.anomalies.of(rig.idOf('A')).map(({ sequence }) => sequence)).toEqual([8]);
    expect(rig.anomalies.of(rig.idOf('B')).map(({ sequence }) => sequence)).toEqual([1]);
    expect(rig.statistics('A').count).toBe(3);
  });

  it('below the state change nothing', async () => {
    const rig = restoredRig([...(await statesAfter(JUMPS)), { symbol: 'A', anomalies: 0 }]);
    rig.apply([tick('A', 106, 1002)]);
    expect(rig.anomalies.of(rig.idOf('A')).map(({ sequence }) => sequence)).toEqual([2]);
  });

  it('alone make a symbol without ticks, whose numbers go on, through captures, too', async () => {
    const first = restoredRig([{ symbol: 'GONE', anomalies: 41 }]);
    const id = first.idOf('GONE');
    expect(first.table.version(id)).toBe(0);
    expect(first.table.read(id, new Float64Array(6), 0)).toBe(0);
    expect(first.takeDirty()).toEqual([]);
    const states = await captureOf(first);
    expect(states).toMatchObject([{ symbol: 'GONE', anomalies: 41, count: 0 }]);
    const second = restoredRig(states);
    expect(second.table.version(second.idOf('GONE'))).toBe(0);
    second.apply([tick('GONE', 10, 1000), tick('GONE', 11, 1001)]);
    expect(second.statistics('GONE')).toMatchObject({ count: 2, min: 10, max: 11 });
    expect(second.anomalies.of(second.idOf('GONE'))).toMatchObject([{ sequence: 42 }]);
  });
});

describe('restored symbols', () => {
  it('with ticks are marked as changed, once', async () => {
    const rig = restoredRig(await statesAfter(JUMPS));
    expect(rig.takeDirty()).toEqual([0, 1]);
    expect(rig.symbols.names).toEqual(['A', 'B']);
    rig.work();
    expect(rig.takeDirty()).toEqual([]);
  });

  it('are in the first capture, and not copied for the second', async () => {
    const rig = restoredRig(await statesAfter(JUMPS));
    const copied: number[] = [];
    for (let i = 0; i < 2; i++) {
      const captured = rig.capture();
      rig.work();
      const capture = await captured;
      copied.push(capture.reports.reduce((sum, report) => sum + report.copied, 0));
      expect(statesOf(capture)).toEqual(await statesAfter(JUMPS));
      rig.captures.release(capture);
    }
    expect(copied).toEqual([2, 0]);
  });

  it('keep the newest places where there is room for fewer, and what goes is counted', async () => {
    const fall = Array.from({ length: 100 }, (_, i) => tick('A', 1000 - i * 0.1, 1000 + i));
    const states = await statesAfter(fall);
    const [{ maxima }] = states as [SymbolState];
    expect(maxima).toHaveLength(200);
    const rules = { ...RULES, windowCapacity: 8 };
    const small = new CaptureRig({ partitions: 1, rules, restored: states });
    expect(small.truncated).toBe(92);
    expect((await captureOf(small))[0]?.maxima).toEqual(maxima.slice(-16));
    // Room is limited by the arena: a block of 64 including its header.
    const tight = new CaptureRig({
      partitions: 1,
      rules: RULES,
      restored: states,
      growBytes: 1024,
    });
    expect(tight.truncated).toBe(36);
    expect((await captureOf(tight))[0]?.maxima).toEqual(maxima.slice(-128));
    const none = new CaptureRig({ partitions: 1, rules: RULES, restored: states, growBytes: 0 });
    expect(none.truncated).toBe(96);
  });
});

describe('what cannot be restored', () => {
  it('says how many symbols there are, and how many there may be', async () => {
    const states = await statesAfter(JUMPS);
    const more = [...states, { symbol: 'C', anomalies: 1 }, { symbol: 'B', anomalies: 1 }];
    expect(() => restoredRig(more, 1)).toThrow('cannot restore 3 symbols: maxSymbols is 1');
    expect(() => restoredRig(more, 3)).not.toThrow();
  });

  it('is named', async () => {
    const states = await statesAfter(JUMPS);
    expect(() => restoredRig([{ symbol: 'A*', anomalies: 1 }])).toThrow(
      'cannot restore symbol "A*": it contains "*"',
    );
    expect(() => restoredRig([{ symbol: 'A', anomalies: 0.5 }])).toThrow('0.5 anomalies');
    expect(() => restoredRig([...states, ...states])).toThrow('"A": it has two states');
    const [first] = states as [SymbolState];
    expect(() => restoredRig([{ ...first, price: -1 }])).toThrow(
      '"A": price is -1, not a finite number above 0',
    );
  });

  it('is set aside if wanted: its anomalies are numbered on, the rest is there', async () => {
    const [a, b] = (await statesAfter(JUMPS)) as [SymbolState, SymbolState];
    const faults: string[] = [];
    const items = [{ ...a, min: Number.NaN }, { symbol: 'A*', anomalies: 1 }, b, b];
    const rig = new CaptureRig({
      partitions: 2,
      rules: RULES,
      restored: items,
      setAside: (symbol, fault) => faults.push(`${symbol}: ${fault}`),
    });
    expect(faults).toEqual([
      'A: min is NaN, not a finite number above 0',
      'A*: it contains "*", reserved for patterns',
      'B: it has two states',
    ]);
    expect(rig.symbols.names).toEqual(['A', 'B']);
    expect(rig.statistics('B')).toMatchObject({ count: 1, price: 5 });
    rig.apply([tick('A', 106, 1002), tick('A', 109, 1003)]);
    expect(rig.statistics('A')).toMatchObject({ count: 2, min: 106 });
    expect(rig.anomalies.of(rig.idOf('A')).map(({ sequence }) => sequence)).toEqual([2]);
  });

  it('keeps an engine from starting', async () => {
    const options = { ...RULES, partitions: 1, channelCapacity: 16, overwrites: false };
    const restored = await statesAfter(JUMPS);
    const starting = Engine.start(
      { ...options, maxSymbols: 1 },
      { workerRestarted: () => undefined },
      restored,
    );
    await expect(starting).rejects.toThrow('cannot restore 2 symbols: maxSymbols is 1');
  });
});
