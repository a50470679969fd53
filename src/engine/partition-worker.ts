import { isMainThread, parentPort } from 'node:worker_threads';
import { AnomalyProducer } from './memory/anomaly-ring.ts';
import { Counter, Counters } from './memory/counters.ts';
import { DirtySet } from './memory/dirty-set.ts';
import { Doorbell } from './memory/doorbell.ts';
import type { CaptureMemory, PartitionMemory } from './memory/engine-memory.ts';
import { StatisticsTable } from './memory/statistics-table.ts';
import { SymbolRecords } from './memory/symbol-records.ts';
import { TickColumns, TickConsumer } from './memory/tick-ring.ts';
import { monotonicMs } from './monotonic-clock.ts';
import { Partition, type Rules } from './partition.ts';
import { PartitionStaging } from './partition-staging.ts';

/** What a thread is sent to become a partition's worker. */
export interface PartitionWorkerData {
  readonly memory: PartitionMemory;
  readonly rules: Rules;
  /** Where captures are copied to; none are made without. */
  readonly captures?: CaptureMemory | undefined;
  /** Whether a symbol was restored with fewer prices than its ring has places and it had ticks: see {@link Partition}. */
  readonly hasShortRings?: boolean | undefined;
}

/** Ticks applied between two looks at the clock and the doorbell. */
const BATCH = 512;
/** Ticks whose memory is asked for together: enough to overlap the waits, few enough to stay in the first cache. */
const GROUP = 32;
/** A tick raises at most an Up and a Down. */
const ANOMALIES_PER_TICK = 2;

/** The thread of a partition: takes what is there, applies it, tells the gateway; sleeps when there is nothing. */
export class PartitionWorker {
  readonly #ticks: TickConsumer;
  readonly #anomalies: AnomalyProducer;
  readonly #dirty: DirtySet;
  readonly #table: StatisticsTable;
  readonly #doorbell: Doorbell;
  readonly #counters: Counters;
  readonly #partition: Partition;
  readonly #staging: PartitionStaging | undefined;
  readonly #columns = new TickColumns(BATCH);

  constructor({ memory, rules, captures, hasShortRings }: PartitionWorkerData) {
    this.#counters = new Counters(memory.counters);
    this.#ticks = new TickConsumer(memory.ticks, this.#counters);
    this.#anomalies = new AnomalyProducer(memory.anomalies);
    const records = new SymbolRecords(memory.records, rules.movingAverageWindow);
    this.#table = new StatisticsTable(records);
    this.#dirty = new DirtySet(memory.dirty, records.symbols);
    this.#doorbell = new Doorbell(memory.doorbell);
    this.#partition = new Partition(memory, rules, this.#counters, this.#anomalies, hasShortRings);
    this.#staging = captures && new PartitionStaging(memory, captures, rules, this.#counters);
  }

  run(): void {
    this.takeOver();
    for (let next = this.step(); next !== 'end'; next = this.step()) {
      if (next === 'sleep') this.sleep();
    }
  }

  /** Applies a batch of what is there. Returns what to do next. */
  step(): 'step' | 'sleep' | 'end' {
    // Asked before looking at the queue: what was offered before the stop is then seen.
    const isStopping = this.#ticks.isStopping();
    const polled = this.#ticks.poll(this.#columns, BATCH);
    const count = this.#admit(polled);
    if (count > 0) this.#applyBatch(count);
    else return isStopping ? 'end' : 'sleep';
    return 'step';
  }

  /**
   * Blocks until there may be something to do.
   *
   * @param spins looks at the queue before that; undefined: as many as pay
   */
  sleep(spins?: number): void {
    this.#ticks.sleep(this.#staging?.isWanted, spins);
  }

  /**
   * How many of the polled ticks come next: those behind the cut of a capture are polled again after it. (Looked at after
   * the queue: whoever sees a tick behind a cut sees that a capture is wanted.)
   */
  #admit(polled: number): number {
    if (this.#staging === undefined || !this.#staging.isWanted()) return polled;
    return this.#staging.admit(this.#ticks.position, polled);
  }

  /**
   * Cleans up after a predecessor that died at any point, be it in here; changes nothing on a first start. Whoever comes
   * after a death in between does it again.
   */
  takeOver(): void {
    try {
      const symbolId = this.#ticks.interrupted();
      if (symbolId >= 0) this.#skip(symbolId);
      // What the predecessor had applied and not told the gateway of may be any of its symbols.
      if (this.#counters.taken() > 0) {
        this.#dirty.markWritten((written) => this.#table.version(written) !== 0);
      }
    } finally {
      // Where cleaning up throws, too: a successor must not meet the same tick again.
      this.#ticks.resume();
      this.#doorbell.ringAnew();
      this.#staging?.takeOver();
    }
  }

  /** Gives up the tick that the predecessor died on. */
  #skip(symbolId: number): void {
    try {
      this.#partition.repair(symbolId, this.#anomalies.newestSequence(symbolId));
    } finally {
      this.#counters.add(Counter.SKIPPED, 1);
    }
  }

  #applyBatch(count: number): void {
    for (let from = 0; from < count; from += GROUP) {
      this.#applyGroup(from, Math.min(count, from + GROUP));
    }
    this.#doorbell.ring();
    this.#count(count);
  }

  #applyGroup(from: number, to: number): void {
    const { symbolIds } = this.#columns;
    this.#staging?.markAll(symbolIds, from, to);
    this.#partition.prepare(this.#columns, from, to);
    const hasSpace = this.#anomalies.hasSpace(ANOMALIES_PER_TICK * (to - from));
    let untold = from;
    for (let i = from; i < to; i++) {
      if (!hasSpace && !this.#anomalies.hasSpace(ANOMALIES_PER_TICK)) {
        this.#tell(untold, i);
        untold = i;
        this.#waitForGateway();
      }
      this.#ticks.begin(symbolIds[i] as number);
      this.#partition.apply(this.#columns, i);
      this.#ticks.end();
    }
    this.#tell(untold, to);
  }

  /** Tells the gateway what was applied: changed symbols first, so that it never finds nothing queued and nothing new. */
  #tell(from: number, to: number): void {
    this.#dirty.markAll(this.#columns.symbolIds, from, to);
    this.#ticks.release();
  }

  #waitForGateway(): void {
    while (!this.#anomalies.hasSpace(ANOMALIES_PER_TICK)) {
      this.#doorbell.ring();
      this.#anomalies.waitForSpace(ANOMALIES_PER_TICK);
    }
  }

  /** Counts latencies by runs of one receipt time: ticks of one frame share theirs. */
  #count(count: number): void {
    const now = monotonicMs();
    const { offeredAt } = this.#columns;
    for (let i = 0; i < count; ) {
      const offered = offeredAt[i] as number;
      const start = i;
      while (i < count && offeredAt[i] === offered) i++;
      this.#counters.addLatency((now - offered) * 1000, i - start);
    }
  }
}

// A test may run one on its own thread.
if (!isMainThread) {
  parentPort?.once('message', (data: PartitionWorkerData) => {
    const worker = new PartitionWorker(data);
    parentPort?.postMessage('running');
    worker.run();
  });
  parentPort?.postMessage('loaded');
}
