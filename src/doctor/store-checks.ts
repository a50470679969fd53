import { accessSync, constants, existsSync, readdirSync, statfsSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Config } from '../config/schema.ts';
import { inspectDirectory } from '../store/directory.ts';
import { type Finding, messageOf } from './finding.ts';

const MIB = 1024 * 1024;
const FREE_BYTES_MIN = 256 * MIB;
/** Difference of clocks that is worth a warning, ms. */
const SKEW_MS_MAX = 5_000;
/** No clock of a machine that runs this program is before its release. */
const RELEASED = Date.UTC(2026, 0, 1);

export function checkStore({ store }: Config): Finding[] {
  const subject = 'store';
  if (store.directory === '') {
    return [
      { verdict: 'ok', subject, found: 'none: anomalies and statistics end with the process' },
    ];
  }
  const directory = resolve(store.directory);
  const nearest = nearestFolder(directory);
  try {
    // Makes the directory if it is absent, so not asked then.
    const isThere = nearest === directory;
    const isStore = isThere && inspectDirectory(directory) !== undefined;
    accessSync(nearest, constants.R_OK | constants.W_OK | constants.X_OK);
    const { bavail, bsize } = statfsSync(nearest);
    const free = bavail * bsize;
    const state = isStore ? 'a store' : isThere ? 'empty' : 'will be made';
    const found = `${directory}: ${state}, ${Math.floor(free / MIB)} MiB free`;
    if (free >= FREE_BYTES_MIN) return [{ verdict: 'ok', subject, found }];
    return [{ verdict: 'warning', subject, found, remedy: 'free some space' }];
  } catch (error) {
    const remedy = 'name a directory that this user can write (store.directory), or none';
    return [{ verdict: 'fault', subject, found: messageOf(error), remedy }];
  }
}

function nearestFolder(directory: string): string {
  let folder = directory;
  while (!existsSync(folder)) folder = dirname(folder);
  return folder;
}

/** A clock that is behind refuses ticks as being of the future; one ahead lets wrong times in. */
export function checkClock({ store }: Config): Finding[] {
  const subject = 'clock';
  const now = Date.now();
  const found = new Date(now).toISOString();
  const remedy = 'set it (NTP) before the server starts: times of ticks are compared with it';
  if (now < RELEASED) return [{ verdict: 'fault', subject, found: `${found} is past`, remedy }];
  const newest = newestFileTime(store.directory);
  if (newest - now <= SKEW_MS_MAX) return [{ verdict: 'ok', subject, found }];
  const written = new Date(newest).toISOString();
  const fault = `${found}, but a file of the store was written at ${written}`;
  return [{ verdict: 'warning', subject, found: fault, remedy }];
}

/** The newest mtime of the store's files, ms since the epoch; 0 without any. */
function newestFileTime(directory: string): number {
  if (directory === '' || !existsSync(directory)) return 0;
  try {
    const files = readdirSync(directory).map((name) => join(directory, name));
    return Math.max(0, ...files.map((file) => statSync(file).mtimeMs));
  } catch {
    // Unreadable: the check of the store says so.
    return 0;
  }
}
