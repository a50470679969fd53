import { describe, expect, it } from 'vitest';
import { AnomalyConsumer } from '../../src/engine/memory/anomaly-ring.ts';
import { Counter, Counters } from '../../src/engine/memory/counters.ts';
import { DirtySet } from '../../src/engine/memory/dirty-set.ts';
import type { PartitionMemory } from '../../src/engine/memory/engine-memory.ts';
import { StatisticsTable } from '../../src/engine/memory/statistics-table.ts';
import { RecordDouble, SymbolRecords } from '../../src/engine/memory/symbol-records.ts';
import { TickProducer } from '../../src/engine/memory/tick-producer.ts';
import { PartitionWorker } from '../../src/engine/partition-worker.ts';
import type { Rules } from '../../src/engine/rules.ts';
import {
  type ExpectedAnomaly,
  type ExpectedSymbol,
  expectedSymbol,
} from '../../testkit/independent/statistics.ts';
import { dies } from '../support/mortal-thread.ts';
import {
  AnomalyRecorder,
  createSmallMemory,
  isSameStatistics,
  oneTick,
  smallRules,
  statisticsOf,
} from '../support/partition-rig.ts';
import type { StoryTick } from '../support/tick-story.ts';

/**
 * Kills a worker before each store into shared memory in turn, on the test's thread; a second may
 * be killed too; the last finishes the queue.
 */
const SYMBOLS = 4;
const RULES: Rules = smallRules({ windowCapacity: 256 });

type ExpectedRow = ExpectedSymbol['after'][number] | undefined;

interface Scenario {
  readonly name: string;
  /** Applied beforehand without deaths. */
  readonly before: readonly StoryTick[];
  /** Queued when the doomed worker starts. */
  readonly queued: readonly StoryTick[];
  readonly overwrites?: boolean;
  readonly channelCapacity?: number;
  readonly start?: number;
  readonly growBytes?: number;
  /** Applied long after without deaths: their anomalies do not depend on the past. */
  readonly after?: readonly StoryTick[];
}

const tick = (symbolId: number, price: number, time: number): StoryTick => ({
  symbolId,
  price,
  time,
});

/** A fall that takes an entry of the maximum deque a tick. */
function fall(symbolId: number, from: number, count: number, time: number): StoryTick[] {
  return Array.from({ length: count }, (_, i) => tick(symbolId, from - i * 0.01, time + i));
}

/** An anomaly without its sequence, which depends on all before. */
function unnumbered(anomaly: ExpectedAnomaly): Omit<ExpectedAnomaly, 'sequence'> {
  const { sequence: _, ...rest } = anomaly;
  return rest;
}

/**
 * Parallel falls that use every deque entry: none may overlap. Two start later, in the blocks that
 * others outgrew.
 */
const LONG_FALLS = Array.from({ length: 150 }, (_, i) =>
  [...(i < 40 ? [] : [0, 1]), 2, 3].map((symbolId) =>
    tick(symbolId, (symbolId + 1) * 100 * 0.9997 ** i, 10_000 + i),
  ),
).flat();

const LONG_FALLS_RAISE = Array.from({ length: SYMBOLS }, (_, symbolId) =>
  expectedSymbol(
    LONG_FALLS.filter((one) => one.symbolId === symbolId),
    RULES,
  ).anomalies.map(unnumbered),
);

const MIXED = [
  tick(0, 100, 1000),
  tick(1, 50, 1000),
  tick(0, 103, 1010),
  tick(0, 101, 1020),
  tick(1, 49.9, 990),
  tick(0, 90, 1020),
  tick(1, 60, 1200),
  tick(0, 95, 1021),
  tick(0, 95, 1200),
];

