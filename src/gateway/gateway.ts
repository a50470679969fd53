import type { Authenticator } from '../access/index.ts';
import type { Config } from '../config/schema.ts';
import type { Engine } from '../engine/index.ts';
import { TickBatch, TicksReader } from '../protocol/index.ts';
import type { SnapshotCounters } from '../recovery/snapshots.ts';
import type { Store } from '../store/index.ts';
import { Expiry } from './admission/expiry.ts';
import { Renewals } from './admission/renewals.ts';
import type { SecurityCounts, SecurityEvents } from './admission/security-events.ts';
import { AnomalyLog } from './anomaly-log.ts';
import { ConflationQueue } from './conflation-queue.ts';
import { CreditPool } from './credit-pool.ts';
import { FanOut } from './fan-out.ts';
import { dismissGracefully } from './graceful-stop.ts';
import type { Assets } from './http/assets/assets.ts';
import { answerOrigins } from './http/cross-origin.ts';
import { HttpAccess } from './http/http-access.ts';
import type { CommandRoom, QueryRoom } from './http/http-room.ts';
import { createRouter } from './http/router.ts';
import { securityHeaders } from './http/security-headers.ts';
import { BufferWatch } from './limits/buffer-watch.ts';
import { SymbolQuota } from './limits/symbol-quota.ts';
import { TurnWork } from './limits/turn-work.ts';
import { Liveness } from './liveness.ts';
import { Origins, refuseForeign } from './origins.ts';
import type { PublishRoom } from './publish-session.ts';
import { PublisherRegistry } from './publisher-registry.ts';
import { Reception } from './reception.ts';
import { type Renewal, ServedCertificate } from './served-certificate.ts';
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
  /** Links of sessions to symbols that there is room for from the start; undefined: for plenty. */
  readonly linksReserved?: number | undefined;
}

/** Sockets, sessions, fan-out and HTTP around an engine: everything on the main thread. */
export class Gateway {
  readonly #config: Config;
  readonly #fault: (error: unknown) => void;
  readonly #engine: Engine;
  readonly #store: Store | undefined;
  readonly #publishers: PublisherRegistry;
  readonly #workers: WorkerHealth;
  readonly #security: SecurityEvents;
  readonly #quota: SymbolQuota;
  readonly #renewals: Renewals | undefined;
  readonly #startedAt = Date.now();
  readonly #sessions = new Sessions();
  readonly #traffic = new Traffic();
  readonly #clock = new TurnClock();
  readonly #subscriptions: Subscriptions;
  readonly #conflation = new ConflationQueue();
  readonly #intake: TickIntake;
  readonly #credit: CreditPool;
  readonly #anomalies: AnomalyLog;
  readonly #fanOut: FanOut;
  readonly #turn: Turn;
  readonly #reception: Reception;
  /** What looks at all sessions now and then. */
  readonly #watches: readonly { start(): void; stop(): void }[];
  #transport: Transport | undefined;
  #certificate: ServedCertificate | undefined;
  #isStopping = false;

  private constructor(options: GatewayOptions) {
    const { authenticator, config, engine, security, store } = options;
    const { processing, stream } = config;
    this.#fault = (error) => options.log.error({ err: error }, 'a handler failed');
    this.#config = config;
    this.#engine = engine;
    this.#store = store;
    this.#workers = options.workers;
    this.#security = security;
    this.#subscriptions = new Subscriptions(options.linksReserved);
    this.#quota = new SymbolQuota(config.limits, engine.symbols.names);
    this.#renewals = authenticator && new Renewals(authenticator, security, this.#fault);
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
    this.#fanOut = fanOut;
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
      fault: this.#fault,
    });
    this.#watches = this.#createWatches(authenticator !== undefined);
  }

  /**
   * Serves an engine on the configured address.
   *
   * @throws Error when the address cannot be listened on, the chosen transport does not load, or the certificate cannot be used
   */
  static async start(options: GatewayOptions): Promise<Gateway> {
    const { config, log, assets } = options;
    const gateway = new Gateway(options);
    const { server } = config;
    const certificate = ServedCertificate.read(config.tls, log);
    gateway.#certificate = certificate;
    const origins = new Origins(server.allowedOrigins, certificate !== undefined);
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
        bodyBytesMax: config.limits.bodyBytesMax,
        headMs: config.limits.httpHeaderMs,
        idleMs: config.limits.httpIdleMs,
        headers: securityHeaders(certificate !== undefined),
        tls: certificate?.pair,
      },
      {
        upgrade: (request) =>
          refuseForeign(origins, request) ?? decideUpgrade(request, gateway.#reception),
        request: answerOrigins(origins, request),
        fault: gateway.#fault,
      },
    );
    for (const watch of gateway.#watches) watch.start();
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
   * Reads the certificate and its key again; see `tls.certificateFile`. New connections get them. Undefined: without TLS.
   *
   * @throws Error when they cannot be used; then the old ones stay
   */
  renewTls(): Renewal | undefined {
    return this.#certificate?.renew((pair) => this.#transport?.renewTls(pair));
  }

  /**
   * The named publishers and the last sequence accepted of each, for a snapshot: all that they stand for was offered to the
   * engine before this call.
   */
  publisherSequences(): Iterable<[name: string, sequence: number]> {
    return this.#publishers.sequences();
  }

  /** Takes all anomalies raised so far: they are with the store and on their way to the sessions when this returns. */
  takeAnomalies(): void {
    this.#fanOut.takeAnomalies();
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
    this.#transport?.stopListening();
    await dismissGracefully({
      ...this.#config.server,
      sessions: this.#sessions,
      gates: this.#reception.gates,
      isBusy: () => this.#engine.isBusy() || this.#anomalies.isWaiting,
      schedule: this.#turn.schedule,
    });
    for (const watch of this.#watches) watch.stop();
    this.#conflation.stop();
    this.#turn.stop();
    this.#transport?.close();
  }

  #createWatches(areTokensDemanded: boolean) {
    const { limits, server, stream } = this.#config;
    const sessions = () => this.#sessions.all();
    const times = { heartbeatMs: server.heartbeatMs, unresponsiveMs: stream.slowSessionCloseMs };
    const bytesMax = limits.sessionBytesMax;
    return [
      new Liveness(times, sessions),
      new BufferWatch({ bytesMax, security: this.#security, sessions }),
      ...(areTokensDemanded ? [new Expiry(sessions)] : []),
    ];
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
      work: new TurnWork(this.#fault),
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
      jsonDepthMax: this.#config.limits.jsonDepthMax,
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
