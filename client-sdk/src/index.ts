/** The Tickwire client: publish ticks; subscribe to statistics and anomalies. */
export {
  ErrorCode,
  type ErrorName,
  Field,
  type OverflowPolicy,
  ProtocolError,
} from '../../src/protocol/index.ts';
export type { ConnectOptions } from './connection/connect-options.ts';
export type { Closure, Welcome } from './connection/connection.ts';
export type { ConnectionState, StateChange } from './connection/connection-state.ts';
export { ServerError } from './connection/server-error.ts';
export type { SocketLike, WebSocketConstructor } from './connection/socket.ts';
export { BufferFullError } from './publisher/buffer-full-error.ts';
export { connectPublisher, Publisher } from './publisher/publisher.ts';
export type { Acknowledgement, PublisherEvents, Rejection } from './publisher/publisher-events.ts';
export type { PublisherOptions } from './publisher/publisher-options.ts';
export type { Tick } from './publisher/tick.ts';
export type { TickColumns } from './publisher/tick-columns.ts';
export type { PublisherTotals } from './publisher/tick-tally.ts';
export type { Anomaly, AnomalyGap, HistoryPage } from './subscriber/anomaly.ts';
export type { Latency } from './subscriber/round-trips.ts';
export { connect, Subscriber } from './subscriber/subscriber.ts';
export type {
  SubscriberEvents,
  Update,
} from './subscriber/subscriber-events.ts';
export type {
  SubscriberCounters,
  SubscriberOptions,
  Verification,
} from './subscriber/subscriber-options.ts';
export type { Refusal, Subscription, SubscriptionOptions } from './subscriber/subscription.ts';
export type { SymbolStatistics } from './subscriber/symbol-statistics.ts';