const SCENARIOS: Scenario[] = [
  { name: 'first ticks, anomalies both ways, late ticks', before: [], queued: MIXED },
  {
    name: 'positions that wrap',
    before: [tick(0, 99, 900), tick(1, 51, 900)],
    queued: MIXED,
    start: 2 ** 31 - 5,
  },
  {
    name: 'a deque that grows',
    before: fall(2, 100, 3, 1000),
    queued: [...fall(2, 99, 2, 1003), tick(3, 5, 1), tick(2, 120, 1010)],
    channelCapacity: 1024,
    after: LONG_FALLS,
  },
  {
    name: 'a deque that shrinks',
    // The other symbol takes the blocks that the first outgrew; the next two are adjacent.
    before: [...fall(2, 100, 70, 1000), ...fall(3, 100, 40, 1060)],
    queued: [tick(2, 99, 1160), tick(2, 98.9, 1161), tick(2, 120, 1162)],
    channelCapacity: 1024,
    after: LONG_FALLS,
  },
  {
    name: 'a deque that cannot grow',
    before: fall(2, 100, 3, 1000),
    queued: [...fall(2, 99, 4, 1003), tick(2, 120, 1010)],
    growBytes: 0,
  },
  {
    name: 'a deque that takes the block of an idle one',
    before: fall(3, 100, 40, 1000),
    queued: [...fall(2, 100, 40, 5000), tick(2, 120, 5040), tick(3, 90, 5041)],
    growBytes: 32 * 64,
  },
  {
    name: 'a queue that was lapped',
    before: [tick(0, 100, 900)],
    queued: [...fall(1, 100, 13, 1000), ...MIXED],
    overwrites: true,
    channelCapacity: 8,
  },
];

/** A partition with a full queue, replayable at will. */
class Drill {
  readonly #memory: PartitionMemory;
  readonly #saved: [SharedArrayBuffer, Uint8Array][];
  readonly counters: Counters;
  readonly #dirty: DirtySet;
  readonly #records: SymbolRecords;
  readonly #table: StatisticsTable;
  readonly #scenario: Scenario;
  readonly #oracles = new Map<number, ExpectedSymbol>();
  readonly #rowsWithout = new Map<string, ExpectedRow>();
  #seen: number[] = [];
  #rung: Promise<string> = Promise.resolve('');
  #anomalies = new AnomalyRecorder();
  #consumer: AnomalyConsumer;
  /** Positions of ticks that were reported as lost. */
  readonly #lost = new Set<number>();
  deaths = 0;

