import type { RuleFile } from '../rules/index.ts';
import { int32s } from '../threads/shared-memory.ts';
import { type Capture, Captures } from './captures.ts';
import {
  allocate,
  type EngineEvents,
  type EngineOptions,
  type LostTicks,
  type PartitionStatus,
  reorderTicksOf,
  rulesOf,
  type SkippedTick,
} from './engine-options.ts';
import { FEW_TICKS, GatewayStepper } from './gateway-stepper.ts';
import { AlertConsumer, type AlertSink } from './memory/alert-ring.ts';
import { AnomalyConsumer, type AnomalySink, type LostSink } from './memory/anomaly-ring.ts';
import { ClockProducer } from './memory/clock-queue.ts';
import { Counter, Counters } from './memory/counters.ts';
import { DirtySet } from './memory/dirty-set.ts';
import { Doorbell } from './memory/doorbell.ts';
import type { PartitionMemory } from './memory/engine-memory.ts';
import { usedPlaceBytes } from './memory/place-arena.ts';
import { StatisticsTable } from './memory/statistics-table.ts';
import { SymbolRecords } from './memory/symbol-records.ts';
import { TickProducer } from './memory/tick-producer.ts';
import type { ReceivedTicks } from './memory/tick-ring.ts';
import type { WorkerReports } from './partition-worker.ts';
import { restoreSymbols } from './restore-symbols.ts';
import { type Retiree, Retirements } from './retirements.ts';
import { RuleTable } from './rule-table.ts';
import { RulesInForce } from './rules-in-force.ts';
import type { AnomalyCount, SymbolState } from './symbol-state.ts';
import { SymbolTable } from './symbol-table.ts';
import { PartitionThread, Quarantine, Standby } from './worker-threads.ts';

/** Interval at which a stop drains the rings, ms. */
const STOP_DRAIN_MS = 5;

/**
 * The engine as the gateway sees it: ticks in; statistics rows, changed symbols, anomalies and
 * alerts out. Owns the shared memory and the workers. All methods belong to the thread that created
 * it; only those that return promises wait.
 */
export class Engine {
  readonly symbols: SymbolTable;
  /** Every rule that alerts name. */
  readonly ruleTable: RuleTable;
  /** Statistics rows, to read. */
  readonly statistics: StatisticsTable;
  /** Symbols changed since they were last taken. */
  readonly dirty: DirtySet;
  readonly #doorbell: Doorbell;
  readonly #producers: readonly TickProducer[];
  readonly #clocks: readonly ClockProducer[];
  readonly #anomalies: readonly AnomalyConsumer[];
  /** Empty where there are no rules. */
  readonly #alerts: readonly AlertConsumer[];
  readonly #lostSinks: readonly LostSink[];
  readonly #counters: readonly Counters[];
  readonly #threads: readonly PartitionThread[];
  readonly #steppers: readonly GatewayStepper[];
  readonly #quarantines: readonly Quarantine[];
  readonly #places: readonly Int32Array[];
  readonly #standby = new Standby();
  readonly #captures: Captures | undefined;
  readonly #retirements: Retirements;
  /** The partitions whose rings were drained first the last time. */
  readonly #firstRings = { anomalies: 0, alerts: 0 };
  /** Ticks offered since the last {@link publishTicks}, or {@link mark}. */
  offered = 0;
  /** Called by {@link drainAnomalies}. */
  onLost: LostTicks = () => undefined;
  /** Undefined: there are none. */
  readonly rules: RulesInForce | undefined;
  readonly #publishesMarked: boolean;
  /** Whether a full queue overwrites its oldest ticks. */
  readonly overwrites: boolean;
  #isStopping = false;

