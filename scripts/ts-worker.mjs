// Starts a TypeScript worker where workers do not inherit the loader (tests on Node 20): see spawn-worker.ts.
import { workerData } from 'node:worker_threads';
import { register } from 'tsx/esm/api';

register();
await import(workerData.entry);
