import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import { compareVersions, HEAD_BYTES_MAX } from './abilities.ts';
import type { UwsModule } from './uws-api.ts';

/** The module, its file and version, or why each candidate did not load. */
export type UwsLoad =
  | {
      readonly loaded: true;
      readonly uws: UwsModule;
      readonly file: string;
      readonly version: string;
    }
  | { readonly loaded: false; readonly reasons: readonly string[] };

/** The first name may be the official package or a copy of it. */
const NAMES = ['uWebSockets.js', 'uws-new'];

/** The available binaries, for the message if none loads. */
export const UWS_BINARIES =
  'Binaries are included for Node 18 and 20 with glibc 2.27 or newer (arm: 2.28), for ' +
  'Node 20, 22, 24 and 25 with glibc 2.38 or newer, and for macOS and Windows; for others ' +
  'install the official package (npm install uNetworking/uWebSockets.js#VERSION)';

const require = createRequire(import.meta.url);

/** Read by uWebSockets.js when it loads: the largest head of a request. Its default is 4096. */
const HEAD_VARIABLE = 'UWS_HTTP_MAX_HEADERS_SIZE';

/**
 * Loads the newest binary of uWebSockets.js that loads here, by its own path. (The package's entry
 * may return a slow substitute that lacks half of the methods.) Never throws. Main thread only: a
 * worker thread that ends with a live socket aborts the process.
 */
export function loadUws(): UwsLoad {
  if (!isMainThread) {
    return { loaded: false, reasons: ['uWebSockets.js runs on the main thread only'] };
  }
  process.env[HEAD_VARIABLE] ??= String(HEAD_BYTES_MAX);
  const { candidates, reasons } = findCandidates();
  for (const { name, root, version } of candidates) {
    try {
      const file = binaryIn(root);
      const uws = require(file) as UwsModule;
      if (typeof uws.App !== 'function') throw new Error(`${file} is not uWebSockets.js`);
      return { loaded: true, uws, file, version };
    } catch (error) {
      reasons.push(`${name} ${version}: ${firstLine(error)}`);
    }
  }
  return { loaded: false, reasons };
}

interface Candidate {
  readonly name: string;
  readonly root: string;
  readonly version: string;
}

/** The installed packages, newest first, and why the others are none. */
function findCandidates(): { readonly candidates: Candidate[]; readonly reasons: string[] } {
  const candidates: Candidate[] = [];
  const reasons: string[] = [];
  for (const name of NAMES) {
    try {
      const root = packageRoot(name);
      const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
      candidates.push({ name, root, version: String(version) });
    } catch (error) {
      reasons.push(`${name}: ${firstLine(error)}`);
    }
  }
  candidates.sort((a, b) => compareVersions(b.version, a.version));
  return { candidates, reasons };
}

function binaryIn(root: string): string {
  const { platform, arch, versions } = process;
  const file = `uws_${platform}_${arch}_${versions.modules}.node`;
  for (const directory of [root, join(root, 'binaries')]) {
    const path = join(directory, file);
    if (existsSync(path)) return path;
  }
  throw new Error(`has no binary for Node ${versions.node} on ${platform} ${arch} (${file})`);
}

/**
 * The directory of an installed package: the nearest one above its entry that has a package.json.
 */
function packageRoot(name: string): string {
  let directory: string;
  try {
    directory = dirname(require.resolve(name));
  } catch {
    throw new Error('not installed');
  }
  while (!readdirSync(directory).includes('package.json')) {
    const parent = dirname(directory);
    if (parent === directory) throw new Error('has no package.json');
    directory = parent;
  }
  return directory;
}

function firstLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.split('\n', 1)[0] as string;
}
