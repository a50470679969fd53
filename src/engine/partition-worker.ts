import type { RuleModule } from '../rules/index.ts';
import { CaptureStaging } from './captures.ts';
import { AlertProducer } from './memory/alert-ring.ts';
import { AnomalyProducer, LostCause } from './memory/anomaly-ring.ts';
import { ChangeSet } from './memory/change-set.ts';
import { ClockConsumer } from './memory/clock-queue.ts';
import { Counter, Counters, monotonicUs, UNMEASURED } from './memory/counters.ts';
import { DirtySet } from './memory/dirty-set.ts';
import { Doorbell } from './memory/doorbell.ts';
import type { CaptureMemory, PartitionMemory } from './memory/engine-memory.ts';
import { RetireResponder } from './memory/retire-request.ts';
import { RowValue, StatisticsTable } from './memory/statistics-table.ts';
import { SymbolRecords } from './memory/symbol-records.ts';
import { BLOCKED, TickConsumer } from './memory/tick-consumer.ts';
import { TickColumns } from './memory/tick-ring.ts';
import { Partition } from './partition.ts';
import { PartitionRules } from './partition-rules.ts';
import type { Rules } from './rules.ts';

/** The message that makes a thread the worker of a partition. */
export interface PartitionWorkerData {
  readonly memory: PartitionMemory;
  readonly rules: Rules;
  /** Staging memory of captures; undefined if none are made. */
  readonly captures?: CaptureMemory | undefined;
  /** Whether a restored symbol's ring began after its first tick: see {@link Partition}. */
  readonly hasShortRings?: boolean | undefined;
  /** Modules of rules: the path in the file, and the URL. */
  readonly modules?: readonly (readonly [string, string])[] | undefined;
}

/** The message of a worker when rules cannot apply to a symbol. */
export interface RuleFaults {
  readonly symbolId: number;
  readonly faults: readonly string[];
}

/** What a worker tells. */
export interface WorkerReports {
  readonly timeReplaced?: (replaced: TimeReplaced) => void;
  readonly ruleFaults?: (faults: RuleFaults) => void;
}

/** The message of a worker when the newest time of a symbol gave way to a tick's. */
export interface TimeReplaced {
  readonly symbolId: number;
  /** That gave way, ms since the epoch. */
  readonly time: number;
}

/** Most ticks applied between two readings of the clock and checks of the doorbell. */
const BATCH = 512;
/**
 * Ticks prefetched together: enough to overlap the waits, few enough to stay in the first-level
 * cache.
 */
const GROUP = 32;
/** A tick raises at most an Up and a Down. */
const ANOMALIES_PER_TICK = 2;
/** And an end and a start of each of its symbol's rules. */
const ALERTS_PER_TICK = 16;

/**
 * Steps a partition: takes ticks, applies them, publishes the results. On the partition's thread,
 * which sleeps without work; or, while that sleeps, on the gateway's. Each has its own, and holds
 * the partition while it uses it.
 */
export class PartitionWorker {
  readonly #ticks: TickConsumer;
  readonly #anomalies: AnomalyProducer;
  readonly #alerts: AlertProducer | undefined;
  readonly #ruled: PartitionRules | undefined;
  readonly #dirty: DirtySet;
  readonly #table: StatisticsTable;
  readonly #doorbell: Doorbell;
  readonly #counters: Counters;
  readonly #partition: Partition;
  readonly #staging: CaptureStaging | undefined;
  readonly #retirement: RetireResponder;
  readonly #clocks: ClockConsumer;
  readonly #columns = new TickColumns(BATCH);
  /** Whether this thread let go of the partition. */
  #isResting = false;

