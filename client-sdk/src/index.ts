/** The Tickwire client: publish ticks; subscribe to statistics and anomalies. */
export {
  ErrorCode,
  type ErrorName,
  Field,
  type OverflowPolicy,
  ProtocolError,
} from '../../src/protocol/index.ts';
export type { ConnectOptions, ServerUrl } from './connection/connect-options.ts';
export type { Closure, ConnectionState, StateChange, Welcome } from './connection/connection.ts';
export { ServerError } from './connection/connection.ts';
export type { SocketLike, WebSocketConstructor } from './connection/web-socket.ts';
export { BufferFullError, connectPublisher, Publisher } from './publisher/publisher.ts';
export type { Acknowledgement, PublisherEvents, Rejection } from './publisher/publisher-events.ts';
export type { PublisherOptions } from './publisher/publisher-options.ts';
export type { Tick, TickColumns } from './publisher/tick.ts';
export type { PublisherTotals } from './publisher/tick-tally.ts';
export type { Alert, AlertGap } from './subscriber/alert.ts';
export type { Anomaly, AnomalyGap, HistoryPage } from './subscriber/anomaly.ts';
export type { Lag } from './subscriber/lag.ts';
export type { AlertsOptions } from './subscriber/past-alerts.ts';
export type { PastItems } from './subscriber/past-items.ts';
export type { PastTick, TicksOptions } from './subscriber/past-ticks.ts';
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
export {
  type SortField,
  SymbolList,
  type SymbolListOptions,
  type SymbolOrder,
  symbolList,
} from './subscriber/symbol-list.ts';
export type { SymbolSnapshot, SymbolStatistics } from './subscriber/symbol-statistics.ts';
