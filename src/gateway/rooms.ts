import type { Config } from '../config/schema.ts';
import { HttpAccess } from '../http/access.ts';
import type { CommandRoom, QueryRoom } from '../http/http-room.ts';
import { TickBatch, TicksReader } from '../protocol/index.ts';
import { StatsMessage } from './fanout/stats-message.ts';
import type { PublishRoom } from './ingest/publish-session.ts';
import { BackgroundTasks } from './limits/background-tasks.ts';
import type { Parts } from './parts.ts';
import type { StreamRoom } from './sessions/stream-session.ts';

/** Prices that an HTTP request may hold: HTTP names each rejected one, and bulk goes over WebSocket. */
const PRICES_PER_REQUEST_MAX = 10_000;

/** What a room for queries is told by the gateway itself. */
type OfGateway = Pick<QueryRoom, 'version' | 'epoch' | 'startedAt' | 'unreadiness'>;

/** Where publishers send ticks. */
export function createPublishRoom(parts: Parts): PublishRoom {
  const { config, sessions, turn } = parts;
  const { acknowledge, ticksPerFrameMax } = config.publish;
  return {
    intake: parts.intake,
    credit: parts.credit,
    registry: parts.publishers,
    traffic: parts.traffic,
    reader: new TicksReader(ticksPerFrameMax),
    batch: new TickBatch(),
    clock: parts.clock,
    ticksPerFrameMax,
    ticksPerSecond: config.limits.ticksPerSecond,
    quota: parts.quota,
    renewals: parts.renewals,
    security: parts.security,
    awaitsSnapshots: acknowledge === 'durable',
    aliasesMax: Math.max(65_536, config.processing.maxSymbols),
    acknowledgementDue: (session, isUrgent) => turn.acknowledgementDue(session, isUrgent),
    sessionClosed: (session) => {
      sessions.publishers.delete(session);
      turn.forget(session);
      // Its credit is free for others, who may be waiting for it.
      turn.schedule();
    },
  };
}

/** Where subscribers are told of symbols. */
export function createStreamRoom(parts: Parts): StreamRoom {
  const { stream, limits } = parts.config;
  return {
    symbols: parts.engine.symbols,
    pool: parts.pool,
    anomalies: parts.anomalies,
    subscriptions: parts.subscriptions,
    message: new StatsMessage(parts.pool),
    conflation: parts.conflation,
    traffic: parts.traffic,
    messageBytesMax: stream.socketBufferBytesMax / 2,
    subscriptionsMax: stream.subscriptionsMax,
    requestsPerSecond: limits.requestsPerSecond,
    wildcardsMax: limits.wildcardsPerSession,
    conflateMs: stream.conflateMs,
    renewals: parts.renewals,
    security: parts.security,
    work: new BackgroundTasks(parts.fault),
    sessionClosed: (session) => parts.sessions.subscribers.delete(session),
  };
}

/** Where HTTP takes prices. */
export function createCommandRoom(parts: Parts): CommandRoom {
  return {
    intake: parts.intake,
    credit: parts.credit,
    traffic: parts.traffic,
    clock: parts.clock,
    ticksMax: pricesPerRequestMax(parts.config),
    jsonDepthMax: parts.config.limits.jsonDepthMax,
    schedule: parts.turn.schedule,
    scopes: { quota: parts.quota, security: parts.security },
  };
}

/** Where HTTP answers questions. */
export function createQueryRoom(parts: Parts, ofGateway: OfGateway): QueryRoom {
  const { authenticator, config, security, sessions, subscriptions } = parts;
  const requestsPerSecond = config.limits.httpRequestsPerSecond;
  return {
    ...ofGateway,
    security: parts.securityCounts,
    access: new HttpAccess({ authenticator, security, requestsPerSecond }),
    engine: parts.engine,
    anomalies: parts.anomalies,
    store: parts.store,
    snapshots: parts.snapshots,
    totals: parts.intake.totals,
    traffic: parts.traffic,
    rules: config.processing,
    sessions: () => ({
      publishers: sessions.publishers.size,
      subscribers: sessions.subscribers.size,
      subscriptions: subscriptions.held,
      slow: sessions.countSlow(),
    }),
  };
}

function pricesPerRequestMax({ processing, publish }: Config): number {
  const max = Math.min(PRICES_PER_REQUEST_MAX, publish.ticksPerFrameMax);
  // Under `wait` a request is taken whole or not at all: no more than ever fits a queue.
  return processing.overflow === 'wait' ? Math.min(max, processing.channelCapacity) : max;
}
