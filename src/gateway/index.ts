/** The gateway's door. */

export { UNWATCHED } from './admission/security-events.ts';
export { SecurityLog } from './admission/security-log.ts';
export { Gateway } from './gateway.ts';
export { Assets } from './http/assets/assets.ts';
export { WorkerHealth } from './worker-health.ts';
