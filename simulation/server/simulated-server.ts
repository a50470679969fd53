import type { Worker } from 'node:worker_threads';
import type { Config } from '../../src/config/schema.ts';
import { decodeSymbolStates, Engine, type EngineOptions } from '../../src/engine/index.ts';
import type { SymbolState } from '../../src/engine/symbol-state.ts';
import {
  createGatewayContext,
  EventLoopDelay,
  Gateway,
  type GatewayContext,
  Health,
  PublisherRegistry,
  TickJournal,
  UNWATCHED,
} from '../../src/gateway/index.ts';
import { Journal, type StartJournalWriter } from '../../src/journal/index.ts';
import {
  type FoundJournal,
  findJournal,
  planReplay,
  recoverJournal,
} from '../../src/recovery/index.ts';
import { NOTHING_RECOVERED, type Recovered, recover } from '../../src/store/recovery.ts';
import {
  type JournalOfSnapshots,
  noSnapshots,
  readSnapshotHeader,
  type SnapshotCounters,
  Snapshots,
} from '../../src/store/snapshots.ts';
import { Thread } from '../core/scheduler.ts';
import { expectThat } from '../core/violation.ts';
import { SnapshotOracle } from '../oracles/snapshot-oracle.ts';
import type { World } from '../world.ts';
import { SimulatedJournalThread } from './simulated-journal.ts';
import { SimulatedStore } from './simulated-store.ts';
import { SimulatedWorker } from './simulated-worker.ts';
import { type OnAccess, withViews } from './watched-views.ts';

const LOG = { info: () => undefined, warn: () => undefined, error: () => undefined };
const ACCESSES_BETWEEN_INTERRUPTIONS = 300;
/** Memory of a partition for large deques. */
const GROW_BYTES = 1 << 20;

/** What a start brought back. */
interface Restart {
  readonly publishers: Iterable<readonly [name: string, sequence: number]>;
  readonly start: number;
  readonly ticks: number;
  readonly isInexact: boolean;
}

/** HTTP is not simulated. */
function noHttp(): never {
  throw new Error('HTTP is not served');
}

/** A run of the server: everything of it is real but for its threads, sockets and disk. */
export class SimulatedServer {
  /** Whether it serves; false while it starts and after it ended. */
  isServing = false;
  /** Whether it is being stopped. */
  isStopping = false;
  workers: SimulatedWorker[] = [];
  readonly #world: World;
  readonly #config: Config;
  readonly #store: SimulatedStore | undefined;
  #journal: Journal | undefined;
  #journalThread: SimulatedJournalThread | undefined;
  #engine: Engine | undefined;
  /** The engine while it replays. */
  #replaying: Engine | undefined;
  #gateway: Gateway | undefined;
  #snapshots: Snapshots | undefined;
  #isDead = false;

