import type { Worker } from 'node:worker_threads';
import type { Config } from '../../src/config/schema.ts';
import { decodeSymbolStates, Engine, type EngineOptions } from '../../src/engine/index.ts';
import type { SymbolState } from '../../src/engine/symbol-state.ts';
import {
  createGatewayContext,
  EventLoopDelay,
  Gateway,
  Health,
  PublisherRegistry,
  UNWATCHED,
} from '../../src/gateway/index.ts';
import { NOTHING_RECOVERED, type Recovered, recover } from '../../src/store/recovery.ts';
import { noSnapshots, Snapshots } from '../../src/store/snapshots.ts';
import { Thread } from '../core/scheduler.ts';
import { SnapshotOracle } from '../oracles/snapshot-oracle.ts';
import type { World } from '../world.ts';
import { SimulatedStore } from './simulated-store.ts';
import { SimulatedWorker } from './simulated-worker.ts';
import { type OnAccess, withViews } from './watched-views.ts';

const LOG = { info: () => undefined, warn: () => undefined, error: () => undefined };
const ACCESSES_BETWEEN_INTERRUPTIONS = 300;
/** Memory of a partition for large deques. */
const GROW_BYTES = 1 << 20;

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
  #engine: Engine | undefined;
  #gateway: Gateway | undefined;
  #snapshots: Snapshots | undefined;
  #isDead = false;

  constructor(world: World) {
    this.#world = world;
    this.#config = world.scenario.config;
    const { disk, scheduler } = world;
    if (this.#config.store.directory !== '') this.#store = new SimulatedStore(disk, scheduler);
  }

  /** Whether the process is still there. */
  get isAlive(): boolean {
    return !this.#isDead;
  }

  async start(): Promise<void> {
    const store = this.#store;
    const recovered = store ? await recover(store, LOG, noSnapshots()) : NOTHING_RECOVERED;
    if (this.#isDead) return;
    const symbols = [...recovered.symbols];
    this.#world.restore(symbols, recovered.publishers);
    const engine = await this.#startEngine({ ...recovered, symbols });
    if (this.#isDead) return;
    this.#engine = engine;
    this.#world.oracle.engine.attach(
      engine,
      this.#config.processing.overflow === 'dropOldest',
      () => store?.space === 0,
    );
    this.#watchCaptures(engine);
    await this.#serve(engine, recovered);
    if (!this.#isDead) this.isServing = true;
  }

  /** Ends it in good order, as `server.ts` does. */
  async stop(): Promise<void> {
    this.isStopping = true;
    this.isServing = false;
    await this.#gateway?.stop();
    await this.#snapshots?.stop();
    await this.#engine?.stop(this.#gateway?.lastAnomalies);
    await this.#store?.close();
  }

  /** The process is gone. */
  end(): void {
    this.#isDead = true;
    this.isServing = false;
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
    engine.capture = () => {
      snapshots.asked();
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
      const { publishers } = info as unknown as { publishers: [string, number][] };
      snapshots.check([...states.values()], publishers);
      return saveSnapshot(copies, info, extent);
    };
  }

  async #serve(engine: Engine, { publishers }: Recovered): Promise<void> {
    const store = this.#store;
    const counters = noSnapshots();
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
      journal: undefined,
      publishers: new PublisherRegistry(publishers),
    });
    const gateway = await Gateway.start(context, () => noHttp, this.#world.network.startTransport);
    if (this.#isDead) return;
    this.#gateway = gateway;
    if (store === undefined) return;
    this.#snapshots = new Snapshots(
      {
        engine,
        store,
        publishers: () => gateway.publisherSequences(),
        takeAnomalies: (raised) => gateway.takeAnomalies(raised),
        saved: (header) => {
          this.#world.madeDurable(header.publishers);
          gateway.madeDurable(header.publishers);
        },
        failed: () => gateway.notDurable(),
        intervalMs: this.#config.store.snapshotIntervalMs,
        log: LOG,
      },
      counters,
    );
  }
}
