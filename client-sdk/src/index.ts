/** The Tickwire client: publish ticks; subscribe to statistics and anomalies. */
export {
  ErrorCode,
  Field,
  isReconnectable,
  type OverflowPolicy,
  ProtocolError,
  type SubscribeOptions,
  type SymbolValues,
} from '../../src/protocol/index.ts';
export type { Anomaly, HistoryPage } from './anomaly.ts';
export type { Closure, Welcome } from './connection.ts';
export { Mirror, type MirroredSymbol } from './mirror.ts';
export { Publisher } from './publisher.ts';
export type { PublisherOptions, PublisherTotals, Rejection, Tick } from './publisher-options.ts';
export type { OpenSocket, SocketLike } from './socket.ts';
export { Subscriber } from './subscriber.ts';
export type {
  Subscribed,
  SubscriberCounters,
  SubscriberOptions,
  Verification,
} from './subscriber-options.ts';
export { type TickColumns, TickEncoder } from './tick-encoder.ts';
