import type { Engine } from '../engine/index.ts';
import type { CachedClock } from '../gateway/cached-clock.ts';
import type { AnomalyLog } from '../gateway/fanout/anomaly-log.ts';
import type { CreditPool } from '../gateway/ingest/credit-pool.ts';
import type { PublishScopeRoom } from '../gateway/ingest/publish-scope.ts';
import type { TickIntake } from '../gateway/ingest/tick-intake.ts';
import type { GatewayCounters } from '../gateway/metrics/gateway-counters.ts';
import type { SecurityCounts } from '../gateway/sessions/security-events.ts';
import type { SnapshotCounters, Store } from '../store/index.ts';
import type { HttpAccess } from './access.ts';

/** What HTTP commands work on: the way in. */
export interface CommandRoom {
  readonly intake: TickIntake;
  readonly credit: CreditPool;
  readonly traffic: GatewayCounters;
  /** The one that publish sessions read too: receipt times follow the order in which ticks are taken, however they came. */
  readonly clock: CachedClock;
  /** Ticks one request may hold. */
  readonly ticksMax: number;
  /** How deep arrays and objects of a body may be nested. */
  readonly jsonDepthMax: number;
  /** Has the accepted ticks handed to the workers as soon as they are due (turn.ts). */
  readonly schedule: () => void;
  readonly scopes: PublishScopeRoom;
}

/** How many of each there are at this moment. */
export interface SessionCounts {
  readonly publishers: number;
  readonly subscribers: number;
  /** Patterns held by all sessions. */
  readonly subscriptions: number;
  /** Sessions whose socket had no room when last looked at. */
  readonly slow: number;
}

/** The rules of the engine that readers of its numbers should know. */
export interface StatisticsRules {
  /** Ticks. */
  readonly movingAverageWindow: number;
  readonly anomalyThresholdPercent: number;
  readonly slidingWindowMilliseconds: number;
}

/** What HTTP queries read. Nothing here reaches the way in. */
export interface QueryRoom {
  readonly access: HttpAccess;
  /** Undefined where nobody counts. */
  readonly security: SecurityCounts | undefined;
  readonly engine: Pick<
    Engine,
    'symbols' | 'statistics' | 'partitions' | 'channelCapacity' | 'status'
  >;
  readonly anomalies: AnomalyLog;
  /** Undefined where anomalies are kept in memory only. */
  readonly store: Store | undefined;
  readonly snapshots: SnapshotCounters;
  readonly totals: TickIntake['totals'];
  readonly traffic: Readonly<GatewayCounters>;
  /** What the statistics and anomalies go by. */
  readonly rules: StatisticsRules;
  /** Of this server. */
  readonly version: string;
  /** Of this run: see WELCOME in the protocol. */
  readonly epoch: string;
  /** When the server started, ms since the epoch. */
  readonly startedAt: number;
  sessions(): SessionCounts;
  /** Why the server is not ready; undefined when it is. */
  unreadiness(): string | undefined;
}
