import { type Capture, type CaptureExtent, Captures } from '../../src/engine/captures.ts';
import {
  type AnomalyCount,
  NO_WIRE_ID,
  readCapture,
  type SymbolState,
  SymbolTable,
} from '../../src/engine/index.ts';
import { AnomalyConsumer } from '../../src/engine/memory/anomaly-ring.ts';
import { Counter, Counters } from '../../src/engine/memory/counters.ts';
import { DirtySet } from '../../src/engine/memory/dirty-set.ts';
import {
  createCaptureMemory,
  type PartitionMemory,
} from '../../src/engine/memory/engine-memory.ts';
import { StatisticsTable } from '../../src/engine/memory/statistics-table.ts';
import { createSymbolNames } from '../../src/engine/memory/symbol-names.ts';
import { SymbolRecords } from '../../src/engine/memory/symbol-records.ts';
import { TickProducer } from '../../src/engine/memory/tick-producer.ts';
import { PartitionWorker, type PartitionWorkerData } from '../../src/engine/partition-worker.ts';
import { restoreSymbols, type SetAside } from '../../src/engine/restore-symbols.ts';
import { Retirements } from '../../src/engine/retirements.ts';
import type { Rules } from '../../src/engine/rules.ts';
import { decodeSymbolStates } from '../../src/engine/symbol-state-codec.ts';
import type { MarketTick, Statistics } from '../../testkit/independent/statistics.ts';
import { AnomalyRecorder, createSmallMemory, oneTick, statisticsOf } from './partition-rig.ts';

export interface CaptureRigOptions {
  readonly partitions: number;
  readonly rules: Rules;
  readonly symbols?: number;
  readonly channelCapacity?: number;
  readonly overwrites?: boolean;
  readonly growBytes?: number;
  readonly reorderTicks?: number;
  readonly start?: number;
  readonly restored?: Iterable<SymbolState | AnomalyCount>;
  /** Gets what cannot be restored; if absent, that is an error. */
  readonly setAside?: SetAside;
}

/** An engine with captures whose workers run on the test's thread, on request. */
export class CaptureRig {
  readonly symbols: SymbolTable;
  readonly table: StatisticsTable;
  readonly anomalies = new AnomalyRecorder();
  readonly captures: Captures;
  readonly retirements: Retirements;
  readonly workers: readonly PartitionWorkerData[];
  readonly memory: readonly PartitionMemory[];
  readonly #dirty: DirtySet;
  readonly #symbolsMax: number;
  readonly #producers: readonly TickProducer[];
  readonly #consumers: readonly AnomalyConsumer[];

