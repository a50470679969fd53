/** The gateway's door. */
export { createGatewayContext, type GatewayContext } from './context.ts';
export { Gateway } from './gateway.ts';
export { Health } from './health.ts';
export { UNWATCHED } from './sessions/security-events.ts';
export { SecurityLog } from './sessions/security-log.ts';
