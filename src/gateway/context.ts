import { randomBytes } from 'node:crypto';
import type { Authenticator } from '../access/index.ts';
import type { Config } from '../config/schema.ts';
import type { Engine } from '../engine/index.ts';
import { TickBatch, TicksReader } from '../protocol/index.ts';
import type { SnapshotCounters, Store } from '../store/index.ts';
import { CachedClock } from './cached-clock.ts';
import { AnomalyLog } from './fanout/anomaly-log.ts';
import { ConflationQueue } from './fanout/conflation.ts';
import { FanOut } from './fanout/fan-out.ts';
import { FlushScheduler } from './fanout/flush-scheduler.ts';
import { StatsMessage } from './fanout/stats-message.ts';
import { SymbolVersions } from './fanout/symbol-versions.ts';
import type { Health } from './health.ts';
import { CreditPool } from './ingest/credit-pool.ts';
import { PublisherRegistry } from './ingest/publisher-registry.ts';
import { TickIntake } from './ingest/tick-intake.ts';
import { BackgroundTasks } from './limits/background-tasks.ts';
import { SymbolQuota } from './limits/symbol-quota.ts';
import type { EventLoopDelay } from './metrics/event-loop-delay.ts';
import { GatewayCounters } from './metrics/gateway-counters.ts';
import { SymbolRetirement } from './retirement/symbol-retirement.ts';
import { Origins } from './sessions/origins.ts';
import { Renewals } from './sessions/renewals.ts';
import type { SecurityCounts, SecurityEvents } from './sessions/security-events.ts';
import { SessionRegistry } from './sessions/session-registry.ts';
import { SubscriptionStore } from './subscriptions/subscription-store.ts';

/** Takes the gateway's log lines. */
export interface GatewayLog {
  info(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** The parts that are made before the gateway. */
interface GatewayParts {
  readonly config: Config;
  readonly engine: Engine;
  readonly log: GatewayLog;
  /** Version of this server, as clients see it. */
  readonly version: string;
  /** Stores anomalies; undefined: they are kept in memory only. */
  readonly store: Store | undefined;
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
}

export interface GatewayOptions extends GatewayParts {
  /** Publishers of an earlier run with their last accepted sequence, longest offline first. */
  readonly publishers: Iterable<readonly [name: string, sequence: number]>;
}

/**
 * Shared by all sessions and HTTP requests of a gateway. Built once; each user names its part of it
 * with `Pick`.
 */
export interface GatewayContext extends GatewayParts {
  /** Identifies this run of the server: clients discard the state of another epoch. */
  readonly epoch: string;
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

  readonly publishers: PublisherRegistry;
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
  readonly anomalies: AnomalyLog;
  readonly statsMessage: StatsMessage;
  readonly conflation: ConflationQueue;
  readonly fanOut: FanOut;
  readonly scheduler: FlushScheduler;
}

/** Builds the context. Nothing runs before the gateway starts. */
export function createGatewayContext(options: GatewayOptions): GatewayContext {
  const { publishers, ...given } = options;
  const { authenticator, config, engine, log, security, store } = given;
  const fault = (error: unknown) => log.error({ err: error }, 'a handler failed');
  const sessions = new SessionRegistry();
  const counters = new GatewayCounters();
  const subscriptions = new SubscriptionStore();
  const versions = new SymbolVersions(engine);
  const anomalies = new AnomalyLog(
    engine,
    config.stream.recentAnomaliesPerSymbol,
    store && {
      store,
      isAwaited: config.store.mode === 'sync',
    },
  );
  const conflation = new ConflationQueue();
  const fanOut = new FanOut(engine, subscriptions, versions, anomalies, counters);
  const versioned = { engine, subscriptions, versions, anomalies, fanOut };
  const background = new BackgroundTasks(fault);
  const quota = new SymbolQuota({ ...config.processing, ...config.limits }, engine.symbols);
  return {
    ...given,
    epoch: randomBytes(6).toString('base64url'),
    startedAt: performance.now(),
    fault,
    clock: new CachedClock(),
    counters,
    sessions,
    origins: new Origins(config.server.allowedOrigins, config.tls.certificateFile !== ''),
    renewals: authenticator && new Renewals(authenticator, security, fault),
    publishers: new PublisherRegistry(publishers),
    quota,
    credit: createCredit(config, engine),
    intake: new TickIntake(engine, config.processing, {
      symbolAppeared: (symbolId, name) => {
        anomalies.symbolAppeared(symbolId, name);
        subscriptions.symbolAppeared(symbolId, name);
      },
    }),
    ticksReader: new TicksReader(config.publish.ticksPerFrameMax),
    tickBatch: new TickBatch(),
    subscriptions,
    retirement: new SymbolRetirement({ ...versioned, background, quota }, fault),
    background,
    versions,
    anomalies,
    statsMessage: new StatsMessage(versions),
    conflation,
    fanOut,
    scheduler: new FlushScheduler(
      engine,
      fanOut,
      conflation,
      sessions.publishers,
      config.stream.latency,
    ),
  };
}

function createCredit({ processing, publish }: Config, engine: Engine): CreditPool {
  const window = Math.max(processing.channelCapacity, publish.ticksPerFrameMax);
  const isBinding = processing.overflow === 'wait';
  return new CreditPool(window, isBinding ? () => engine.freeSlots() : undefined);
}
