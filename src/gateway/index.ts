/** The gateway's door. */
export { Gateway, type GatewayLog } from './gateway.ts';
