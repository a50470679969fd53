// What few programs use. Imported when it is first called, so that bundlers make a chunk of it
// that pages need not load at their start.
export { AlertStream } from './alert-stream.ts';
export { verify } from './mirror-digest.ts';
export { readAlerts } from './past-alerts.ts';
export { readTicks } from './past-ticks.ts';