  /** The caller holds the partition. */
  constructor(
    { memory, rules, captures, hasShortRings }: PartitionWorkerData,
    reports: WorkerReports = {},
    modules: ReadonlyMap<string, RuleModule> = new Map(),
  ) {
    this.#counters = new Counters(memory.counters);
    const anomalies = new AnomalyProducer(memory.anomalies);
    this.#anomalies = anomalies;
    this.#ticks = new TickConsumer(memory.ticks, this.#counters, {
      hasSpace: () => anomalies.hasSpace(1),
      append: (from, to) => anomalies.appendLost(LostCause.LAPPED, from, to),
    });
    const records = new SymbolRecords(memory.records, rules.movingAverageWindow);
    this.#table = new StatisticsTable(records);
    this.#dirty = new DirtySet(memory.dirty, records.symbols);
    this.#doorbell = new Doorbell(memory.doorbell);
    const changes = captures && new ChangeSet(captures.changes);
    const alerts = memory.alerts && new AlertProducer(memory.alerts);
    this.#alerts = alerts;
    const ruleMemory = memory.rules;
    let ruled: PartitionRules | undefined;
    this.#partition = new Partition(
      memory,
      rules,
      this.#counters,
      this.#anomalies,
      hasShortRings,
      changes,
      ruleMemory === undefined || alerts === undefined
        ? undefined
        : (window) => {
            ruled = new PartitionRules(ruleMemory, window, alerts, modules);
            return ruled;
          },
    );
    this.#ruled = ruled;
    if (this.#ruled !== undefined) this.#listen(this.#ruled, reports);
    const clocks = new ClockConsumer(memory.clocks);
    this.#clocks = clocks;
    this.#partition.makeSpace = () => {
      this.#waitForGateway(ANOMALIES_PER_TICK);
      this.#waitForAlerts();
    };
    this.#partition.onClockChange = (symbolId) => {
      changes?.mark(symbolId);
      clocks.begin(symbolId);
    };
    this.#partition.onTimeReplaced = (symbolId, time) => reports.timeReplaced?.({ symbolId, time });
    this.#retirement = new RetireResponder(memory.retirements);
    this.#staging = captures && new CaptureStaging(memory, captures, rules, this.#counters);
  }

  #listen(ruled: PartitionRules, { ruleFaults }: WorkerReports): void {
    ruled.onFaults = (symbolId, faults) => ruleFaults?.({ symbolId, faults });
    ruled.onSpaceNeeded = () => this.#waitForAlerts();
  }

  run(): void {
    this.takeOver();
    for (let next = this.step(); next !== 'end'; next = this.step()) {
      if (next === 'sleep') this.sleep();
    }
  }

  /**
   * Applies one batch. Returns what to do next.
   *
   * @throws GatewayStepError if a tick threw while the gateway stepped
   */
  step(): 'step' | 'sleep' | 'end' {
    if (this.#isResting) this.#acquire();
    // Read before the queue: what was offered before the stop is then seen.
    const isStopping = this.#ticks.isStopping();
    const polled = this.#ticks.poll(this.#columns, BATCH);
    if (polled === BLOCKED) {
      this.#waitForGateway(1);
      return 'step';
    }
    const count = this.#admit(polled);
    this.#clocks.want(this.#partition.needsClock);
    if (count === 0) return isStopping ? 'end' : 'sleep';
    this.#applyBatch(count);
    this.#counters.add(Counter.WORKER_BATCHES, 1);
    this.#doorbell.ring();
    this.#count(count);
    return 'step';
  }

  /**
   * Applies all queued ticks, on the gateway's thread, which holds the partition and knows that
   * they are few. Does not ring the doorbell.
   *
   * @returns false if it is for the worker: a capture or a retirement is wanted, which may take
   *   long, or the anomalies might have no space, which this thread makes
   */
  stepBriefly(): boolean {
    this.#reload();
    if (this.#isCalled() || this.#clocks.isWaiting) return false;
    const count = this.#ticks.poll(this.#columns, BATCH);
    if (count === BLOCKED) return false;
    const judged = this.#partition.judgedAtMost(this.#columns, Math.max(0, count));
    if (!this.#hasSpace(judged)) return false;
    if (count === 0) return true;
    this.#applyBatch(count);
    this.#counters.add(Counter.GATEWAY_BATCHES, 1);
    this.#clocks.want(this.#partition.needsClock);
    this.#count(count);
    return true;
  }

  #acquire(): void {
    this.#ticks.acquire();
    this.#isResting = false;
    this.#reload();
  }

  /** The partition was held by another thread. */
  #reload(): void {
    this.#ticks.reload();
    this.#anomalies.reload();
    this.#alerts?.reload();
    this.#ruled?.reload();
  }

  /**
   * Lets go of the partition, and blocks until there may be work.
   *
   * @param spins looks at the queue before sleeping; undefined: the default
   */
  sleep(spins?: number): void {
    this.#isResting = true;
    this.#ticks.sleep(this.#isDue, spins);
  }

  #isCalled(): boolean {
    return this.#retirement.isWanted() || this.#staging?.isWanted() === true;
  }

  /**
   * Whether a request waits for this thread, not for ticks that are before its cut and not
   * published yet.
   */
  readonly #isDue = (): boolean => {
    const taken = this.#counters.taken();
    if (this.#clocks.isWaiting) return this.#clocks.isDue(taken);
    const retirement = this.#retirement;
    if (retirement.isWanted() && retirement.ticksBefore(taken) <= 0) return true;
    return this.#staging?.isDue(taken) === true;
  };

  /**
   * Returns how many of the polled ticks to apply now: those behind a reading of the clock, the cut
   * of a capture or of a retirement are polled again after it. Reads the requests after the queue:
   * a thread that sees a tick behind a cut sees the request. And the clocks after those: it then
   * sees each that came before the request.
   */
  #admit(polled: number): number {
    const isCalled = this.#isCalled();
    let admitted = this.#clocks.isWaiting ? this.#advanceClocks(polled) : polled;
    if (!isCalled || this.#clocks.isWaiting) return admitted;
    if (this.#retirement.isWanted()) {
      const before = this.#retirement.ticksBefore(this.#counters.taken());
      if (before > 0) admitted = Math.min(before, polled);
      else this.#retire();
    }
    if (this.#staging === undefined || !this.#staging.isWanted()) return admitted;
    return this.#staging.admit(admitted);
  }

  /** Takes the readings that are due. Returns how many of the polled ticks come before the next. */
  #advanceClocks(polled: number): number {
    const clocks = this.#clocks;
    const taken = this.#counters.taken();
    while (clocks.isWaiting) {
      const before = clocks.ticksBefore(taken);
      if (before > 0) return Math.min(before, polled);
      // The ticks behind it are not published either.
      if (!clocks.isPublished) return 0;
      if (clocks.rules !== 0) this.#partition.adoptRules(clocks.rules, clocks.now);
      else this.#partition.advanceClock(clocks.now);
      clocks.settled();
      clocks.take();
      this.#doorbell.ring();
    }
    return polled;
  }

  /** Forgets the symbols of a request whose cut is reached. */
  #retire(): void {
    const retirement = this.#retirement;
    const { count } = retirement;
    for (let i = 0; i < count; i++) {
      retirement.decide(i, this.#table.value(retirement.symbolId(i), RowValue.COUNT));
    }
    this.#anomalies.forget();
    this.#forgetAlerts(count);
    for (let i = 0; i < count; i++) {
      if (!retirement.isForgotten(i)) continue;
      this.#partition.retire(retirement.symbolId(i));
      this.#staging?.retire(retirement.symbolId(i));
    }
    retirement.finish();
  }

  /** The alerts in the ring say nothing about who has the ids of these symbols next. */
  #forgetAlerts(count: number): void {
    const alerts = this.#alerts;
    if (alerts === undefined) return;
    // A predecessor may have died while it retired one of them.
    for (let i = 0; i < count; i++) {
      const symbolId = this.#retirement.symbolId(i);
      if (!this.#retirement.isForgotten(i)) continue;
      this.#ruled?.settle(symbolId, alerts.newest(symbolId));
    }
    alerts.forget();
  }

  /**
   * Repairs what a predecessor that died left unfinished; changes nothing on a first start.
   * Idempotent: the predecessor may have died in here.
   */
  takeOver(): void {
    try {
      const symbolId = this.#ticks.interrupted();
      if (symbolId >= 0) this.#skip(symbolId);
      this.#repairClocked(this.#clocks.interrupted());
      // The predecessor may have applied ticks to any of its symbols without marking them.
      if (this.#counters.taken() > 0) {
        this.#dirty.markWritten((written) => this.#table.version(written) !== 0);
      }
      this.#ruled?.recount();
    } finally {
      // Even if the cleanup throws: a successor must not meet the same tick again.
      this.#ticks.resume();
      this.#doorbell.ringAgain();
      this.#staging?.takeOver();
      this.#retirement.notifyAgain();
    }
  }

  /** Skips the tick that the predecessor died on. */
  #skip(symbolId: number): void {
    try {
      this.#repair(symbolId);
    } finally {
      this.#waitForGateway(1);
      // First: where this thread dies in between, its successor reports it again.
      const position = this.#counters.taken();
      this.#anomalies.appendLost(LostCause.SKIPPED, position, position + 1);
      this.#counters.add(Counter.SKIPPED, 1);
    }
  }

  #repair(symbolId: number): void {
    const alert = this.#alerts?.newest(symbolId);
    this.#partition.repair(symbolId, this.#anomalies.newestSequence(symbolId), alert);
  }

  /** The predecessor died while the clock changed a symbol. The reading is taken again. */
  #repairClocked(symbolId: number): void {
    if (symbolId < 0) return;
    this.#repair(symbolId);
    this.#clocks.settled();
  }

  #applyBatch(count: number): void {
    for (let from = 0; from < count; from += GROUP) {
      this.#applyGroup(from, Math.min(count, from + GROUP));
    }
    this.#ticks.assertCounted();
  }

  #applyGroup(from: number, to: number): void {
    const { symbolIds } = this.#columns;
    this.#staging?.markAll(symbolIds, from, to);
    this.#partition.prepare(this.#columns, from, to);
    const hasSpace = this.#hasSpace(to - from);
    let uncommitted = from;
    for (let i = from; i < to; i++) {
      if (!hasSpace && !this.#hasSpace(1)) {
        this.#commit(uncommitted, i);
        uncommitted = i;
        this.#waitForGateway(ANOMALIES_PER_TICK);
        this.#waitForAlerts();
      }
      this.#ticks.begin(symbolIds[i] as number);
      this.#partition.apply(this.#columns, i);
      this.#ticks.end();
    }
    this.#commit(uncommitted, to);
  }

  /**
   * Publishes applied ticks. Marks first, then releases the slots, so that the gateway never finds
   * an empty queue and no change.
   */
  #commit(from: number, to: number): void {
    this.#dirty.markAll(this.#columns.symbolIds, from, to);
    this.#ticks.release();
  }

  /** Whether there is space for what so many ticks may raise. */
  #hasSpace(ticks: number): boolean {
    if (!this.#anomalies.hasSpace(ANOMALIES_PER_TICK * ticks)) return false;
    return this.#alerts?.hasSpace(ALERTS_PER_TICK * ticks) !== false;
  }

  /** Waits until the gateway has made space for the alerts of one symbol. */
  #waitForAlerts(): void {
    const alerts = this.#alerts;
    while (alerts?.hasSpace(ALERTS_PER_TICK) === false) {
      this.#doorbell.ring();
      alerts.waitForSpace(ALERTS_PER_TICK);
    }
  }

  /** Waits until the gateway has made space for so many anomalies, or reports. */
  #waitForGateway(count: number): void {
    while (!this.#anomalies.hasSpace(count)) {
      this.#doorbell.ring();
      this.#anomalies.waitForSpace(count);
    }
  }

  /** Counts latencies in runs of equal receipt time, which the ticks of one frame share. */
  #count(count: number): void {
    const now = monotonicUs();
    const { receivedUs } = this.#columns;
    for (let i = 0; i < count; ) {
      const received = receivedUs[i] as number;
      const start = i;
      while (i < count && receivedUs[i] === received) i++;
      if (received !== UNMEASURED) this.#counters.addLatency((now - received) >>> 0, i - start);
    }
  }
}
