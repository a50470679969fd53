import { describe, expect, it } from 'vitest';
import { PartitionWorker, type PartitionWorkerData } from '../../src/engine/partition-worker.ts';
import { type MarketTick, SymbolOracle } from '../../testkit/independent/statistics.ts';
import { CaptureRig } from '../support/capture-rig.ts';
import { dies } from '../support/mortal-thread.ts';
import { smallRules } from '../support/partition-rig.ts';

/**
 * While symbols are retired, kills a worker before each store into shared memory in turn, on the
 * test's thread; a second may be killed too; the last finishes.
 */
const RULES = smallRules({ windowCapacity: 256 });

function tick(symbol: string, price: number, time: number): MarketTick {
  return { symbol, price, time };
}

/** A fall that takes an entry of the maximum deque a tick. */
function fall(symbol: string, from: number, count: number, time: number): MarketTick[] {
  return Array.from({ length: count }, (_, i) => tick(symbol, from - i * 0.01, time + i));
}

const BEFORE = [...fall('LONG', 100, 20, 1000), tick('A', 10, 1000), tick('IDLE', 5, 1000)];
/** Before the cut: A raises its first anomaly, BUSY is not idle after all. */
const OLD = [tick('A', 11, 1010), ...fall('LONG', 99, 3, 1030), tick('BUSY', 7, 1000)];
/** Behind it: A and LONG live anew; the second anomaly of A. */
const NEW = [tick('A', 50, 1020), tick('A', 55, 1021), ...fall('LONG', 98, 9, 1040)];

class Drill {
  readonly rig = new CaptureRig({ partitions: 1, rules: RULES, symbols: 8 });
  readonly #data = this.rig.workers[0] as PartitionWorkerData;
  #batch: Promise<readonly boolean[]> | undefined;
  #saved: [Uint8Array, Uint8Array][] = [];

  prepare(): void {
    const { rig } = this;
    rig.apply(BEFORE);
    for (const one of OLD) rig.offer(one);
    rig.publish();
    const ids = ['A', 'LONG', 'IDLE', 'BUSY'].map((symbol) => rig.symbols.findName(symbol));
    const counts = [-1, -1, 1, 0];
    this.#batch = rig.retirements.request(
      ids.map((symbolId, i) => ({ symbolId, count: counts[i] as number })),
    );
    for (const one of NEW) rig.offer(one);
    rig.publish();
    this.#saved = Object.values(this.#data.memory).map((shared) => {
      const bytes = new Uint8Array(shared);
      return [bytes, bytes.slice()];
    });
  }

  get batch(): Promise<readonly boolean[]> {
    return this.#batch as Promise<readonly boolean[]>;
  }

  restart(): void {
    for (const [shared, bytes] of this.#saved) shared.set(bytes);
  }

  /** A worker takes over and dies before store number `stores`. Returns whether it died. */
  work(stores: number): boolean {
    return dies(stores, () => {
      const worker = new PartitionWorker(this.#data);
      worker.takeOver();
      while (worker.step() === 'step') {
        // A batch a step.
      }
    });
  }

  inspect(deaths: number, when: string): void {
    const { symbols, table } = this.rig;
    const id = (symbol: string) => symbols.findName(symbol);
    // Only the tick of each death may be missing.
    const expected = new SymbolOracle(RULES);
    for (const { price, time } of NEW.slice(0, 2)) expected.apply(price, time);
    const own = this.rig.statistics('A');
    expect(own.count, when).toBeLessThanOrEqual(2);
    expect(own.count, when).toBeGreaterThanOrEqual(2 - deaths);
    if (own.count === 2) expect(own, when).toEqual(expected.statistics);
    expect(own.min === Infinity || own.min === 0 || own.min >= 50, when).toBe(true);
    const long = this.rig.statistics('LONG');
    expect(long.count, when).toBeLessThanOrEqual(9);
    expect(long.count, when).toBeGreaterThanOrEqual(9 - deaths);
    expect(long.max, when).toBeLessThanOrEqual(98);
    expect(table.hasTicks(id('IDLE')), when).toBe(false);
    expect(this.rig.truncated, when).toBe(0);
  }
}

describe('a worker that dies while symbols are retired', () => {
  it('leaves it to its successor, or has finished it, whenever it dies', async () => {
    const drill = new Drill();
    drill.prepare();
    let stores = 0;
    for (; ; stores++) {
      drill.restart();
      if (!drill.work(stores)) break;
      expect(drill.work(Number.POSITIVE_INFINITY)).toBe(false);
      drill.inspect(1, `dead before store ${stores}`);
    }
    expect(stores).toBeGreaterThan(150);
    expect(await drill.batch).toEqual([true, true, true, false]);
  });

  it('does so even where the successor dies, too', () => {
    const drill = new Drill();
    drill.prepare();
    for (let stores = 0; ; stores += 2) {
      drill.restart();
      if (!drill.work(stores)) break;
      const second = (stores * 7) % 61;
      drill.work(second);
      drill.work((stores * 11) % 23);
      expect(drill.work(Number.POSITIVE_INFINITY)).toBe(false);
      drill.inspect(3, `dead before stores ${stores} and ${second}`);
    }
  });

  it('never gives the number of an anomaly to the next symbol of the same place', async () => {
    const drill = new Drill();
    const { rig } = drill;
    // The last anomaly in the ring is number 3 of the symbol in place 0.
    rig.apply([1, 2, 4, 8].map((price, i) => tick('OLD', price, 1000 + i)));
    const batch = rig.retire(['OLD']);
    rig.work();
    await batch;
    rig.forget(['OLD']);
    rig.offer(tick('NEXT', 100, 5000));
    expect(rig.symbols.findName('NEXT')).toBe(0);
    rig.publish();
    const memory = Object.values((rig.workers[0] as PartitionWorkerData).memory);
    const saved = memory.map((shared) => new Uint8Array(shared).slice());
    for (let stores = 0; ; stores++) {
      for (const [i, shared] of memory.entries())
        new Uint8Array(shared).set(saved[i] as Uint8Array);
      if (!drill.work(stores)) break;
      drill.work(Number.POSITIVE_INFINITY);
      expect(rig.table.anomalies(0), `dead before store ${stores}`).toBe(0);
    }
  });
});
