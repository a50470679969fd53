import { type AnomalySink, Counter, type Engine } from '../../src/engine/index.ts';
import { ROW_VALUES, RowValue } from '../../src/engine/memory/statistics-table.ts';
import type { ReceivedTicks, TickColumns } from '../../src/engine/memory/tick-ring.ts';
import { Partition } from '../../src/engine/partition.ts';
import { PartitionWorker } from '../../src/engine/partition-worker.ts';
import type { Rules } from '../../src/engine/rules.ts';
import { type Scheduler, Thread } from '../core/scheduler.ts';
import { expectThat } from '../core/violation.ts';
import { QueueModel } from './queue-model.ts';
import { SymbolModel } from './symbol-model.ts';

/**
 * The gateway rests for 20 ms at most; many looks at the clock in one turn may each find that some
 * ms have passed.
 */
const NEWS_MS_MAX = 250;
/** News this old was not taken by a look that was under way, ms. */
const REST_MS_MAX = 20;

/** A tick offered to the engine. */
export interface Offer {
  readonly symbolId: number;
  readonly price: number;
  readonly time: number;
  readonly wasTaken: boolean;
}

/** Is told of ticks, by partition and position in its queue. */
interface TickWatcher {
  /** One is about to be applied. */
  began(partition: number, position: number): void;
  /** A worker died of one. */
  skipped(symbol: string, partition: number, position: number): void;
}

/**
 * Sees every tick that enters a queue, every one that a worker applies and every anomaly that the
 * gateway takes, and checks each against the models.
 */
export class EngineOracle {
  /** By symbol, over all processes. */
  readonly models = new Map<string, SymbolModel>();
  /** Models by symbol id, of the process that runs now. */
  byId: SymbolModel[] = [];
  /** Sequence of the newest anomaly of a symbol that the gateway took, by symbol id. */
  drained: number[] = [];
  /** Where the numbering stood when the process started, by symbol id. */
  drainedFrom: number[] = [];
  queues: QueueModel[] = [];
  /** Ticks applied and anomalies taken by all processes together. */
  ticksApplied = 0;
  anomaliesTaken = 0;
  /** Since when rows and anomalies that workers published wait for the gateway, ms. */
  #rowsSince: number | undefined;
  #anomaliesSince: number | undefined;
  #isStoreFull: () => boolean = () => false;
  /** Symbols that the process knows. */
  known = new Set<string>();
  /** Offers since it was last emptied. */
  readonly offers: Offer[] = [];
  /** Undefined without a journal. */
  journal: TickWatcher | undefined;
  /** Called for each symbol that is new to the process. */
  onSymbol: (symbolId: number) => void = () => undefined;
  readonly #scheduler: Scheduler;
  readonly rules: Rules;
  readonly #maxFutureMs: number;
  readonly #row = new Float64Array(ROW_VALUES);
  #engine: Engine | undefined;
  #isQuiet = false;

  constructor(scheduler: Scheduler, rules: Rules, maxFutureMs: number) {
    this.#scheduler = scheduler;
    this.#maxFutureMs = maxFutureMs;
    this.rules = rules;
  }

  /** Whether the oracle itself reads shared memory: then no thread is interrupted. */
  get isQuiet(): boolean {
    return this.#isQuiet;
  }

