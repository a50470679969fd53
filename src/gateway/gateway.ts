import { setTimeout as delay } from 'node:timers/promises';
import type { Authenticator } from '../access/index.ts';
import type { Config } from '../config/schema.ts';
import type { Engine } from '../engine/index.ts';
import { goawayFrame, TickBatch, TicksReader } from '../protocol/index.ts';
import type { SnapshotCounters } from '../recovery/snapshots.ts';
import type { Store } from '../store/index.ts';
import { Expiry } from './admission/expiry.ts';
import { Renewals } from './admission/renewals.ts';
import type { SecurityCounts, SecurityEvents } from './admission/security-events.ts';
import { AnomalyLog } from './anomaly-log.ts';
import { ConflationQueue } from './conflation-queue.ts';
import { CreditPool } from './credit-pool.ts';
import { FanOut } from './fan-out.ts';
import type { Assets } from './http/assets/assets.ts';
import { HttpAccess } from './http/http-access.ts';
import type { CommandRoom, QueryRoom } from './http/http-room.ts';
import { createRouter } from './http/router.ts';
import { BufferWatch } from './limits/buffer-watch.ts';
import { SymbolQuota } from './limits/symbol-quota.ts';
import { TurnWork } from './limits/turn-work.ts';
import { Liveness } from './liveness.ts';
import type { PublishRoom } from './publish-session.ts';
import { PublisherRegistry } from './publisher-registry.ts';
import { Reception } from './reception.ts';
import { Sessions } from './sessions.ts';
import { SnapshotPool } from './snapshot-pool.ts';
import { StatsMessage } from './stats-message.ts';
import type { StreamRoom } from './stream-session.ts';
import { Subscriptions } from './subscriptions.ts';
import { TickIntake } from './tick-intake.ts';
import { Traffic } from './traffic.ts';
import { startTransport } from './transport/start-transport.ts';
import type { HttpResponse, StartTransport, Transport } from './transport/transport.ts';
import { Turn } from './turn.ts';
import { TurnClock } from './turn-clock.ts';
import { decideUpgrade } from './upgrades.ts';
import type { WorkerHealth } from './worker-health.ts';

/** Where the gateway says what an operator should know. */
export interface GatewayLog {
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** A stop looks this often whether everything is delivered, ms. */
const DRAIN_POLL_MS = 5;
/** How long publishers are still read after they were told of the stop, ms. */
const GRACE_MS = 100;
/** What the last close frames get to reach their peers before sockets are cut, ms. */
const LAST_BYTES_MS = 100;
/** What closing sockets may take after their close frame, ms. */
const CLOSE_MS = 500;

/** The largest HTTP body taken. */
const BODY_BYTES_MAX = 1024 * 1024;
/** Prices that an HTTP request may hold: HTTP names each rejected one, and bulk goes over WebSocket. */
const PRICES_PER_REQUEST_MAX = 10_000;

/** What a gateway is made of. */
export interface GatewayOptions {
  readonly config: Config;
  readonly engine: Engine;
  readonly log: GatewayLog;
  /** Of this server, as it is told to clients. */
  readonly version: string;
  /** For browsers. */
  readonly assets: Assets;
  /** Where anomalies are kept; undefined: in memory only. */
  readonly store: Store | undefined;
  readonly workers: WorkerHealth;
  /** Undefined: no tokens are demanded. */
  readonly authenticator: Authenticator | undefined;
  readonly security: SecurityEvents;
  /** What it counted. */
  readonly securityCounts: SecurityCounts | undefined;
  /** What became of the snapshots, where there is a store. */
  readonly snapshots: SnapshotCounters;
  /** Publishers of an earlier run and their last accepted sequences, longest gone first. */
  readonly publishers: Iterable<readonly [name: string, sequence: number]>;
  /** What serves the sockets instead of what the configuration names: the simulation's, which has no HTTP. */
  readonly openTransport?: StartTransport | undefined;
}

/** Sockets, sessions, fan-out and HTTP around an engine: everything on the main thread. */
export class Gateway {
  readonly #config: Config;
  readonly #engine: Engine;
  readonly #store: Store | undefined;
  readonly #publishers: PublisherRegistry;
  readonly #workers: WorkerHealth;
  readonly #security: SecurityEvents;
  readonly #quota: SymbolQuota;
  readonly #renewals: Renewals | undefined;
  readonly #expiry: Expiry | undefined;
  readonly #buffers: BufferWatch;
  readonly #startedAt = Date.now();
  readonly #sessions = new Sessions();
  readonly #traffic = new Traffic();
  readonly #clock = new TurnClock();
  readonly #subscriptions = new Subscriptions();
  readonly #conflation = new ConflationQueue();
  readonly #intake: TickIntake;
  readonly #credit: CreditPool;
  readonly #anomalies: AnomalyLog;
  readonly #turn: Turn;
  readonly #reception: Reception;
  readonly #liveness: Liveness;
  #transport: Transport | undefined;
  #isStopping = false;

