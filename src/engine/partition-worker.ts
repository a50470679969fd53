import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { AnomalyProducer } from './memory/anomaly-ring.ts';
import { Counter, Counters } from './memory/counters.ts';
import { DirtySet } from './memory/dirty-set.ts';
import { Doorbell } from './memory/doorbell.ts';
import type { PartitionMemory } from './memory/engine-memory.ts';
import { ROW_BYTES } from './memory/statistics-table.ts';
import { TickColumns, TickConsumer } from './memory/tick-ring.ts';
import { monotonicMs } from './monotonic-clock.ts';
import { Partition, type Rules } from './partition.ts';

/** What a worker is started with. */
export interface PartitionWorkerData {
  readonly memory: PartitionMemory;
  readonly rules: Rules;
}

/** Ticks applied between two looks at the clock and the doorbell. */
const BATCH = 512;

/** The thread of a partition: takes what is there, applies it, tells the gateway; sleeps when there is nothing. */
export class PartitionWorker {
  readonly #ticks: TickConsumer;
  readonly #anomalies: AnomalyProducer;
  readonly #dirty: DirtySet;
  readonly #doorbell: Doorbell;
  readonly #counters: Counters;
  readonly #partition: Partition;
  readonly #columns = new TickColumns(BATCH);

  constructor({ memory, rules }: PartitionWorkerData) {
    this.#counters = new Counters(memory.counters);
    this.#ticks = new TickConsumer(memory.ticks, this.#counters);
    this.#anomalies = new AnomalyProducer(memory.anomalies);
    this.#dirty = new DirtySet(memory.dirty, memory.rows.byteLength / ROW_BYTES);
    this.#doorbell = new Doorbell(memory.doorbell);
    this.#partition = new Partition(memory, rules, this.#counters, this.#anomalies);
  }

  run(): void {
    this.#takeOver();
    for (;;) {
      // Asked before looking at the queue: what was offered before the stop is then seen.
      const isStopping = this.#ticks.isStopping();
      const count = this.#ticks.poll(this.#columns, BATCH);
      if (count > 0) this.#applyBatch(count);
      else if (isStopping) return;
      else this.#ticks.sleep();
    }
  }

  /**
   * Cleans up after a predecessor that died at any point, be it in here; changes nothing on a first start. The tick counts
   * as taken last of all, so that whoever comes after a death in between does it again.
   */
  #takeOver(): void {
    const symbolId = this.#ticks.interrupted();
    try {
      if (symbolId >= 0) this.#settle(symbolId);
    } finally {
      // Where settling throws, too: a successor must not meet the same tick again.
      this.#ticks.resume();
      this.#doorbell.ringAnew();
    }
  }

  /** Sees to the tick that the predecessor died on: applied and counted, or to be skipped. */
  #settle(symbolId: number): void {
    if (!this.#ticks.isInterruptedCounted()) {
      try {
        this.#partition.repair(symbolId, this.#anomalies.newestSequence(symbolId));
      } finally {
        this.#counters.add(Counter.SKIPPED, 1);
      }
    }
    this.#dirty.mark(symbolId);
    this.#dirty.announceAll();
  }

  #applyBatch(count: number): void {
    const { symbolIds } = this.#columns;
    for (let i = 0; i < count; i++) {
      const symbolId = symbolIds[i] as number;
      if (!this.#anomalies.hasSpace(2)) this.#waitForGateway();
      this.#ticks.begin(symbolId);
      this.#partition.apply(this.#columns, i);
      this.#dirty.mark(symbolId);
      this.#ticks.end();
    }
    this.#ticks.publish();
    this.#doorbell.ring();
    this.#count(count);
  }

  #waitForGateway(): void {
    this.#ticks.publish();
    while (!this.#anomalies.hasSpace(2)) {
      this.#doorbell.ring();
      this.#anomalies.waitForSpace(2);
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
  const worker = new PartitionWorker(workerData as PartitionWorkerData);
  parentPort?.postMessage('running');
  worker.run();
}
