import type { Authenticator } from '../access/index.ts';
import type { Config } from '../config/schema.ts';
import type { ServedEngine } from '../engine/index.ts';
import type { TickHistory } from '../journal/index.ts';
import { type Alert, type Anomaly, TickBatch, TicksReader } from '../protocol/index.ts';
import type { SnapshotCounters, Store } from '../store/index.ts';
import type { TelemetryFigures, Tracing } from '../telemetry/tracing.ts';
import { CachedClock } from './cached-clock.ts';
import type { ClusterOverview } from './cluster-overview.ts';
import type { ClusterRecords } from './cluster-records.ts';
import { ConflationQueue } from './fanout/conflation.ts';
import { FanOut } from './fanout/fan-out.ts';
import { FlushScheduler } from './fanout/flush-scheduler.ts';
import { ANOMALY_KIND, alertKind } from './fanout/record-kinds.ts';
import { RecordLog } from './fanout/record-log.ts';
import { StatsMessage } from './fanout/stats-message.ts';
import { SymbolVersions } from './fanout/symbol-versions.ts';
import { SyncedPublication } from './fanout/synced-publication.ts';
import type { Health } from './health.ts';
import { CreditPool } from './ingest/credit-pool.ts';
import type { FrameJournal } from './ingest/frame-journal.ts';
import { Lateness } from './ingest/lateness.ts';
import type { ClaimPublisher, PublisherRegistry } from './ingest/publisher-registry.ts';
import { TickIntake } from './ingest/tick-intake.ts';
import { type EngineProgress, SampledFanOut, TickSampler } from './ingest/tick-sampler.ts';
import { BackgroundTasks } from './limits/background-tasks.ts';
import { SymbolQuota } from './limits/symbol-quota.ts';
import type { ClusterReadings } from './metrics/cluster-metrics.ts';
import type { EventLoopDelay } from './metrics/event-loop-delay.ts';
import { GatewayCounters } from './metrics/gateway-counters.ts';
import type { KafkaReadings } from './metrics/kafka-metrics.ts';
import type { SinkReadings } from './metrics/sink-metrics.ts';
import { type RetireCause, SymbolRetirement } from './retirement/symbol-retirement.ts';
import { Origins } from './sessions/origins.ts';
import { Renewals } from './sessions/renewals.ts';
import type { SecurityCounts, SecurityEvents } from './sessions/security-events.ts';
import { SessionRegistry } from './sessions/session-registry.ts';
import { SubscriptionStore } from './subscriptions/subscription-store.ts';
import type { SymbolObserver } from './subscriptions/wildcards.ts';

