import type { AnomalySink } from './anomaly-rule.ts';
import { AnomalyConsumer } from './memory/anomaly-ring.ts';
import { Counters } from './memory/counters.ts';
import { DirtySet } from './memory/dirty-set.ts';
import { Doorbell } from './memory/doorbell.ts';
import { createEngineMemory, type PartitionMemory } from './memory/engine-memory.ts';
import { StatisticsTable } from './memory/statistics-table.ts';
import { SymbolRecords } from './memory/symbol-records.ts';
import { type ReceivedTicks, TickProducer } from './memory/tick-ring.ts';
import type { Rules } from './partition.ts';
import { PartitionThread } from './partition-thread.ts';
import { SymbolTable } from './symbol-table.ts';

export interface EngineOptions extends Rules {
  readonly partitions: number;
  /** Ticks a queue holds, a power of two. */
  readonly channelCapacity: number;
  /** Whether a full queue gives way to new ticks (`dropOldest`) instead of refusing them. */
  readonly overwrites: boolean;
  readonly maxSymbols: number;
}

/** How often a stop makes room in the anomaly rings, ms. */
const STOP_DRAIN_MS = 5;

const NOWHERE: AnomalySink = { append: () => undefined };

/** What the engine tells whoever runs it. */
export interface EngineEvents {
  /** A worker died and is being replaced. */
  workerRestarted(partition: number, cause: Error): void;
}

/** What is known of a partition from outside. */
export interface PartitionStatus {
  readonly counters: Counters;
  /** Ticks waiting in its queue. */
  readonly queueDepth: number;
  readonly restarts: number;
}

/**
 * The engine as the gateway sees it: ticks in, statistics rows, changed symbols and anomalies out. Owns the shared memory
 * and the workers. All methods belong to the thread that made it; none but `start` and `stop` waits.
 */
export class Engine {
  readonly symbols: SymbolTable;
  /** Statistics rows, to read. */
  readonly statistics: StatisticsTable;
  /** Symbols changed since they were last taken. */
  readonly dirty: DirtySet;
  readonly #doorbell: Doorbell;
  readonly #producers: readonly TickProducer[];
  readonly #anomalies: readonly AnomalyConsumer[];
  readonly #counters: readonly Counters[];
  readonly #threads: readonly PartitionThread[];
  /** Ticks offered since the last {@link deliver}. */
  offered = 0;

  private constructor(options: EngineOptions, events: EngineEvents) {
    const memory = createEngineMemory({ ...options, symbols: options.maxSymbols });
    const [first] = memory as [PartitionMemory];
    this.symbols = new SymbolTable(options.maxSymbols, options.partitions);
    this.statistics = new StatisticsTable(
      new SymbolRecords(first.records, options.movingAverageWindow),
    );
    this.dirty = new DirtySet(first.dirty, options.maxSymbols);
    this.#doorbell = new Doorbell(first.doorbell);
    this.#producers = memory.map(({ ticks }) => new TickProducer(ticks, options.overwrites));
    this.#anomalies = memory.map(({ anomalies }) => new AnomalyConsumer(anomalies));
    this.#counters = memory.map(({ counters }) => new Counters(counters));
    this.#threads = memory.map(
      (partitionMemory, partition) =>
        new PartitionThread({ memory: partitionMemory, rules: rulesOf(options) }, (cause) =>
          events.workerRestarted(partition, cause),
        ),
    );
  }

  /** Makes the memory and starts the workers; resolves when all of them run. */
  static async start(options: EngineOptions, events: EngineEvents): Promise<Engine> {
    const engine = new Engine(options, events);
    await Promise.all(engine.#threads.map((thread) => thread.started));
    return engine;
  }

  /** Ticks a queue holds. */
  get channelCapacity(): number {
    return (this.#producers[0] as TickProducer).capacity;
  }

  get partitions(): number {
    return this.#producers.length;
  }

  /**
   * Puts a valid tick, number `index` of a frame's, into the queue of its symbol's partition; {@link deliver} makes it
   * visible there.
   *
   * @returns false when the queue is full and does not overwrite
   */
  tryOffer(symbolId: number, ticks: ReceivedTicks, index: number): boolean {
    const producer = this.#producers[this.symbols.partition(symbolId)] as TickProducer;
    if (!producer.tryOffer(symbolId, ticks, index)) return false;
    this.offered++;
    return true;
  }

  /** Hands the offered ticks to the workers and wakes those that sleep: once for many frames. */
  deliver(): void {
    if (this.offered === 0) return;
    this.offered = 0;
    for (const producer of this.#producers) {
      if (producer.publish()) producer.wake();
    }
  }

  /** Ticks that the fullest queue can take. */
  freeSlots(): number {
    let free = Number.POSITIVE_INFINITY;
    for (const producer of this.#producers) free = Math.min(free, producer.free());
    return free;
  }

  /** Whether ticks wait to be applied, or changes or anomalies to be taken. */
  isBusy(): boolean {
    return this.#producers.some((producer) => producer.depth() > 0) || this.hasNews();
  }

  /** Whether changes or anomalies wait to be taken. */
  hasNews(): boolean {
    return !this.dirty.isEmpty() || this.#anomalies.some((ring) => !ring.isEmpty());
  }

  /** Hands new anomalies to `sink`, oldest first within a symbol, at most `limit` of them. Returns how many. */
  drainAnomalies(sink: AnomalySink, limit = Number.POSITIVE_INFINITY): number {
    let count = 0;
    for (const ring of this.#anomalies) count += ring.drain(sink, limit - count);
    return count;
  }

  /** Has `onNews` called once when there is something to take. See {@link Doorbell.arm}: look again after arming. */
  armDoorbell(onNews: () => void): void {
    this.#doorbell.arm(onNews);
  }

  status(partition: number): PartitionStatus {
    const thread = this.#threads[partition] as PartitionThread;
    return {
      counters: this.#counters[partition] as Counters,
      queueDepth: (this.#producers[partition] as TickProducer).depth(),
      restarts: thread.restarts,
    };
  }

  /** Kills a partition's worker at once, wherever it is, for drills; another takes its place. */
  async killWorker(partition: number): Promise<void> {
    await (this.#threads[partition] as PartitionThread).kill();
  }

  /** Lets the workers finish what is queued, then ends them. The last anomalies go to `sink`, or nowhere. */
  async stop(sink: AnomalySink = NOWHERE): Promise<void> {
    this.deliver();
    const ended = this.#threads.map((thread) => thread.stop());
    for (const producer of this.#producers) producer.stop();
    // A worker with a full anomaly ring waits for it to be taken from, and would wait for ever.
    const timer = setInterval(() => this.drainAnomalies(sink), STOP_DRAIN_MS);
    await Promise.all(ended);
    clearInterval(timer);
  }
}

function rulesOf(options: EngineOptions): Rules {
  const { movingAverageWindow, anomalyThresholdPercent } = options;
  const { slidingWindowMilliseconds, windowCapacity } = options;
  return {
    movingAverageWindow,
    anomalyThresholdPercent,
    slidingWindowMilliseconds,
    windowCapacity,
  };
}
