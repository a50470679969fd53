/** Sockets, sessions and fan-out. The entry for composition; HTTP also imports single files. */
export type { ClusterOverview } from './cluster-overview.ts';
export type {
  ClusterRecords,
  HeldRecords,
  RecordBatch,
  RecordKinds,
} from './cluster-records.ts';
export { createGatewayContext, type GatewayContext, type GatewayLog } from './context.ts';
export { EarlyTransport } from './early-transport.ts';
export type { RecordLog } from './fanout/record-log.ts';
export { Gateway } from './gateway.ts';
export { Health } from './health.ts';
export { AcceptedTicks } from './ingest/accepted-ticks.ts';
export type { FrameJournal } from './ingest/frame-journal.ts';
export { InnerPublisher } from './ingest/inner-publisher.ts';
export { type PublisherClaim, PublisherRegistry } from './ingest/publisher-registry.ts';
export { isPrice, isTickTime } from './ingest/tick-intake.ts';
export { TickJournal } from './ingest/tick-journal.ts';
export type { ClusterReadings } from './metrics/cluster-metrics.ts';
export { EventLoopDelay } from './metrics/event-loop-delay.ts';
export type { KafkaReadings, KafkaSinkReadings } from './metrics/kafka-metrics.ts';
export { createMetrics } from './metrics/metrics.ts';
export { DAY_MS, IdleSweep } from './retirement/idle-sweep.ts';
export { SecurityLog, UNWATCHED } from './sessions/security-events.ts';
export type { SessionFactory } from './sessions/session-factory.ts';
export { authorityOf } from './transport/listen-address.ts';