  private constructor(
    options: EngineOptions,
    events: EngineEvents,
    restored: Iterable<SymbolState | AnomalyCount>,
    ruleTable: RuleTable,
    inForce: RulesInForce | undefined,
  ) {
    this.ruleTable = ruleTable;
    this.rules = inForce;
    const { maxSymbols, movingAverageWindow } = options;
    this.#publishesMarked = options.publishesMarked ?? false;
    const { memory, captures, names } = allocate(options);
    const rules = rulesOf(options);
    const [first] = memory as [PartitionMemory];
    this.symbols = new SymbolTable(maxSymbols, options.partitions, names);
    this.statistics = new StatisticsTable(new SymbolRecords(first.records, movingAverageWindow));
    this.dirty = new DirtySet(first.dirty, options.maxSymbols);
    this.#doorbell = new Doorbell(first.doorbell);
    this.overwrites = options.overwrites;
    this.#producers = memory.map(({ ticks }) => new TickProducer(ticks, options.overwrites));
    this.#clocks = memory.map(({ clocks }) => new ClockProducer(clocks));
    this.#anomalies = memory.map((own) => new AnomalyConsumer(own.anomalies, this.symbols));
    this.#alerts = memory.flatMap(({ alerts }) =>
      alerts === undefined ? [] : new AlertConsumer(alerts, this.symbols, this.ruleTable),
    );
    this.#lostSinks = memory.map(
      (_, partition): LostSink =>
        (cause, from, to) =>
          this.onLost(partition, cause, from, to),
    );
    this.#counters = memory.map(({ counters }) => new Counters(counters));
    this.#places = memory.map(({ places }) => int32s(places));
    this.#quarantines = memory.map(() => new Quarantine());
    if (options.captures) {
      this.#captures = new Captures(
        captures,
        this.#producers,
        { movingAverageWindow, reorderTicks: reorderTicksOf(options) },
        () => inForce?.text,
      );
    }
    inForce?.begin(memory.flatMap(({ rules: own }) => own ?? []));
    this.#retirements = new Retirements(memory, this.#producers, this.symbols);
    const into = { memory, captures, rules, ruleText: inForce?.text };
    const shortRings = restoreSymbols(restored, this.symbols, into, events.symbolSetAside);
    const data = memory.map((own, partition) => ({
      memory: own,
      rules,
      captures: captures[partition],
      hasShortRings: shortRings[partition],
      modules: inForce?.moduleUrls,
    }));
    const reports: WorkerReports = {
      timeReplaced: ({ symbolId, time }) =>
        events.timeReplaced?.(this.symbols.name(symbolId), time),
      ruleFaults: ({ symbolId, faults }) =>
        events.ruleFaults?.(this.symbols.name(symbolId), faults),
    };
    this.#steppers = data.map((own, partition) => {
      const producer = this.#producers[partition] as TickProducer;
      return new GatewayStepper(own, producer, reports, inForce?.modules);
    });
    this.#threads = data.map(
      (own, partition) =>
        new PartitionThread(
          own,
          (error, hasFailed) => {
            const cause = this.#steppers[partition]?.takeFailure() ?? error;
            events.workerRestarted(partition, cause, this.#skippedTick(partition, hasFailed));
          },
          options.spawn ?? this.#standby.take,
          reports,
        ),
    );
  }

  /**
   * Creates the memory, restores symbols into it and starts the workers; resolves when all of them
   * run. Restored symbols with ticks are marked as changed.
   *
   * @throws RangeError when more symbols are restored than `maxSymbols`
   * @throws Error when a restored state is impossible, unless `events` has `symbolSetAside`; or
   *   when a module of the rules cannot be loaded
   */
  static async start(
    options: EngineOptions,
    events: EngineEvents,
    restored: Iterable<SymbolState | AnomalyCount> = [],
  ): Promise<Engine> {
    const table = new RuleTable();
    const inForce = options.rules && (await RulesInForce.load(options.rules, table));
    const engine = new Engine(options, events, restored, table, inForce);
    await Promise.all(engine.#threads.map((thread) => thread.started));
    if (options.spawn === undefined) engine.#standby.begin();
    return engine;
  }

  /** The tick that a worker died on, as far as known; undefined if none. */
  #skippedTick(partition: number, hasFailed: boolean): SkippedTick | undefined {
    const taken = (this.#counters[partition] as Counters).taken();
    const tick = (this.#producers[partition] as TickProducer).interruptedTick(taken);
    const quarantine = this.#quarantines[partition] as Quarantine;
    const isQuarantined = quarantine.judge(tick?.position, hasFailed);
    if (tick === undefined) return undefined;
    const { symbolId, price, time } = tick;
    const symbol = this.symbols.names[symbolId];
    return { symbol, price, time, isQuarantined };
  }

  /** Ticks a queue holds. */
  get channelCapacity(): number {
    return (this.#producers[0] as TickProducer).capacity;
  }

  get partitions(): number {
    return this.#producers.length;
  }

  /**
   * Puts tick number `index` of a frame, a valid one, into the queue of its symbol's partition.
   * {@link publishTicks} makes it visible there.
   *
   * @returns false when the queue is full and does not overwrite
   */
  tryOffer(symbolId: number, ticks: ReceivedTicks, index: number): boolean {
    const producer = this.#producers[this.symbols.partition(symbolId)] as TickProducer;
    if (!producer.tryOffer(symbolId, ticks, index)) return false;
    this.offered++;
    return true;
  }

  /**
   * Takes back the last ticks offered, those of these symbols: none is published or marked. Only
   * where full queues do not overwrite.
   */
  withdraw(symbolIds: Uint32Array, count: number): void {
    for (let i = 0; i < count; i++) {
      const partition = this.symbols.partition(symbolIds[i] as number);
      (this.#producers[partition] as TickProducer).withdraw(1);
    }
    this.offered -= count;
  }

  /** Writes how many ticks were offered to each partition since the start. */
  offeredTo(counts: Float64Array): void {
    for (let i = 0; i < this.#producers.length; i++) {
      counts[i] = (this.#producers[i] as TickProducer).offered;
    }
  }

  /** Sets the end of the next {@link publishMarked} behind the ticks offered so far. */
  mark(): void {
    this.offered = 0;
    for (const producer of this.#producers) producer.mark();
    for (const clock of this.#clocks) clock.mark();
  }

  /** Publishes the ticks before the mark and wakes the workers that sleep. */
  publishMarked(): void {
    for (let i = 0; i < this.#producers.length; i++) {
      const producer = this.#producers[i] as TickProducer;
      const hasClock = (this.#clocks[i] as ClockProducer).publishMarked();
      if (producer.publishMarked() || hasClock) producer.wake();
    }
  }

  /** Whether ticks or readings of the clock wait for {@link mark}. */
  get isUnmarked(): boolean {
    return this.offered > 0 || (this.#clocks[0] as ClockProducer).isUnmarked;
  }

  /** Whether something would end by time, so that {@link advanceClock} is wanted. */
  get isClockWanted(): boolean {
    return this.#clocks.some((clock) => clock.isWanted);
  }

  /**
   * Whether {@link advanceClock} may be called now: not while a capture or a retirement waits for
   * its place in the order of ticks, nor far ahead of the workers.
   */
  get canAdvanceClock(): boolean {
    if (this.#captures?.isPending === true || this.#retirements.isPending) return false;
    return !this.#isStopping && this.#clocks.every((clock) => clock.hasSpace());
  }

  /**
   * Gives all partitions the server's clock, ms since the epoch, after every tick offered before
   * this call and before any later one: what ends by time ends. Visible like ticks.
   */
  advanceClock(now: number): void {
    if (!this.#publishesMarked) this.publishTicks();
    for (let i = 0; i < this.#producers.length; i++) {
      const producer = this.#producers[i] as TickProducer;
      const clock = this.#clocks[i] as ClockProducer;
      clock.push(producer.offered, now);
      if (!this.#publishesMarked && clock.publish()) producer.wake();
    }
  }

  /** Whether {@link changeRules} may be called now. */
  get canChangeRules(): boolean {
    return this.rules?.isSettled === true && this.canAdvanceClock;
  }

  /**
   * Puts a valid rule file into force in all partitions, after every tick offered before this call
   * and before any later one. Visible like ticks.
   *
   * @param now the server's clock, ms since the epoch
   * @throws Error unless {@link canChangeRules}
   */
  changeRules(text: string, file: RuleFile, now: number): void {
    const { rules } = this;
    if (rules === undefined || !this.canChangeRules) throw new Error('rules cannot change now');
    if (!this.#publishesMarked) this.publishTicks();
    const positions = this.#producers.map(({ offered }) => offered);
    rules.change(text, file, now, this.#clocks, positions);
    if (this.#publishesMarked) return;
    for (let i = 0; i < this.#producers.length; i++) {
      if ((this.#clocks[i] as ClockProducer).publish()) (this.#producers[i] as TickProducer).wake();
    }
  }

  /** Publishes the offered ticks and wakes the workers that sleep: once for many frames. */
  publishTicks(): void {
    if (!this.isUnmarked) return;
    this.offered = 0;
    for (let i = 0; i < this.#producers.length; i++) {
      const producer = this.#producers[i] as TickProducer;
      const hasClock = (this.#clocks[i] as ClockProducer).publish();
      if (producer.publish() || hasClock) producer.wake();
    }
  }

  /**
   * Publishes the offered ticks. If they are few, applies those of workers that sleep, at once and
   * on this thread; wakes the others.
   */
  applyTicks(): void {
    if (this.offered > FEW_TICKS || this.#isStopping) {
      this.publishTicks();
      return;
    }
    this.offered = 0;
    for (let i = 0; i < this.#producers.length; i++) {
      const producer = this.#producers[i] as TickProducer;
      if (producer.publish() && !(this.#steppers[i] as GatewayStepper).step()) producer.wake();
    }
  }

  /** Ticks applied so far. */
  applied(): number {
    let applied = 0;
    for (const counters of this.#counters) applied += counters.get(Counter.APPLIED);
    return applied;
  }

  /** Ticks that the fullest queue can take. */
  freeSlots(): number {
    let free = Number.POSITIVE_INFINITY;
    for (const producer of this.#producers) free = Math.min(free, producer.free());
    return free;
  }

  /** Whether ticks wait to be applied, or changes, anomalies or alerts to be taken. */
  isBusy(): boolean {
    return this.isApplying() || this.hasNews();
  }

  /** Whether ticks or readings of the clock wait to be applied. */
  isApplying(): boolean {
    return (
      this.#producers.some((producer) => producer.depth() > 0) ||
      this.#clocks.some((clock) => clock.waiting > 0)
    );
  }

  /** Whether changes, anomalies or alerts wait to be taken. */
  hasNews(): boolean {
    return !this.dirty.isEmpty() || this.hasAnomalies() || this.hasAlerts();
  }

  /** Whether anomalies wait to be taken. */
  hasAnomalies(): boolean {
    return this.#anomalies.some((ring) => !ring.isEmpty());
  }

  /** Whether alerts wait to be taken. */
  hasAlerts(): boolean {
    return this.#alerts.some((ring) => !ring.isEmpty());
  }

  /**
   * Passes at most `limit` new anomalies to `sink`, a symbol's oldest first. Returns how many. Each
   * call begins with another partition: none waits for ever behind one that is always full. Reports
   * of lost ticks go to {@link onLost} and count as anomalies.
   */
  drainAnomalies(sink: AnomalySink, limit = Number.POSITIVE_INFINITY): number {
    return this.#drain('anomalies', this.#anomalies, limit, (ring, left, partition) =>
      ring.drain(sink, left, this.#lostSinks[partition]),
    );
  }

  /** The same for alerts. */
  drainAlerts(sink: AlertSink, limit = Number.POSITIVE_INFINITY): number {
    return this.#drain('alerts', this.#alerts, limit, (ring, left) => ring.drain(sink, left));
  }

  #drain<Ring>(
    kind: 'anomalies' | 'alerts',
    rings: readonly Ring[],
    limit: number,
    drain: (ring: Ring, left: number, partition: number) => number,
  ): number {
    const first = (this.#firstRings[kind] + 1) % this.partitions;
    this.#firstRings[kind] = first;
    let count = 0;
    for (let i = 0; i < rings.length; i++) {
      const partition = (first + i) % rings.length;
      count += drain(rings[partition] as Ring, limit - count, partition);
    }
    return count;
  }

  /** Positions behind the newest anomaly, and the newest alert, of each partition. */
  raisedEnds(): readonly number[] {
    return [...this.#anomalies, ...this.#alerts].map(({ end }) => end);
  }

  /** Whether everything before {@link raisedEnds} has been drained. */
  hasDrained(ends: readonly number[]): boolean {
    return [...this.#anomalies, ...this.#alerts].every((ring, i) => ring.isPast(ends[i] as number));
  }

  /**
   * Calls `onNews` once when changes, anomalies or alerts come after this call.
   *
   * @returns whether some are waiting already; `onNews` may not be called for these
   */
  armDoorbell(onNews: () => void): boolean {
    this.#doorbell.arm(onNews);
    return this.hasNews();
  }

  /** Whether {@link capture} may be called now. */
  get isCapturePossible(): boolean {
    return this.#captures?.isFree === true && !this.#isStopping;
  }

  /**
   * Captures the state of all symbols after every tick offered before this call and none after it
   * (except ticks that a full queue overwrites, which are in no capture). Intake goes on meanwhile.
   * Resolves when all workers have reached the cut; {@link releaseCapture} must precede the next
   * call.
   *
   * @throws Error unless {@link isCapturePossible}
   */
  async capture(): Promise<Capture> {
    if (this.#captures === undefined) throw new Error('the engine was started without captures');
    if (!this.#captures.isFree) throw new Error('the previous capture is not released');
    if (this.#isStopping) throw new Error('the engine is stopping');
    if (!this.#publishesMarked) this.publishTicks();
    return this.#captures.request(this.symbols.names.length);
  }

  /** Makes a capture, not released yet, the base of {@link Capture.sinceBase}. */
  setCaptureBase(capture: Capture): void {
    this.#captures?.setBase(capture);
  }

  /** Lets the next capture overwrite this one. No thread may read it afterwards. */
  releaseCapture(capture: Capture): void {
    this.#captures?.release(capture);
  }

  /**
   * Has the workers forget live symbols, at most RETIRED_MAX, when no capture is being made or
   * read; see {@link Retirements.request}. One call at a time. {@link forget} follows for each that
   * was forgotten.
   *
   * @param onCut called when the request is made: ticks offered before belong to the old lives
   */
  async retire(
    retirees: readonly Retiree[],
    onCut: () => void = () => undefined,
  ): Promise<readonly boolean[]> {
    while (this.#captures?.isFree === false) await this.#captures.free();
    if (!this.#publishesMarked) this.publishTicks();
    onCut();
    return this.#retirements.request(retirees);
  }

  /**
   * Frees the place of a symbol that the workers have forgotten.
   *
   * @returns false if it was revived meanwhile, and stays
   */
  forget(symbolId: number): boolean {
    const name = this.symbols.name(symbolId);
    if (!this.symbols.endRetiring(symbolId)) return false;
    this.continueAnomalies(symbolId, 0);
    this.continueAlerts(symbolId, 0);
    this.#captures?.noteRetired(name);
    return true;
  }

  /** Numbers the anomalies of a new symbol from `last` + 1 on. Before its first tick is offered. */
  continueAnomalies(symbolId: number, last: number): void {
    this.statistics.continueAnomalies(symbolId, last);
  }

  /** Sequence of a symbol's newest alert; 0 if it has none. */
  lastAlert(symbolId: number): number {
    return this.rules?.lastAlert(symbolId) ?? 0;
  }

  /** Numbers the alerts of a new symbol from `last` + 1 on. Before its first tick is offered. */
  continueAlerts(symbolId: number, last: number): void {
    this.rules?.continueAlerts(symbolId, last);
  }

  /**
   * Whether standby threads are ready to replace a worker that dies. Without them a replacement
   * takes longer.
   */
  get hasStandby(): boolean {
    return this.#standby.isReady;
  }

  status(partition: number): PartitionStatus {
    const thread = this.#threads[partition] as PartitionThread;
    return {
      counters: this.#counters[partition] as Counters,
      queueDepth: (this.#producers[partition] as TickProducer).depth(),
      restarts: thread.restarts,
      quarantined: (this.#quarantines[partition] as Quarantine).count,
      windowBytes: usedPlaceBytes(this.#places[partition] as Int32Array),
    };
  }

  /** Kills a partition's worker immediately, for drills; it is replaced. */
  async killWorker(partition: number): Promise<void> {
    await (this.#threads[partition] as PartitionThread).kill();
  }

  /**
   * Ends the workers after they have applied the queued ticks; where ticks are published by
   * {@link publishMarked}, those that were. Passes the last anomalies and alerts to the sinks.
   */
  async stop(
    sink: AnomalySink = () => undefined,
    alertSink: AlertSink = () => undefined,
  ): Promise<void> {
    this.#isStopping = true;
    if (!this.#publishesMarked) this.publishTicks();
    const ended = this.#threads.map((thread) => thread.stop());
    for (const producer of this.#producers) producer.stop();
    const drain = () => {
      this.drainAnomalies(sink);
      this.drainAlerts(alertSink);
    };
    // A worker with a full ring would otherwise wait for ever.
    const timer = setInterval(drain, STOP_DRAIN_MS);
    await Promise.all(ended);
    clearInterval(timer);
    drain();
    await this.#standby.end();
  }
}
