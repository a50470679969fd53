import type { AnomalyCount, SymbolState } from '../src/engine/index.ts';
import { Random } from '../testkit/random.ts';
import { TickMaker } from './clients/tick-maker.ts';
import { Scheduler, Thread } from './core/scheduler.ts';
import { Trace } from './core/trace.ts';
import { breakOff, expectThat } from './core/violation.ts';
import { VirtualGlobals } from './core/virtual-globals.ts';
import { SimulatedNetwork } from './network/simulated-network.ts';
import { EngineOracle } from './oracles/engine-oracle.ts';
import { HistoryOracle } from './oracles/history-oracle.ts';
import { JournalOracle } from './oracles/journal-oracle.ts';
import { ServerOracle } from './oracles/server-oracle.ts';
import { createScenario, type Scenario } from './scenario.ts';
import { SimulatedDisk } from './server/simulated-disk.ts';
import { SimulatedSegments } from './server/simulated-segments.ts';
import type { SimulatedWorker, WorkerFate } from './server/simulated-worker.ts';
import { VirtualAtomics } from './server/virtual-atomics.ts';

/** How often everything comes to rest after a worker died. */
const REST_AFTER_DEATH = 0.05;

/** Everything around a server, and what its parts share. */
export class World {
  readonly random: Random;
  readonly trace = new Trace();
  readonly scheduler: Scheduler;
  readonly scenario: Scenario;
  readonly globals: VirtualGlobals;
  readonly atomics: VirtualAtomics;
  readonly disk = new SimulatedDisk();
  readonly network: SimulatedNetwork;
  readonly oracle: ServerOracle;
  readonly history: HistoryOracle;
  /** The files of the journal, and what is to be in them; unused without a store. */
  readonly segments: SimulatedSegments;
  readonly journal: JournalOracle;
  readonly ticks: TickMaker;
  /** Whether faults and misbehaviour pause, so that things can come to rest. */
  isCalm = false;
  /** Workers by the partition of the server that runs. */
  workers: () => readonly SimulatedWorker[] = () => [];
  /** A worker waits in the middle of a step, where no promise is kept. */
  blocked: () => void = () => undefined;
  /** Whether things are to come to rest before their time. */
  isRestDue = false;
  /** An error in code that is not awaited. */
  lost: unknown;
  /** Workers that died so far. */
  deaths = 0;
  /** Batches that the gateway applied itself, and those in which a tick threw. */
  gatewayBatches = 0;
  gatewayFailures = 0;

  constructor(seed: number) {
    this.random = new Random(seed);
    this.scenario = createScenario(this.random);
    this.scheduler = new Scheduler(this.random, this.trace);
    this.globals = new VirtualGlobals(this.scheduler);
    this.atomics = new VirtualAtomics(this.scheduler, (block) => {
      const worker = this.workers()[this.scheduler.thread - 1];
      if (worker === undefined) breakOff('the gateway never blocks', 'it waits for a worker');
      worker.block(block);
    });
    this.network = new SimulatedNetwork(this.scheduler, (error) => {
      throw error;
    });
    const { config } = this.scenario;
    const engine = new EngineOracle(
      this.scheduler,
      config.processing,
      config.processing.maxFutureMs,
    );
    this.oracle = new ServerOracle(engine, config, this.scheduler, this.globals);
    const hasStore = config.store.directory !== '';
    const isSync = hasStore && config.store.mode === 'sync';
    this.history = new HistoryOracle(engine, this.disk, {
      perSymbolMax: config.stream.recentAnomaliesPerSymbol,
      hasStore,
      isSync,
    });
    this.segments = new SimulatedSegments(this.random, this.disk, () => this.globals.wallNow);
    this.segments.onCall = () => {
      // In the middle of a call to the system, others run.
      const { random, scheduler } = this;
      const isOwn = scheduler.thread === Thread.JOURNAL && !scheduler.isInterrupting;
      if (isOwn && random.chance(0.3)) scheduler.interleave(1 + random.below(3));
    };
    const { maxFutureMs } = config.processing;
    this.journal = new JournalOracle(engine, this.segments, { isSync, maxFutureMs });
    if (hasStore) {
      engine.journal = this.journal;
      this.oracle.journal = this.journal;
    }
    this.ticks = new TickMaker(this.random, this.globals, this.scenario.symbols);
  }

  /** Decides about workers. */
  get fate(): WorkerFate {
    return {
      scheduler: this.scheduler,
      atomics: this.atomics,
      watched: this.scenario.watchedWorkers,
      isCalm: () => this.isCalm,
      blocked: () => this.blocked(),
      queued: (partition) => this.oracle.engine.queues[partition]?.depth ?? 0,
      started: () => {
        this.scheduler.hasMicrotasks = true;
      },
      died: () => {
        this.deaths++;
        // What a death left undone would be made good by later ticks, and go unseen.
        if (!this.isCalm && this.random.chance(REST_AFTER_DEATH)) this.isRestDue = true;
      },
      stepped: (worker, hasApplied) => {
        this.oracle.engine.stepped(worker.partition, hasApplied);
      },
    };
  }

  /** Lets work go on that is not awaited. */
  detach(work: Promise<unknown>): void {
    this.scheduler.hasMicrotasks = true;
    work.catch((error: unknown) => {
      this.lost ??= error;
      this.scheduler.hasMicrotasks = true;
    });
  }

  /** A process starts with what an earlier one left. */
  restore(symbols: readonly (SymbolState | AnomalyCount)[]): void {
    for (const item of symbols) {
      const stored = this.disk.lastSequence(item.symbol);
      expectThat(
        item.anomalies <= stored,
        'a snapshot stands on anomalies that are on disk',
        () => `${item.symbol}: ${item.anomalies} in the snapshot, ${stored} on disk`,
      );
    }
    const anomalies = new Map<string, number>();
    const states = new Map<string, SymbolState>();
    for (const item of symbols) {
      anomalies.set(item.symbol, Math.max(anomalies.get(item.symbol) ?? 0, item.anomalies));
      if ('count' in item) states.set(item.symbol, item);
    }
    for (const [symbol, model] of this.oracle.engine.models) {
      const state = states.get(symbol);
      const isEmpty = state === undefined || state.count === 0;
      if (this.journal.isInexact(symbol)) model.isInexact = true;
      model.restore(isEmpty ? undefined : state, anomalies.get(symbol) ?? 0);
    }
  }

  /** Publishers resume here; what was told to be durable must be. */
  resume(publishers: Iterable<readonly [name: string, sequence: number]>): void {
    const known = new Map(publishers);
    for (const record of this.oracle.records.values()) {
      record.sequence = known.get(record.name) ?? 0;
      expectThat(
        !this.oracle.isDurable || record.sequence >= record.durable,
        'nothing acknowledged as durable is lost',
        () => `${record.name}: ${record.sequence}, acknowledged was ${record.durable}`,
      );
      record.durable = record.sequence;
    }
  }
}
