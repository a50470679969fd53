/** The gateway's door. */

export { Assets } from '../http/assets/assets.ts';
export { Gateway } from './gateway.ts';
export { WorkerHealth } from './metrics/worker-health.ts';
export { UNWATCHED } from './sessions/security-events.ts';
export { SecurityLog } from './sessions/security-log.ts';
