import type { Authenticator } from '../access/index.ts';
import type { Config } from '../config/schema.ts';
import type { Engine } from '../engine/index.ts';
import type { SnapshotCounters, Store } from '../store/index.ts';
import { CachedClock } from './cached-clock.ts';
import { AnomalyLog } from './fanout/anomaly-log.ts';
import { ConflationQueue } from './fanout/conflation-queue.ts';
import { FanOut } from './fanout/fan-out.ts';
import { FlushScheduler } from './fanout/flush-scheduler.ts';
import { SymbolVersions } from './fanout/symbol-versions.ts';
import { CreditPool } from './ingest/credit-pool.ts';
import { PublisherRegistry } from './ingest/publisher-registry.ts';
import { TickIntake } from './ingest/tick-intake.ts';
import { SymbolQuota } from './limits/symbol-quota.ts';
import { GatewayCounters } from './metrics/gateway-counters.ts';
import { Renewals } from './sessions/renewals.ts';
import type { SecurityCounts, SecurityEvents } from './sessions/security-events.ts';
import { Sessions } from './sessions/session-registry.ts';
import { Subscriptions } from './subscriptions/subscriptions.ts';

/** What the parts are made of. */
export interface PartsOptions {
  readonly config: Config;
  readonly engine: Engine;
  /** Where anomalies are kept; undefined: in memory only. */
  readonly store: Store | undefined;
  /** Undefined: no tokens are demanded. */
  readonly authenticator: Authenticator | undefined;
  readonly security: SecurityEvents;
  /** What it counted. */
  readonly securityCounts: SecurityCounts | undefined;
  /** What became of the snapshots, where there is a store. */
  readonly snapshots: SnapshotCounters;
  /** Publishers of an earlier run and their last accepted sequences, longest gone first. */
  readonly publishers: Iterable<readonly [name: string, sequence: number]>;
  /** Links of sessions to symbols that there is room for from the start; undefined: for plenty. */
  readonly linksReserved?: number | undefined;
}

/** What all sessions and requests of a gateway share; each room takes of it what belongs there. */
export type Parts = ReturnType<typeof createParts>;

/**
 * Makes the parts and joins them: ticks go from the intake to the engine, what the engine made of them from the fan-out to
 * the sessions, a turn at a time.
 *
 * @param fault told of what a handler threw
 */
export function createParts(options: PartsOptions, fault: (error: unknown) => void) {
  const { authenticator, config, engine, security } = options;
  const sessions = new Sessions();
  const traffic = new GatewayCounters();
  const conflation = new ConflationQueue();
  const subscriptions = new Subscriptions(options.linksReserved);
  const pool = new SymbolVersions(engine);
  const anomalies = createAnomalyLog(options, () => fanOut);
  const fanOut = new FanOut(engine, subscriptions, pool, anomalies, traffic);
  return {
    config,
    engine,
    fault,
    store: options.store,
    security,
    securityCounts: options.securityCounts,
    snapshots: options.snapshots,
    authenticator,
    renewals: authenticator && new Renewals(authenticator, security, fault),
    publishers: new PublisherRegistry(options.publishers),
    quota: new SymbolQuota(config.limits, engine.symbols.names),
    sessions,
    traffic,
    clock: new CachedClock(),
    conflation,
    subscriptions,
    pool,
    anomalies,
    fanOut,
    turn: new FlushScheduler(engine, fanOut, conflation, sessions.publishers),
    intake: new TickIntake(engine, config.processing.maxFutureMs, (symbolId, name) =>
      subscriptions.symbolAppeared(symbolId, name),
    ),
    credit: createCredit(config, engine),
  };
}

function createAnomalyLog(options: PartsOptions, fanOut: () => FanOut): AnomalyLog {
  const { config, engine, store } = options;
  const anomalies = new AnomalyLog({
    perSymbolMax: config.stream.recentAnomaliesPerSymbol,
    symbols: engine.symbols,
    onAnomaly: (symbolId) => fanOut().markAnomaly(symbolId),
    disk: store && {
      store,
      isAwaited: config.store.mode === 'sync',
      onDurable: () => fanOut().flush(),
    },
  });
  for (let symbolId = 0; symbolId < engine.symbols.size; symbolId++) {
    anomalies.continueAfter(symbolId, engine.statistics.anomalies(symbolId));
  }
  return anomalies;
}

function createCredit(config: Config, engine: Engine): CreditPool {
  const { channelCapacity, overflow } = config.processing;
  const window = Math.max(channelCapacity, config.publish.ticksPerFrameMax);
  return overflow === 'wait'
    ? new CreditPool(window, () => engine.freeSlots())
    : new CreditPool(window);
}
