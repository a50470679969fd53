// Starts a TypeScript worker or process, for tests: neither inherits the loader on Node 20 (see
// src/engine/worker-threads.ts). A bundle that is kept starts in a quarter of a loader's time.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { threadId, workerData } from 'node:worker_threads';

const root = fileURLToPath(new URL('..', import.meta.url));
const cache = join(root, 'node_modules/.cache/tickwire-workers');
const entry = fileURLToPath(workerData?.entry ?? process.argv[2]);
const manifestPath = join(cache, `${hashOf(entry)}.json`);

await import(pathToFileURL(findBundle() ?? (await makeBundle())).href);

function hashOf(text) {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

function versionOf(path) {
  const { mtimeMs, size } = statSync(path);
  return `${mtimeMs} ${size}`;
}

/** The bundle that was made last, unless one of its sources has changed. */
function findBundle() {
  try {
    const { bundle, sources } = JSON.parse(readFileSync(manifestPath, 'utf8'));
    const isCurrent = Object.entries(sources).every(([path, was]) => versionOf(path) === was);
    return isCurrent ? bundle : undefined;
  } catch {
    return undefined;
  }
}

async function makeBundle() {
  const { buildSync } = await import('esbuild');
  const { metafile, outputFiles } = buildSync({
    absWorkingDir: root,
    entryPoints: [entry],
    bundle: true,
    packages: 'external',
    format: 'esm',
    platform: 'node',
    target: 'node20',
    metafile: true,
    write: false,
  });
  const { text } = outputFiles[0];
  const bundle = join(cache, `${hashOf(text)}.mjs`);
  const paths = Object.keys(metafile.inputs).map((path) => join(root, path));
  const sources = Object.fromEntries(paths.map((path) => [path, versionOf(path)]));
  mkdirSync(cache, { recursive: true });
  writeWhole(bundle, text);
  writeWhole(manifestPath, JSON.stringify({ bundle, sources }));
  return bundle;
}

/** Others may read it at the same time. */
function writeWhole(path, text) {
  const temporary = `${path}.${process.pid}-${threadId}`;
  writeFileSync(temporary, text);
  renameSync(temporary, path);
}