  constructor(scenario: Scenario) {
    this.#scenario = scenario;
    this.#memory = createSmallMemory({ ...scenario, symbols: SYMBOLS, movingAverageWindow: 4 });
    this.counters = new Counters(this.#memory.counters);
    this.#dirty = new DirtySet(this.#memory.dirty, SYMBOLS);
    this.#records = new SymbolRecords(this.#memory.records, 4);
    this.#table = new StatisticsTable(this.#records);
    for (const one of scenario.before) {
      this.#offer([one]);
      this.workInPeace();
    }
    this.#offer(scenario.queued);
    this.#saved = Object.values(this.#memory).map((shared: SharedArrayBuffer) => [
      shared,
      new Uint8Array(shared).slice(),
    ]);
    this.#consumer = new AnomalyConsumer(this.#memory.anomalies, { name: String });
  }

  /** Restores the moment before the worker starts: the gateway asleep, all earlier news taken. */
  restart(): void {
    for (const [shared, bytes] of this.#saved) new Uint8Array(shared).set(bytes);
    this.deaths = 0;
    this.#seen = [];
    this.#lost.clear();
    this.#anomalies = new AnomalyRecorder();
    this.#consumer = new AnomalyConsumer(this.#memory.anomalies, { name: String });
    this.takeNews();
    const doorbell = new Int32Array(this.#memory.doorbell);
    doorbell[0] = 1;
    const wait = Atomics.waitAsync(doorbell, 0, 1, 1000);
    this.#rung = Promise.resolve(wait.value);
  }

  /** A worker takes over and dies before store number `stores`. Returns whether it died. */
  work(stores: number): boolean {
    const data = { memory: this.#memory, rules: RULES };
    const died = dies(stores, () => new PartitionWorker(data).run());
    if (died) this.deaths++;
    return died;
  }

  /** A worker takes over and lives. */
  workInPeace(): void {
    new PartitionWorker({ memory: this.#memory, rules: RULES }).run();
  }

  /** Takes the news as the gateway would now. */
  takeNews(): void {
    const taken = new Int32Array(SYMBOLS + 32);
    const count = this.#dirty.take(taken);
    const isTaken = new Set(taken.subarray(0, count));
    this.#seen = Array.from({ length: SYMBOLS }, (_, symbolId) => {
      const isNew = isTaken.has(symbolId) || this.#seen.length === 0;
      return isNew ? this.#table.version(symbolId) : (this.#seen[symbolId] as number);
    });
    this.#consumer.drain(this.#anomalies.take, Number.POSITIVE_INFINITY, (_, from, to) => {
      for (let position = from; position < to; position++) this.#lost.add(position);
    });
  }

  /** Checks everything once a worker has finished the queue. */
  async inspect(when: string): Promise<void> {
    const { before, queued } = this.#scenario;
    const lapped = this.counters.get(Counter.LAPPED);
    const skipped = this.counters.get(Counter.SKIPPED);
    expect(this.counters.taken(), when).toBe(before.length + queued.length);
    expect(new TickProducer(this.#memory.ticks, false).depth(), when).toBe(0);
    expect(lapped, when).toBe(Math.max(0, queued.length - this.#capacity));
    expect(skipped, when).toBeLessThanOrEqual(this.deaths);
    this.takeNews();
    expect(this.#lost.size, when).toBe(lapped + skipped);
    this.#inspectRows([...before, ...queued.slice(lapped)], skipped, when);
    this.#inspectRings(when);
    if (this.deaths > 0) expect(await this.#rung, when).toBe('ok');
  }

  /** A snapshot has the ring of prices alone: the average in the row must be that of the ring. */
  #inspectRings(when: string): void {
    for (let symbolId = 0; symbolId < SYMBOLS; symbolId++) {
      const { average, count } = statisticsOf(this.#table, symbolId);
      if (count === 0) continue;
      const first = symbolId * this.#records.doublesEach + RecordDouble.PRICES;
      const prices = this.#records.doubles.slice(first, first + Math.min(count, 4));
      const mean = prices.reduce((sum, price) => sum + price, 0) / prices.length;
      expect(mean, `${when}: ring of symbol ${symbolId}`).toBeCloseTo(average, 9);
    }
  }

  #offer(ticks: readonly StoryTick[]): void {
    const producer = new TickProducer(this.#memory.ticks, this.#scenario.overwrites ?? false);
    for (const { symbolId, price, time } of ticks) {
      if (!producer.tryOffer(symbolId, oneTick(price, time), 0)) expect.fail('the queue is full');
    }
    producer.publish();
    producer.stop();
  }

  /** Applies later ticks and compares their anomalies. */
  inspectAfter(when: string): void {
    const { after = [] } = this.#scenario;
    if (after.length === 0) return;
    this.#anomalies = new AnomalyRecorder();
    this.#offer(after);
    this.workInPeace();
    this.#consumer.drain(this.#anomalies.take);
    for (let symbolId = 0; symbolId < SYMBOLS; symbolId++) {
      const raised = this.#anomalies.of(symbolId).map(unnumbered);
      const exact = LONG_FALLS_RAISE[symbolId];
      // Texts are compared first, for speed.
      if (JSON.stringify(raised) === JSON.stringify(exact)) continue;
      expect(raised, `symbol ${symbolId}, ${when}, after`).toEqual(exact);
    }
  }

  get #capacity(): number {
    return this.#scenario.channelCapacity ?? 64;
  }

  #inspectRows(ticks: readonly StoryTick[], skipped: number, when: string): void {
    let disturbed = 0;
    for (let symbolId = 0; symbolId < SYMBOLS; symbolId++) {
      const where = `symbol ${symbolId}, ${when}`;
      expect(this.#table.version(symbolId) & 1, where).toBe(0);
      expect(this.#seen[symbolId], `${where}: marked`).toBe(this.#table.version(symbolId));
      const own = ticks.filter((one) => one.symbolId === symbolId);
      const found = this.#anomalies.of(symbolId).map(({ sequence }) => sequence);
      expect(found, where).toEqual(found.map((_, i) => i + 1));
      expect(this.#table.anomalies(symbolId), where).toBe(found.at(-1) ?? 0);
      if (!this.#isUndisturbed(symbolId, own)) {
        disturbed++;
        expect(skipped, where).toBeGreaterThan(0);
        this.#inspectDisturbed(symbolId, own, skipped, where);
      }
    }
    expect(disturbed).toBeLessThanOrEqual(skipped);
  }

  /** Whether a symbol's row and anomalies are as without a death. */
  #isUndisturbed(symbolId: number, own: readonly StoryTick[]): boolean {
    if (own.length === 0) return this.#table.version(symbolId) === 0;
    const { after, anomalies } = this.#oracle(symbolId, own);
    const exact = after.at(-1) as ExpectedSymbol['after'][number];
    return (
      isSameStatistics(statisticsOf(this.#table, symbolId), exact) &&
      this.#table.anomalies(symbolId) === anomalies.length
    );
  }

  /** A symbol's expected state; the same in every run of a scenario. */
  #oracle(symbolId: number, own: readonly StoryTick[]): ExpectedSymbol {
    const known = this.#oracles.get(symbolId) ?? expectedSymbol(own, RULES);
    this.#oracles.set(symbolId, known);
    return known;
  }

  /** The row of a symbol but for one of its ticks, likewise. */
  #rowWithout(symbolId: number, own: readonly StoryTick[], out: number): ExpectedRow {
    const key = `${symbolId} ${out}`;
    if (!this.#rowsWithout.has(key)) {
      this.#rowsWithout.set(key, expectedSymbol(own.toSpliced(out, 1), RULES).after.at(-1));
    }
    return this.#rowsWithout.get(key);
  }

  /** A symbol that a worker died on: its row is that of its ticks without the skipped ones. */
  #inspectDisturbed(
    symbolId: number,
    own: readonly StoryTick[],
    skipped: number,
    where: string,
  ): void {
    const row = statisticsOf(this.#table, symbolId);
    const first = this.#scenario.before.filter((one) => one.symbolId === symbolId).length;
    const isWithout = (out: number) => {
      const exact = this.#rowWithout(symbolId, own, out);
      return exact === undefined ? row.count === 0 : isSameStatistics(row, exact);
    };
    const isKnown = own.some((_, out) => out >= first && isWithout(out));
    // Applied though counted as skipped; only its anomalies may be missing.
    const isWhole = isSameStatistics(row, this.#oracle(symbolId, own).after.at(-1) ?? row);
    if (skipped === 1) expect(isKnown || isWhole, where).toBe(true);
    expect(row.count, where).toBeLessThanOrEqual(own.length);
    expect(row.count, where).toBeGreaterThanOrEqual(own.length - skipped);
  }
}

describe.each(SCENARIOS)('a worker that dies amid $name', (scenario) => {
  const drill = new Drill(scenario);

  it('leaves a partition that its successor continues, whenever it dies', async () => {
    let stores = 0;
    for (; ; stores++) {
      drill.restart();
      if (!drill.work(stores)) break;
      // Every other time the gateway polls in between.
      if (stores % 2 === 0) drill.takeNews();
      drill.workInPeace();
      await drill.inspect(`dead before store ${stores}`);
      drill.inspectAfter(`dead before store ${stores}`);
    }
    expect(stores).toBeGreaterThan(100);
    await drill.inspect('alive');
    expect(drill.counters.get(Counter.SKIPPED)).toBe(0);
  });

  it('leaves one even where the successor dies taking over', async () => {
    for (let stores = 0; ; stores += 5) {
      drill.restart();
      if (!drill.work(stores)) break;
      const second = (stores * 7) % 43;
      drill.work(second);
      drill.work((stores * 11) % 13);
      drill.workInPeace();
      await drill.inspect(`dead before stores ${stores} and ${second}`);
      drill.inspectAfter(`dead before stores ${stores} and ${second}`);
    }
  });
});

describe('many deaths', () => {
  it('use up nothing: a symbol works after its ticks killed a hundred workers', async () => {
    const everyDeque = Array.from({ length: SYMBOLS }, (_, symbolId) => tick(symbolId, 9, 900));
    const queued = Array.from({ length: 400 }, (_, i) => tick(0, 100 - i * 0.01, 1000 + i));
    const scenario = { name: '', before: everyDeque, queued, channelCapacity: 512, growBytes: 64 };
    const drill = new Drill(scenario);
    drill.restart();
    for (let death = 0; death < 100; death++) expect(drill.work(20 + (death % 29))).toBe(true);
    drill.workInPeace();
    await drill.inspect('in the end');
    expect(drill.counters.get(Counter.SKIPPED)).toBeGreaterThan(50);
  });
});
