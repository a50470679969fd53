// Starts a TypeScript worker or process for tests: neither inherits the loader on Node 20 (see
// src/engine/worker-threads.ts). Loads what a vitest run has compiled
// (test/support/compiled-sources.ts) in 0.05 s of CPU; the loader takes 0.4.
import { existsSync } from 'node:fs';
import { workerData } from 'node:worker_threads';

const root = new URL('..', import.meta.url).href;
const entry = workerData?.entry ?? process.argv[2];
const folder = process.env.COMPILED_SOURCES;
const compiled = folder && new URL(`${entry.slice(root.length, -3)}.js`, folder);

if (compiled && existsSync(compiled)) {
  await import(compiled.href);
} else {
  const { register } = await import('tsx/esm/api');
  register();
  await import(entry);
}
