/** The gateway's door. */

export { Gateway } from './gateway.ts';
export { Assets } from './http/assets/assets.ts';
export { WorkerHealth } from './worker-health.ts';