  get engine(): Engine {
    if (this.#engine === undefined) throw new Error('no engine runs');
    return this.#engine;
  }

  get isRunning(): boolean {
    return this.#engine !== undefined;
  }

  /** The process is gone. */
  lost(): void {
    this.#engine = undefined;
  }

  /** Looks on at an engine that starts, from nothing or from what was restored. */
  attach(engine: Engine, overwrites: boolean, isStoreFull: () => boolean): void {
    this.#engine = engine;
    this.#isStoreFull = isStoreFull;
    this.#rowsSince = undefined;
    this.#anomaliesSince = undefined;
    this.#stepping = [];
    const { channelCapacity, partitions } = engine;
    this.queues = Array.from(
      { length: partitions },
      () => new QueueModel(channelCapacity, overwrites),
    );
    this.byId = [];
    this.known = new Set();
    this.drained = [];
    this.drainedFrom = [];
    this.quietly(() => {
      for (const [symbolId] of engine.symbols.names.entries()) this.#learn(symbolId);
    });
    const tryOffer = engine.tryOffer.bind(engine);
    engine.tryOffer = (symbolId, ticks, index) => {
      const wasTaken = tryOffer(symbolId, ticks, index);
      this.#offered(symbolId, ticks, index, wasTaken);
      return wasTaken;
    };
    const withdraw = engine.withdraw.bind(engine);
    engine.withdraw = (symbolIds, count) => {
      withdraw(symbolIds, count);
      for (let i = 0; i < count; i++) {
        this.queues[this.#partitionOf(symbolIds[i] as number)]?.withdraw();
      }
      this.offers.length = 0;
    };
    const continueAnomalies = engine.continueAnomalies.bind(engine);
    engine.continueAnomalies = (symbolId, last) => {
      continueAnomalies(symbolId, last);
      this.model(symbolId).continueFrom(last);
      this.drained[symbolId] = last;
    };
    const { dirty } = engine;
    const take = dirty.take.bind(dirty);
    dirty.take = (into) => {
      this.#rowsSince = undefined;
      return take(into);
    };
    const hasAnomalies = engine.hasAnomalies.bind(engine);
    engine.hasAnomalies = () => {
      const isWaiting = hasAnomalies();
      if (!isWaiting) this.#anomaliesSince = undefined;
      return isWaiting;
    };
    const drainAnomalies = engine.drainAnomalies.bind(engine);
    engine.drainAnomalies = (sink, limit) => {
      this.#anomaliesSince = undefined;
      return drainAnomalies(this.#watching(sink), limit);
    };
  }

  /** Everything was replayed: what comes now is of this process. */
  serves(): void {
    for (const [symbolId, model] of this.byId.entries()) {
      this.drainedFrom[symbolId] = model.lastAnomaly;
    }
    this.offers.length = 0;
    this.#rowsSince = undefined;
    this.#anomaliesSince = undefined;
  }

  /** Runs `look` without interrupting any thread. */
  quietly<Result>(look: () => Result): Result {
    const before = this.#isQuiet;
    this.#isQuiet = true;
    const result = look();
    this.#isQuiet = before;
    return result;
  }

  model(symbolId: number): SymbolModel {
    return this.byId[symbolId] ?? this.#learn(symbolId);
  }

  nameOf(symbolId: number): string {
    return this.engine.symbols.name(symbolId);
  }

  /** A worker rests: what its partition counts must be what left its queue. */
  checkCounters(partition: number): void {
    const queue = this.queues[partition];
    if (queue === undefined || this.#engine === undefined || queue.applying >= 0) return;
    const { counters } = this.engine.status(partition);
    this.quietly(() => {
      const lapped = counters.get(Counter.LAPPED);
      const skipped = counters.get(Counter.SKIPPED);
      queue.lapTo(counters.taken());
      expectThat(
        counters.taken() === queue.taken && lapped === queue.lapped && skipped === queue.skipped,
        'accepted = applied + queued + overwritten + skipped',
        () =>
          `partition ${partition}: taken ${counters.taken()}, overwritten ${lapped}, ` +
          `skipped ${skipped}; ` +
          `expected ${queue.taken}, ${queue.lapped}, ${queue.skipped}`,
      );
      expectThat(
        counters.get(Counter.TRUNCATED) === 0,
        'windows',
        () => 'a window of a few ticks was truncated',
      );
    });
  }

  /** A worker has ended a step. */
  stepped(partition: number, hasApplied: boolean): void {
    if (hasApplied) {
      this.#rowsSince ??= this.#scheduler.now;
      this.#anomaliesSince ??= this.#scheduler.now;
    }
    this.checkCounters(partition);
  }

  /**
   * While the server serves, news from workers must not be left lying; but anomalies stay in their
   * rings for as long as the store is full.
   */
  checkNews(): void {
    const { now } = this.#scheduler;
    if (this.#isStoreFull()) this.#anomaliesSince &&= now;
    const rowsMs = this.#msSince(this.#rowsSince);
    const anomaliesMs = this.#msSince(this.#anomaliesSince);
    // Published after the gateway looked, but before it took what had changed: taken all the same.
    if (rowsMs > REST_MS_MAX && this.quietly(() => this.engine.dirty.isEmpty())) {
      this.#rowsSince = undefined;
    } else expectTaken('rows', rowsMs);
    if (anomaliesMs > REST_MS_MAX && !this.quietly(() => this.engine.hasAnomalies())) {
      this.#anomaliesSince = undefined;
    } else expectTaken('anomalies', anomaliesMs);
  }

  /** Time since `start` for which the server was not paused, ms. */
  #msSince(start = this.#scheduler.now): number {
    return this.#scheduler.now - start - this.#scheduler.pausedSince(start);
  }

  /** By partition, the thread in the middle of a batch of it. */
  #stepping: (number | undefined)[] = [];

  #partitionOf(symbolId: number): number {
    return this.quietly(() => this.engine.symbols.partition(symbolId));
  }

  /** The thread that runs begins to apply a tick. */
  began(ticks: TickColumns, index: number): void {
    const symbolId = ticks.symbolIds[index] as number;
    const partition = this.#partitionOf(symbolId);
    this.#expectAlone(partition);
    const queue = this.queues[partition] as QueueModel;
    const price = ticks.prices[index] as number;
    const time = ticks.times[index] as number;
    const position = this.quietly(() => this.engine.status(partition).counters.taken());
    queue.begin(position, { symbolId, price, time });
    this.journal?.began(partition, position);
    const latestTime = (ticks.receivedAt[index] as number) + this.#maxFutureMs;
    this.model(symbolId).begin(price, time, position, latestTime);
  }

  #expectAlone(partition: number): void {
    const { thread } = this.#scheduler;
    const other = this.#stepping[partition] ?? thread;
    expectThat(
      other === thread,
      'one thread at a time steps a partition',
      () => `thread ${thread} applies ticks of partition ${partition} while thread ${other} does`,
    );
    this.#stepping[partition] = thread;
  }

  /** The thread that runs has ended a batch, or died in it. */
  left(): void {
    const { thread } = this.#scheduler;
    for (const [partition, stepping] of this.#stepping.entries()) {
      if (stepping !== thread) continue;
      this.#stepping[partition] = undefined;
      if (thread === Thread.MAIN && this.#engine !== undefined) this.stepped(partition, true);
    }
  }

  /** It has applied it. */
  ended(symbolId: number): void {
    this.model(symbolId).settle();
    this.ticksApplied++;
    (this.queues[this.#partitionOf(symbolId)] as QueueModel).end();
  }

  /** The worker has cleaned up after a predecessor that died on a tick of this symbol. */
  repaired(symbolId: number): void {
    this.quietly(() => {
      const { statistics } = this.engine;
      const version = statistics.read(symbolId, this.#row, 0);
      const count = version === 0 ? 0 : (this.#row[RowValue.COUNT] as number);
      this.model(symbolId).repair(this.nameOf(symbolId), count, statistics.anomalies(symbolId));
    });
    // One that died while cleaning up has its successor do it again; the tick is given up once.
    const partition = this.#partitionOf(symbolId);
    const queue = this.queues[partition] as QueueModel;
    if (queue.applying < 0) return;
    this.journal?.skipped(this.nameOf(symbolId), partition, queue.applying);
    queue.skip();
  }

  #offered(symbolId: number, ticks: ReceivedTicks, index: number, wasTaken: boolean): void {
    const price = ticks.prices[index] as number;
    const time = ticks.times[index] as number;
    this.offers.push({ symbolId, price, time, wasTaken });
    const partition = this.engine.symbols.partition(symbolId);
    this.model(symbolId);
    if (wasTaken) {
      this.queues[partition]?.offer({ symbolId, price, time });
      return;
    }
    const depth = this.quietly(() => this.engine.status(partition).queueDepth);
    expectThat(
      depth === this.engine.channelCapacity,
      'only a full queue drops',
      () => `a tick was dropped with ${depth} of ${this.engine.channelCapacity} waiting`,
    );
  }

  #watching(sink: AnomalySink): AnomalySink {
    return (anomaly, symbolId) => {
      const { sequence, direction, reference, price, changePercent, time } = anomaly;
      this.#drainedOne(symbolId, sequence, [direction, reference, price, changePercent, time]);
      sink(anomaly, symbolId);
    };
  }

  #drainedOne(symbolId: number, sequence: number, values: readonly number[]): void {
    const symbol = this.nameOf(symbolId);
    const model = this.model(symbolId);
    const last = this.drained[symbolId] as number;
    expectThat(
      sequence === last + 1,
      'anomalies come in order, none missing, none twice',
      () => `${symbol}: anomaly ${sequence} came after ${last}`,
    );
    this.drained[symbolId] = sequence;
    this.anomaliesTaken++;
    model.checkAnomaly(symbol, sequence, values);
  }

  #learn(symbolId: number): SymbolModel {
    const symbol = this.nameOf(symbolId);
    let model = this.models.get(symbol);
    if (model === undefined) {
      model = new SymbolModel(this.rules);
      this.models.set(symbol, model);
    }
    this.byId[symbolId] = model;
    this.known.add(symbol);
    this.drained[symbolId] = model.lastAnomaly;
    this.drainedFrom[symbolId] = model.lastAnomaly;
    this.onSymbol(symbolId);
    return model;
  }
}

type Method<Name extends 'apply' | 'repair'> = (
  this: Partition,
  ...args: Parameters<Partition[Name]>
) => void;

const apply = Reflect.get(Partition.prototype, 'apply') as Method<'apply'>;
const repair = Reflect.get(Partition.prototype, 'repair') as Method<'repair'>;

/** The oracle of the run that is under way. */
let watcher: EngineOracle | undefined;

/** The same functions in every run, so that the compiler can inline them. */
const watchedApply: Method<'apply'> = function (ticks, index) {
  watcher?.began(ticks, index);
  apply.call(this, ticks, index);
  watcher?.ended(ticks.symbolIds[index] as number);
};

const watchedRepair: Method<'repair'> = function (symbolId, sequence) {
  repair.call(this, symbolId, sequence);
  watcher?.repaired(symbolId);
};

type Step<Name extends 'step' | 'stepBriefly'> = (
  this: PartitionWorker,
) => ReturnType<PartitionWorker[Name]>;

const step = Reflect.get(PartitionWorker.prototype, 'step') as Step<'step'>;
const stepBriefly = Reflect.get(PartitionWorker.prototype, 'stepBriefly') as Step<'stepBriefly'>;

const watchedStep: Step<'step'> = function () {
  try {
    return step.call(this);
  } finally {
    watcher?.left();
  }
};

const watchedStepBriefly: Step<'stepBriefly'> = function () {
  try {
    return stepBriefly.call(this);
  } finally {
    watcher?.left();
  }
};

/** Reports every tick that a partition of the process applies. Returns how to stop that. */
export function watchPartitions(oracle: EngineOracle): () => void {
  watcher = oracle;
  Object.assign(Partition.prototype, { apply: watchedApply, repair: watchedRepair });
  Object.assign(PartitionWorker.prototype, { step: watchedStep, stepBriefly: watchedStepBriefly });
  return () => {
    watcher = undefined;
    Object.assign(Partition.prototype, { apply, repair });
    Object.assign(PartitionWorker.prototype, { step, stepBriefly });
  };
}

function expectTaken(what: string, ms: number): void {
  expectThat(
    ms <= NEWS_MS_MAX,
    'the gateway looks at what is new',
    () => `it did not look at ${what} for ${ms} ms`,
  );
}
