// Starts a TypeScript worker or process where neither inherits the loader (tests on Node 20): see
// src/engine/worker-threads.ts.
import { workerData } from 'node:worker_threads';
import { register } from 'tsx/esm/api';

register();
await import(workerData?.entry ?? process.argv[2]);