  private constructor(options: GatewayOptions) {
    const { authenticator, config, engine, security, store } = options;
    const { processing, stream } = config;
    const fault = (error: unknown) => options.log.error({ err: error }, 'a handler failed');
    this.#config = config;
    this.#engine = engine;
    this.#store = store;
    this.#workers = options.workers;
    this.#security = security;
    this.#quota = new SymbolQuota(config.limits, engine.symbols.names);
    this.#renewals = authenticator && new Renewals(authenticator, security, fault);
    this.#buffers = new BufferWatch({
      bytesMax: config.limits.sessionBytesMax,
      security,
      sessions: () => this.#sessions.all(),
    });
    this.#expiry = authenticator && new Expiry(() => this.#sessions.all());
    this.#publishers = new PublisherRegistry(options.publishers);
    const pool = new SnapshotPool(engine);
    this.#anomalies = new AnomalyLog({
      perSymbolMax: stream.recentAnomaliesPerSymbol,
      symbols: engine.symbols,
      onAnomaly: (symbolId) => fanOut.markAnomaly(symbolId),
      disk: store && {
        store,
        isAwaited: config.store.mode === 'sync',
        onDurable: () => fanOut.flush(),
      },
    });
    for (let symbolId = 0; symbolId < engine.symbols.size; symbolId++) {
      this.#anomalies.continueAfter(symbolId, engine.statistics.anomalies(symbolId));
    }
    const fanOut = new FanOut(engine, this.#subscriptions, pool, this.#anomalies, this.#traffic);
    this.#turn = new Turn(engine, fanOut, this.#conflation, this.#sessions.publishers);
    this.#intake = new TickIntake(engine, processing.maxFutureMs, (symbolId, name) =>
      this.#subscriptions.symbolAppeared(symbolId, name),
    );
    this.#credit = createCredit(config, engine);
    this.#reception = new Reception({
      config,
      sessions: this.#sessions,
      publishRoom: this.#createPublishRoom(),
      streamRoom: this.#createStreamRoom(pool),
      authenticator,
      security,
      fault,
    });
    this.#liveness = new Liveness(
      { heartbeatMs: config.server.heartbeatMs, unresponsiveMs: stream.slowSessionCloseMs },
      () => this.#sessions.all(),
    );
  }

  /**
   * Serves an engine on the configured address.
   *
   * @throws Error when the address cannot be listened on, or the chosen transport does not load
   */
  static async start(options: GatewayOptions): Promise<Gateway> {
    const { config, log, assets } = options;
    const gateway = new Gateway(options);
    const { server } = config;
    const request =
      options.openTransport === undefined
        ? createRouter(gateway.#commandRoom(), gateway.#queryRoom(options), assets, config.auth)
        : noHttp;
    const open: StartTransport =
      options.openTransport ??
      ((...seam) => startTransport(server.transport, ...seam, (message) => log.warn({}, message)));
    gateway.#transport = await open(
      {
        host: server.host,
        port: server.port,
        frameBytesMax: server.frameBytesMax,
        bodyBytesMax: BODY_BYTES_MAX,
      },
      {
        upgrade: (request) => decideUpgrade(request, gateway.#reception),
        request,
        fault: (error) => log.error({ err: error }, 'a handler failed'),
      },
    );
    gateway.#liveness.start();
    gateway.#expiry?.start();
    gateway.#buffers.start();
    gateway.#turn.schedule();
    return gateway;
  }

  get port(): number {
    return this.#transport?.port ?? 0;
  }

  get transportName(): string {
    return this.#transport?.name ?? 'none';
  }

  /**
   * The named publishers and the last sequence accepted of each, for a snapshot: all that they stand for was offered to the
   * engine before this call.
   */
  publisherSequences(): Iterable<[name: string, sequence: number]> {
    return this.#publishers.sequences();
  }

  /** A snapshot with these sequences is on disk. */
  madeDurable(sequences: Iterable<readonly [name: string, sequence: number]>): void {
    this.#publishers.madeDurable(sequences);
  }

  /**
   * Stops gracefully, within `server.drainMs` and what closing takes: no new connections, everyone told, what was accepted
   * applied, acknowledged and delivered as far as sockets take it, then closed with 4001.
   */
  async stop(): Promise<void> {
    if (this.#isStopping) return;
    this.#isStopping = true;
    const deadline = performance.now() + this.#config.server.drainMs;
    this.#transport?.stopListening();
    const { drainMs, goawayJitterMs } = this.#config.server;
    this.#sessions.announce(goawayFrame('server going away', drainMs, goawayJitterMs));
    // Frames that were on their way when the publishers learnt of it are still taken.
    const graceEnd = Math.min(deadline, performance.now() + GRACE_MS);
    await this.#drained(graceEnd, () => this.#sessions.publishers.size === 0);
    for (const session of this.#sessions.publishers) session.acknowledge();
    this.#sessions.dismiss(this.#sessions.publishers);
    await this.#drained(deadline, () => !this.#isBusy());
    this.#sessions.dismiss(this.#sessions.subscribers);
    this.#sessions.dismiss(this.#reception.gates);
    await this.#drained(performance.now() + CLOSE_MS, () => this.#sessions.size === 0);
    await delay(LAST_BYTES_MS);
    this.#liveness.stop();
    this.#expiry?.stop();
    this.#buffers.stop();
    this.#conflation.stop();
    this.#turn.stop();
    this.#transport?.close();
  }

  #isBusy(): boolean {
    return this.#engine.isBusy() || this.#anomalies.isWaiting || this.#hasPending();
  }

  #hasPending(): boolean {
    for (const { delivery } of this.#sessions.subscribers) {
      if (delivery.links.statsPending + delivery.links.anomaliesPending > 0) return true;
    }
    return false;
  }

  /** @param deadline on the clock of `performance.now`, which never jumps */
  async #drained(deadline: number, isDone: () => boolean): Promise<void> {
    do {
      this.#turn.schedule();
      await delay(DRAIN_POLL_MS);
    } while (!isDone() && performance.now() < deadline);
  }

  #createPublishRoom(): PublishRoom {
    const { ticksPerFrameMax } = this.#config.publish;
    return {
      intake: this.#intake,
      credit: this.#credit,
      registry: this.#publishers,
      traffic: this.#traffic,
      reader: new TicksReader(ticksPerFrameMax),
      batch: new TickBatch(),
      clock: this.#clock,
      ticksPerFrameMax,
      ticksPerSecond: this.#config.limits.ticksPerSecond,
      quota: this.#quota,
      renewals: this.#renewals,
      security: this.#security,
      awaitsSnapshots: this.#config.publish.acknowledge === 'durable',
      aliasesMax: Math.max(65_536, this.#config.processing.maxSymbols),
      acknowledgementDue: (session, isUrgent) => this.#turn.acknowledgementDue(session, isUrgent),
      sessionClosed: (session) => {
        this.#sessions.publishers.delete(session);
        this.#turn.forget(session);
        // Its credit is free for others, who may be waiting for it.
        this.#turn.schedule();
      },
    };
  }

  #createStreamRoom(pool: SnapshotPool): StreamRoom {
    const { stream } = this.#config;
    return {
      symbols: this.#engine.symbols,
      pool,
      anomalies: this.#anomalies,
      subscriptions: this.#subscriptions,
      message: new StatsMessage(pool),
      conflation: this.#conflation,
      traffic: this.#traffic,
      messageBytesMax: stream.socketBufferBytesMax / 2,
      subscriptionsMax: stream.subscriptionsMax,
      requestsPerSecond: this.#config.limits.requestsPerSecond,
      wildcardsMax: this.#config.limits.wildcardsPerSession,
      conflateMs: stream.conflateMs,
      renewals: this.#renewals,
      security: this.#security,
      work: new TurnWork(),
      sessionClosed: (session) => this.#sessions.subscribers.delete(session),
    };
  }

  #commandRoom(): CommandRoom {
    return {
      intake: this.#intake,
      credit: this.#credit,
      traffic: this.#traffic,
      clock: this.#clock,
      ticksMax: pricesPerRequestMax(this.#config),
      schedule: this.#turn.schedule,
      scopes: { quota: this.#quota, security: this.#security },
    };
  }

  #queryRoom(options: GatewayOptions): QueryRoom {
    const { authenticator, config, security, securityCounts, snapshots, version } = options;
    const requestsPerSecond = config.limits.httpRequestsPerSecond;
    return {
      security: securityCounts,
      access: new HttpAccess({ authenticator, security, requestsPerSecond }),
      engine: this.#engine,
      anomalies: this.#anomalies,
      store: this.#store,
      snapshots,
      totals: this.#intake.totals,
      traffic: this.#traffic,
      rules: this.#config.processing,
      version,
      epoch: this.#reception.epoch,
      startedAt: this.#startedAt,
      sessions: () => ({
        publishers: this.#sessions.publishers.size,
        subscribers: this.#sessions.subscribers.size,
        subscriptions: this.#subscriptions.held,
        slow: this.#sessions.countSlow(),
      }),
      unreadiness: () => this.#unreadiness(),
    };
  }

  #unreadiness(): string | undefined {
    if (this.#isStopping) return 'the server is stopping';
    const fault = this.#store?.fault;
    if (fault !== undefined) return `the store is out of order: ${fault}`;
    return this.#workers.fault();
  }
}

function noHttp(): Promise<HttpResponse> {
  return Promise.reject(new Error('HTTP is not served'));
}

function createCredit(config: Config, engine: Engine): CreditPool {
  const { channelCapacity, overflow } = config.processing;
  const window = Math.max(channelCapacity, config.publish.ticksPerFrameMax);
  return overflow === 'wait'
    ? new CreditPool(window, () => engine.freeSlots())
    : new CreditPool(window);
}

function pricesPerRequestMax({ processing, publish }: Config): number {
  const max = Math.min(PRICES_PER_REQUEST_MAX, publish.ticksPerFrameMax);
  // Under `wait` a request is taken whole or not at all: no more than ever fits a queue.
  return processing.overflow === 'wait' ? Math.min(max, processing.channelCapacity) : max;
}