/** Takes the gateway's log lines. */
export interface GatewayLog {
  info(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Observes symbols that come and go through others. */
interface ClusterObserver extends SymbolObserver {
  /** A symbol is being retired from now on. */
  lifeEnded(symbolId: number, cause: RetireCause): void;
}

/** The parts that are made before the gateway. */
interface GatewayParts {
  readonly config: Config;
  readonly engine: ServedEngine;
  readonly log: GatewayLog;
  /** Identifies this run of the server: clients discard the state of another epoch. */
  readonly epoch: string;
  /** Version of this server, as clients see it. */
  readonly version: string;
  /** Stores anomalies and alerts; undefined: they are kept in memory only. */
  readonly store: Store | undefined;
  /** Gets what changes state; undefined: nothing is replayed after a crash. */
  readonly journal: FrameJournal | undefined;
  /** Take alerts out of the house; undefined: there are no rules. */
  readonly sinks?: { readonly figures: SinkReadings } | undefined;
  /** Undefined: nothing comes from Kafka or goes there. */
  readonly kafka?: { readonly readings: () => KafkaReadings } | undefined;
  /** What others do, too; undefined: this server is alone. */
  readonly cluster?:
    | {
        readonly claim: ClaimPublisher;
        /** Whether a piece of work, which several members offer, is this one's. */
        readonly isOwn: (kind: string, piece: string) => boolean;
        /** What is raised, for such work. */
        readonly records: ClusterRecords;
        readonly readings: () => ClusterReadings;
        readonly overview: () => Promise<ClusterOverview>;
        observe(observer: ClusterObserver): void;
        /** Has a symbol retired everywhere. Resolves to true once it is, here too. */
        readonly retire: (symbolId: number) => Promise<boolean>;
      }
    | undefined;
  /** Publishers, those of an earlier run among them. */
  readonly publishers: PublisherRegistry;
  /** Counts the store's snapshots. */
  readonly snapshots: SnapshotCounters;
  /** Undefined: clients need no token. */
  readonly authenticator: Authenticator | undefined;
  readonly security: SecurityEvents;
  /** Counts of `security`; undefined: not counted. */
  readonly securityCounts: SecurityCounts | undefined;
  /** Lines of the log that could not be written, so far. */
  readonly droppedLogLines: () => number;
  readonly health: Health;
  /** The delay of this thread's timers. */
  readonly eventLoop: EventLoopDelay;
  /** Past ticks; undefined without a journal. */
  readonly tickHistory?: TickHistory | undefined;
  /** How far the engine is, for the trace of a tick; undefined: it is elsewhere. */
  readonly progress?: EngineProgress | undefined;
  /** Undefined: nothing is traced. */
  readonly telemetry?:
    | {
        readonly tracing: Tracing | undefined;
        readonly figures: TelemetryFigures;
      }
    | undefined;
}

/**
 * Shared by all sessions and HTTP requests of a gateway. Built once; each user names its part of it
 * with `Pick`.
 */
export interface GatewayContext extends GatewayParts {
  /** Start of this run by the monotonic clock, ms. */
  readonly startedAt: number;
  /** Reports an error that no client can be blamed for. */
  readonly fault: (error: unknown) => void;
  readonly clock: CachedClock;
  readonly counters: GatewayCounters;
  readonly sessions: SessionRegistry;
  readonly origins: Origins;
  /** Undefined: clients need no token. */
  readonly renewals: Renewals | undefined;

  readonly quota: SymbolQuota;
  readonly credit: CreditPool;
  readonly intake: TickIntake;
  /** Scratch space for reading a TICKS frame: one at a time, within one call. */
  readonly ticksReader: TicksReader;
  readonly tickBatch: TickBatch;

  readonly subscriptions: SubscriptionStore;
  readonly retirement: SymbolRetirement;
  readonly background: BackgroundTasks;

  readonly versions: SymbolVersions;
  readonly anomalies: RecordLog<Anomaly>;
  readonly alerts: RecordLog<Alert>;
  readonly statsMessage: StatsMessage;
  readonly conflation: ConflationQueue;
  readonly fanOut: FanOut;
  /** Undefined: no ticks are traced. */
  readonly tickSampler: TickSampler | undefined;
  readonly scheduler: FlushScheduler;
}

/** Builds the context. Nothing runs before the gateway starts. */
export function createGatewayContext(given: GatewayParts): GatewayContext {
  const { authenticator, config, engine, journal, log, security, store } = given;
  const fault = (error: unknown) => log.error({ err: error }, 'a handler failed');
  const sessions = new SessionRegistry();
  const counters = new GatewayCounters();
  const subscriptions = new SubscriptionStore();
  const versions = new SymbolVersions(engine);
  const isAwaited = config.store.mode === 'sync';
  // There the numbers of a symbol go on.
  const keptOnceGone = given.cluster === undefined ? 0 : config.processing.maxSymbols;
  const anomalies = new RecordLog(
    ANOMALY_KIND,
    engine.symbols,
    {
      last: (symbolId) => engine.statistics.anomalies(symbolId),
      continueAfter: (symbolId, last) => engine.continueAnomalies(symbolId, last),
    },
    config.stream.recentAnomaliesPerSymbol,
    store && { store, isAwaited },
    keptOnceGone,
  );
  const alerts = new RecordLog(
    alertKind(engine.ruleTable),
    engine.symbols,
    {
      last: (symbolId) => lastAlert(engine, store, symbolId),
      continueAfter: (symbolId, last) => engine.continueAlerts(symbolId, last),
    },
    config.stream.recentAnomaliesPerSymbol,
    store && { store: store.alerts, isAwaited },
    keptOnceGone,
  );
  const conflation = new ConflationQueue();
  const logs = { anomalies, alerts };
  const intake = createIntake();
  const tracing = given.telemetry?.tracing;
  const { progress } = given;
  const tickSampler = tracing && progress && new TickSampler(tracing, progress, intake.totals);
  const fanOutParts = [engine, subscriptions, versions, logs, counters] as const;
  const fanOut =
    tickSampler === undefined
      ? new FanOut(...fanOutParts)
      : new SampledFanOut(tickSampler, ...fanOutParts);
  const versioned = { engine, subscriptions, versions, anomalies, alerts, fanOut };
  const background = new BackgroundTasks(fault);
  const quota = new SymbolQuota({ ...config.processing, ...config.limits }, engine.symbols);
  const retirement = new SymbolRetirement({ ...versioned, background, quota, journal }, fault);
  observeCluster();
  return {
    ...given,
    startedAt: performance.now(),
    fault,
    clock: new CachedClock(),
    counters,
    sessions,
    origins: new Origins(config.server.allowedOrigins, config.tls.certificateFile !== ''),
    renewals: authenticator && new Renewals(authenticator, security, fault),
    quota,
    credit: createCredit(config, engine, journal),
    intake,
    ticksReader: new TicksReader(config.publish.ticksPerFrameMax),
    tickBatch: new TickBatch(),
    subscriptions,
    retirement,
    background,
    versions,
    anomalies,
    alerts,
    statsMessage: new StatsMessage(versions),
    conflation,
    fanOut,
    tickSampler,
    scheduler: createScheduler(),
  };

  function symbolAppeared(symbolId: number, name: string): void {
    anomalies.symbolAppeared(symbolId, name);
    alerts.symbolAppeared(symbolId, name);
    journal?.declareSymbol(symbolId);
    subscriptions.symbolAppeared(symbolId, name);
  }

  function observeCluster(): void {
    given.cluster?.observe({
      symbolAppeared(symbolId, name) {
        quota.adopt(name);
        intake.lateness.begins(symbolId);
        symbolAppeared(symbolId, name);
      },
      lifeEnded: (symbolId, cause) => void retirement.retire(symbolId, cause),
    });
  }

  function createIntake(): TickIntake {
    const lateness = new Lateness((publisherId) => given.publishers.nameOf(publisherId));
    const observer = { symbolAppeared };
    const intake = new TickIntake(engine, config.processing, observer, journal, lateness);
    // The engine has applied them in this run.
    intake.totals.accepted = given.snapshots.replayedTicks;
    return intake;
  }

  function createScheduler(): FlushScheduler {
    const isSync = config.store.mode === 'sync' && journal !== undefined;
    const scheduler = new FlushScheduler(
      engine,
      fanOut,
      conflation,
      sessions.publishers,
      config.stream.latency,
      isSync ? new SyncedPublication(engine, journal) : undefined,
    );
    // There may be ticks to publish, and credit to grant.
    journal?.listen(scheduler.schedule);
    return scheduler;
  }
}

/** What the store knows counts even if there are no rules now. */
function lastAlert(engine: ServedEngine, store: Store | undefined, symbolId: number): number {
  const name = engine.symbols.names[symbolId];
  // The place of a symbol that a replay retired.
  if (name === undefined) return 0;
  const stored = store?.alerts.lastSequence(name) ?? 0;
  return Math.max(engine.lastAlert(symbolId), stored);
}

/** Under `wait`, credit follows the space in the queues and in the journal's ring. */
function createCredit(
  { processing, publish }: Config,
  engine: ServedEngine,
  journal: FrameJournal | undefined,
): CreditPool {
  const window = Math.max(processing.channelCapacity, publish.ticksPerFrameMax);
  const isBinding = processing.overflow === 'wait';
  const freeTicks = () =>
    Math.min(engine.freeSlots(), journal?.freeTicks() ?? Number.POSITIVE_INFINITY);
  return new CreditPool(window, isBinding ? freeTicks : undefined);
}