  constructor(world: World) {
    this.#world = world;
    this.#config = world.scenario.config;
    if (this.#config.store.directory !== '') this.#store = new SimulatedStore(world);
  }

  /** Whether the process is still there. */
  get isAlive(): boolean {
    return !this.#isDead;
  }

  async start(): Promise<void> {
    const store = this.#store;
    const { journal, segments } = this.#world;
    const found = store && findJournal(segments, LOG);
    const hasJournal = found !== undefined && found.first < found.end;
    const recovered = store
      ? await recover(store, LOG, noSnapshots(), hasJournal)
      : NOTHING_RECOVERED;
    if (this.#isDead) return;
    const symbols = [...recovered.symbols];
    if (found !== undefined) {
      const { journal: snapshot, publishers } = recovered;
      const isClosed = found.closedAt !== undefined;
      journal.found({ end: found.end, isClosed, publishers, snapshot: snapshot?.position });
    }
    this.#world.restore(symbols);
    const engine = await this.#startEngine({ ...recovered, symbols });
    if (this.#isDead) return;
    this.#engine = engine;
    this.#world.oracle.engine.attach(
      engine,
      this.#config.processing.overflow === 'dropOldest',
      () => store?.space === 0,
    );
    this.#watchCaptures(engine);
    const restart = await this.#replay(engine, recovered, found);
    if (this.#isDead) return;
    this.#world.oracle.engine.serves();
    this.#world.resume(restart.publishers);
    await this.#serve(engine, restart);
    if (!this.#isDead) this.isServing = true;
  }

  async #replay(
    engine: Engine,
    recovered: Recovered,
    found: FoundJournal | undefined,
  ): Promise<Restart> {
    const store = this.#store;
    const { publishers } = recovered;
    if (found === undefined || store === undefined) {
      return { publishers, start: 0, ticks: 0, isInexact: false };
    }
    const { journal } = this.#world;
    journal.watchReplay(engine);
    const plan = planReplay(recovered, found);
    expectThat(
      plan.fault === undefined,
      'the journal leads on from the snapshot',
      () => plan.fault ?? '',
    );
    const progress = () => undefined;
    const parts = { engine, store, found, plan, recovered, log: LOG, progress };
    this.#replaying = engine;
    const replayed = await recoverJournal(parts);
    this.#replaying = undefined;
    if (!this.#isDead) journal.replayed(engine, replayed.publishers, replayed.isInexact);
    return { ...replayed, start: plan.start };
  }

  /** While a worker waits: takes anomalies, as the replay does between two events. */
  makeSpace(): void {
    const { scheduler } = this.#world;
    const store = this.#store;
    const engine = this.#replaying;
    if (engine === undefined || store === undefined) return;
    scheduler.after(scheduler.random.float(), Thread.MAIN, 'the replay looks', () => {
      if (engine === this.#replaying)
        engine.drainAnomalies((anomaly) => store.append(anomaly), Number.POSITIVE_INFINITY);
    });
  }

  /** Opens the journal of this run, as `server.ts` does. */
  async #openJournal(
    engine: Engine,
    registry: PublisherRegistry,
    start: number,
  ): Promise<TickJournal | undefined> {
    const store = this.#store;
    if (store === undefined) return undefined;
    const { scenario, scheduler } = this.#world;
    const { journal, processing, publish, store: stored } = this.#config;
    const ticks = new TickJournal(engine, registry);
    const mayGap =
      processing.overflow !== 'wait' &&
      publish.acknowledge === 'accepted' &&
      stored.mode === 'async';
    const opened = await Journal.open(
      {
        ...scenario.journal,
        // It only has to exist.
        directory: '.',
        start,
        syncMs: journal.syncMs,
        run: `run ${scheduler.process}`,
        startedAt: this.#world.globals.wallNow,
        partitions: engine.partitions,
        names: ticks.names,
        offered: ticks.offered,
        mayGap,
        retention: { ageMs: 0, bytes: journal.retentionBytes },
      },
      LOG,
      { onLost: () => undefined, onGapEnd: () => this.#snapshots?.request() },
      this.#startJournalThread,
    );
    if (this.#isDead) return undefined;
    this.#journal = opened;
    this.#world.journal.watch(opened, ticks.names.publisher);
    ticks.connect(opened);
    ticks.onInexact = () => this.#snapshots?.request();
    store.follow(this.#noticed(opened));
    return ticks;
  }

  readonly #startJournalThread: StartJournalWriter = (data, onReport, onDeath) => {
    const { disk, journal, scheduler, segments } = this.#world;
    const thread = new SimulatedJournalThread(
      data,
      scheduler,
      disk,
      segments,
      { onReport, onDeath },
      () => journal.stepped(thread.synced),
    );
    this.#journalThread = thread;
    return thread;
  };

  /** The journal, for code that awaits it without an event: promises are looked after. */
  #noticed(journal: Journal): JournalOfSnapshots {
    const { scheduler } = this.#world;
    return {
      get position() {
        return journal.position;
      },
      get syncedPosition() {
        scheduler.hasMicrotasks = true;
        return journal.syncedPosition;
      },
      get fault() {
        return journal.fault;
      },
      whenSynced: (position) => journal.whenSynced(position),
      retain: (position) => journal.retain(position),
    };
  }

  /** Ends it in good order, as `server.ts` does. */
  async stop(): Promise<void> {
    this.isStopping = true;
    this.isServing = false;
    await this.#gateway?.stop();
    await this.#snapshots?.stop();
    const [anomalies, alerts] = this.#gateway?.lastRecords ?? [];
    await this.#engine?.stop(anomalies, alerts);
    await this.#journal?.close();
    await this.#store?.close();
  }

  /** The process is gone. */
  end(): void {
    this.#isDead = true;
    this.isServing = false;
    this.#journalThread?.kill();
  }

  /** Bytes of the journal that are not on disk. */
  get waitingEntries(): number {
    return this.#journal === undefined ? 0 : this.#journal.position - this.#journal.syncedPosition;
  }

  /** Anomalies that are not on disk, of those that were taken. */
  get waitingAnomalies(): number {
    return this.#store?.waitingCount ?? 0;
  }

  #startEngine({ symbols }: Recovered): Promise<Engine> {
    const { scenario } = this.#world;
    const { processing } = this.#config;
    let partition = 0;
    const options: EngineOptions = {
      ...processing,
      overwrites: processing.overflow === 'dropOldest',
      captures: this.#store !== undefined,
      publishesMarked: this.#store !== undefined && this.#config.store.mode === 'sync',
      anomalyRingCapacity: scenario.anomalyRingCapacity,
      growBytes: GROW_BYTES,
      spawn: (data) => {
        const own = this.#partitionOf(data.memory.ticks) ?? partition++;
        return this.#spawn(data, own);
      },
    };
    const onAccess = scenario.isMainWatched ? this.#onAccess() : undefined;
    const events = { workerRestarted: () => undefined };
    return withViews(onAccess, () => Engine.start(options, events, symbols));
  }

  readonly #partitions: SharedArrayBuffer[] = [];

  #partitionOf(ticks: SharedArrayBuffer): number | undefined {
    const found = this.#partitions.indexOf(ticks);
    if (found >= 0) return found;
    this.#partitions.push(ticks);
    return undefined;
  }

  #spawn(data: ConstructorParameters<typeof SimulatedWorker>[0], partition: number): Worker {
    const worker = new SimulatedWorker(data, partition, this.#world.fate);
    this.workers[partition] = worker;
    return worker as unknown as Worker;
  }

  /** Interrupts the gateway's thread now and then. */
  #onAccess(): OnAccess {
    const { oracle, scheduler } = this.#world;
    let left = 0;
    return () => {
      if (oracle.engine.isQuiet || scheduler.thread !== Thread.MAIN || left-- > 0) return;
      left = scheduler.random.below(ACCESSES_BETWEEN_INTERRUPTIONS);
      scheduler.interleave(1 + scheduler.random.below(2));
    };
  }

  /** Every snapshot that is written is checked against the moment at which it was asked for. */
  #watchCaptures(engine: Engine): void {
    const store = this.#store;
    if (store === undefined) return;
    const snapshots = new SnapshotOracle(this.#world.oracle);
    const capture = engine.capture.bind(engine);
    let checkPosition: (position: number | undefined) => void = () => undefined;
    engine.capture = () => {
      snapshots.asked();
      checkPosition = this.#world.journal.snapshotAsked();
      // It may be done at once: then nothing else tells that promises are to be looked after.
      this.#world.scheduler.hasMicrotasks = true;
      return capture();
    };
    const saveSnapshot = store.saveSnapshot.bind(store);
    store.saveSnapshot = (chunks, info, extent) => {
      const copies = [...(chunks as Iterable<Uint8Array>)].map((chunk) => Uint8Array.from(chunk));
      const base = extent === 'full' ? [] : (store.snapshotBase?.chunks ?? []);
      // What is in both holds as in the changes.
      const states = new Map<string, SymbolState>();
      for (const chunk of [...base, ...copies]) {
        for (const state of decodeSymbolStates(chunk)) states.set(state.symbol, state);
      }
      const { journal, publishers } = readSnapshotHeader(info);
      snapshots.check([...states.values()], publishers);
      checkPosition(journal?.position);
      return saveSnapshot(copies, info, extent);
    };
  }

  async #serve(engine: Engine, { isInexact, publishers, start, ticks }: Restart): Promise<void> {
    const store = this.#store;
    const counters = noSnapshots();
    counters.replayedTicks = ticks;
    const registry = new PublisherRegistry(publishers);
    const journal = await this.#openJournal(engine, registry, start);
    if (this.#isDead) return;
    const context = createGatewayContext({
      config: this.#config,
      engine,
      log: LOG,
      version: 'simulated',
      store,
      health: new Health(store),
      eventLoop: new EventLoopDelay(),
      authenticator: undefined,
      security: UNWATCHED,
      securityCounts: undefined,
      droppedLogLines: () => 0,
      snapshots: counters,
      epoch: `run ${this.#world.scheduler.process}`,
      journal,
      publishers: registry,
    });
    if (store !== undefined && this.#journal !== undefined) {
      this.#snapshots = this.#createSnapshots(engine, context, store, this.#journal, counters);
    }
    if (isInexact) await this.#snapshots?.take();
    if (this.#isDead) return;
    const gateway = await Gateway.start(context, () => noHttp, this.#world.network.startTransport);
    if (this.#isDead) return;
    this.#gateway = gateway;
    if (ticks > 0) this.#snapshots?.request();
  }

  #createSnapshots(
    engine: Engine,
    { fanOut, publishers }: GatewayContext,
    store: SimulatedStore,
    journal: Journal,
    counters: SnapshotCounters,
  ): Snapshots {
    return new Snapshots(
      {
        engine,
        store,
        journal: this.#noticed(journal),
        publishers: () => publishers.sequences(),
        takeRecords: (raised) => fanOut.takeRecords(raised),
        saved: (header) => publishers.madeDurable(header.publishers),
        failed: () => publishers.notDurable(),
        intervalMs: this.#config.store.snapshotIntervalMs,
        log: LOG,
      },
      counters,
    );
  }
}
