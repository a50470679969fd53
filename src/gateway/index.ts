/** The gateway's door. */
export { Gateway } from './gateway.ts';