  constructor(options: CaptureRigOptions) {
    const { partitions, rules, symbols = 16, channelCapacity = 1024 } = options;
    const { movingAverageWindow } = rules;
    const sizes = { ...options, symbols, channelCapacity, movingAverageWindow };
    const first = createSmallMemory(sizes);
    const { records, dirty, doorbell } = first;
    this.memory = Array.from({ length: partitions }, (_, partition) =>
      partition === 0 ? first : { ...createSmallMemory(sizes), records, dirty, doorbell },
    );
    this.#dirty = new DirtySet(dirty, symbols);
    this.#symbolsMax = symbols;
    const names = createSymbolNames(symbols);
    this.symbols = new SymbolTable(symbols, partitions, names);
    this.table = new StatisticsTable(new SymbolRecords(records, movingAverageWindow));
    const captures = createCaptureMemory(this.memory, symbols, names);
    this.#producers = this.memory.map(
      ({ ticks }) => new TickProducer(ticks, options.overwrites ?? false),
    );
    this.#consumers = this.memory.map((own) => new AnomalyConsumer(own.anomalies, this.symbols));
    this.captures = new Captures(captures, this.#producers, {
      movingAverageWindow,
      reorderTicks: options.reorderTicks,
    });
    const { memory, symbols: table } = this;
    this.retirements = new Retirements(memory, this.#producers, table);
    const into = { memory, captures, rules };
    const shortRings = restoreSymbols(options.restored ?? [], table, into, options.setAside);
    this.workers = memory.map((own, i) => {
      return { memory: own, rules, captures: captures[i], hasShortRings: shortRings[i] };
    });
  }

  /** Offers a tick for the next {@link work}. */
  offer({ symbol, price, time }: MarketTick): void {
    const symbolId = this.idOf(symbol);
    if (this.symbols.tickId(symbolId) === NO_WIRE_ID) this.symbols.tryRevive(symbolId);
    const producer = this.#producers[this.symbols.partition(symbolId)] as TickProducer;
    if (!producer.tryOffer(symbolId, oneTick(price, time), 0)) throw new Error('a queue is full');
  }

  publish(): void {
    for (const producer of this.#producers) producer.publish();
  }

  /** End of the first partition's queue. */
  get offered(): number {
    return (this.#producers[0] as TickProducer).offered;
  }

  /** Publishes offered ticks and requests a capture of them. */
  capture(): Promise<Capture> {
    this.publish();
    return this.captures.request(this.symbols.names.length);
  }

  /**
   * Publishes offered ticks and requests that symbols are retired after them.
   *
   * @param count ticks that they must have by then; -1: any
   */
  retire(symbols: readonly string[], count = -1): Promise<readonly boolean[]> {
    this.publish();
    const ids = symbols.map((symbol) => this.symbols.findName(symbol));
    return this.retirements.request(ids.map((symbolId) => ({ symbolId, count })));
  }

  /** Gives the places of forgotten symbols back. Returns whether the symbol was gone, by symbol. */
  forget(symbols: readonly string[]): boolean[] {
    return symbols.map((symbol) => {
      const symbolId = this.symbols.findName(symbol);
      const isGone = this.symbols.endRetiring(symbolId);
      if (!isGone) return false;
      this.table.continueAnomalies(symbolId, 0);
      this.captures.noteRetired(symbol);
      return true;
    });
  }

  /** Runs all workers to the end of their queues. */
  work(): void {
    this.publish();
    for (const producer of this.#producers) producer.stop();
    for (const worker of this.workers) new PartitionWorker(worker).run();
    this.takeAnomalies();
  }

  takeAnomalies(): void {
    for (const consumer of this.#consumers) consumer.drain(this.anomalies.take);
  }

  /** Applies ticks in batches that queues and anomaly rings hold. */
  apply(ticks: readonly MarketTick[]): void {
    for (const [i, tick] of ticks.entries()) {
      this.offer(tick);
      if (i % 200 === 199) this.work();
    }
    this.work();
  }

  /** Changed symbols in order. */
  takeDirty(): number[] {
    const taken = new Int32Array(this.#symbolsMax + 32);
    const count = this.#dirty.take(taken);
    return [...taken.subarray(0, count)];
  }

  idOf(symbol: string): number {
    const known = this.symbols.findName(symbol);
    if (known >= 0) return known;
    const bytes = new TextEncoder().encode(symbol);
    return this.symbols.register(bytes, 0, bytes.length);
  }

  statistics(symbol: string): Statistics {
    return statisticsOf(this.table, this.idOf(symbol));
  }

  sum(counter: Counter): number {
    return this.memory.reduce((sum, { counters }) => sum + new Counters(counters).get(counter), 0);
  }

  get truncated(): number {
    return this.sum(Counter.TRUNCATED);
  }
}

/** A capture's states, decoded from its bytes. */
export function statesOf(capture: Capture, extent?: CaptureExtent): SymbolState[] {
  return [...readCapture(capture, extent)].flatMap((chunk) => [...decodeSymbolStates(chunk)]);
}

/** A state's statistics in the oracle's form. */
export function statisticsOfState(state: SymbolState): Statistics {
  const { price, average, count, time, min, max } = state;
  return { price, average, count, time, min, max };
}
