import { describe, expect, it } from 'vitest';
import { createSymbolRecords, SymbolRecords } from '../../src/engine/memory/symbol-records.ts';
import { MovingAverage } from '../../src/engine/moving-average.ts';
import { createTickScratch, TickDouble } from '../../src/engine/tick-scratch.ts';
import { exactMean } from '../../testkit/independent/exact-mean.ts';
import { Random } from '../../testkit/random.ts';

const tick = createTickScratch();

function push(average: MovingAverage, symbolId: number, count: number, price: number): number {
  tick[TickDouble.PRICE] = price;
  tick[TickDouble.TAKEN] = count;
  average.push(symbolId, tick);
  return tick[TickDouble.AVERAGE] as number;
}

function create(window: number): MovingAverage {
  return new MovingAverage(new SymbolRecords(createSymbolRecords(3, window), window), window);
}

/** The moving average of one symbol, with the exact one to compare. */
class AverageRig {
  readonly average: MovingAverage;
  readonly #window: number;
  readonly #last: number[] = [];
  #count = 0;

  constructor(window: number) {
    this.#window = window;
    this.average = create(window);
  }

  push(price: number): number {
    this.#last.push(price);
    if (this.#last.length > this.#window) this.#last.shift();
    return push(this.average, 1, this.#count++, price);
  }

  get exact(): number {
    return exactMean(this.#last);
  }

  rebuild(): void {
    this.average.rebuild(1, Math.min(this.#count, this.#window));
  }
}

describe('the moving average', () => {
  it.each([1, 2, 3, 64])('never drifts over a million prices with spikes, window %i', (window) => {
    const rig = new AverageRig(window);
    const random = new Random(window);
    let worst = 0;
    for (let i = 0; i < 1_000_000; i++) {
      const isSpike = random.chance(0.02);
      const average = rig.push(
        isSpike ? 1e12 * (1 + random.float()) : 1e-6 + random.float() * 1e-3,
      );
      if (i % 997 !== 0 && i < 999_000) continue;
      worst = Math.max(worst, Math.abs(average / rig.exact - 1));
    }
    expect(worst).toBeLessThan(1e-12);
  });

  it('is exact right after a spike has left the window', () => {
    const rig = new AverageRig(8);
    for (let i = 0; i < 5; i++) rig.push(0.1);
    rig.push(1e12);
    for (let i = 0; i < 7; i++) rig.push(0.3);
    expect(rig.push(0.3)).toBe(0.3);
  });

  it('stays finite for prices whose sum overflows', () => {
    const rig = new AverageRig(4);
    for (let i = 0; i < 40; i++) {
      const average = rig.push(i % 9 < 6 ? 1.7e308 : 2.5);
      expect(Number.isFinite(average)).toBe(true);
      expect(Math.abs(average / rig.exact - 1)).toBeLessThan(1e-12);
    }
  });

  it('is the same after a rebuild at any moment', () => {
    const random = new Random(7);
    const [rig, other] = [new AverageRig(5), new AverageRig(5)];
    for (let i = 0; i < 200; i++) {
      const price = 1 + random.float() * 100;
      if (random.chance(0.4)) rig.rebuild();
      expect(Math.abs(rig.push(price) / other.push(price) - 1)).toBeLessThan(1e-14);
    }
  });

  it('keeps symbols apart', () => {
    const average = create(2);
    for (let count = 0; count < 6; count++) {
      for (let symbolId = 0; symbolId < 3; symbolId++) {
        expect(push(average, symbolId, count, 10 * (symbolId + 1))).toBe(10 * (symbolId + 1));
      }
    }
  });
});
