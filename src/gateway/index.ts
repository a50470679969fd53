/** Sockets, sessions and fan-out. The entry for composition; HTTP also imports single files. */
export { createGatewayContext, type GatewayContext } from './context.ts';
export { EarlyTransport } from './early-transport.ts';
export { Gateway } from './gateway.ts';
export { Health } from './health.ts';
export { PublisherRegistry } from './ingest/publisher-registry.ts';
export { TickJournal } from './ingest/tick-journal.ts';
export { EventLoopDelay } from './metrics/event-loop-delay.ts';
export { SecurityLog, UNWATCHED } from './sessions/security-events.ts';
export type { SessionFactory } from './sessions/session-factory.ts';
export { authorityOf } from './transport/listen-address.ts';
