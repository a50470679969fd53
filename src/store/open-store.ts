import { rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { checkDatabase } from './database-check.ts';
import { DATABASE_FILE, LOCK_SUFFIX } from './databases.ts';
import { checkSpace, inspectDirectory, type Marker, reasonOf, writeMarker } from './directory.ts';
import { DirectoryLock } from './directory-lock.ts';
import { DiskStore, type DiskStoreParts } from './disk-store.ts';
import { Environment } from './environment.ts';
import { Snapshots } from './snapshots.ts';
import type { Store, StoreLog, StoreOptions } from './store.ts';
import { StoreError } from './store-error.ts';
import { type StartWriter, startWriter } from './writer.ts';

/** What tests replace. */
export interface StoreSeams {
  readonly startWriter?: StartWriter;
  /** Anomalies held while the disk fails. */
  readonly waitingMax?: number;
}

/**
 * Opens the store in a directory, or lays one out in an empty or new one. Looks at everything before it
 * lets LMDB open it, and changes nothing in what it refuses.
 *
 * @throws StoreError with the path, what was found there, and what to do
 */
export async function openStore(options: StoreOptions, log: StoreLog): Promise<Store> {
  return openStoreWith(options, log, {});
}

export async function openStoreWith(
  given: StoreOptions,
  log: StoreLog,
  seams: StoreSeams,
): Promise<Store> {
  const options = { ...given, directory: resolve(given.directory) };
  const { directory } = options;
  inspectDirectory(directory);
  const lock = lockDirectory(directory);
  try {
    return new DiskStore(options, { ...(await openParts(directory, log, seams)), lock });
  } catch (error) {
    lock.release();
    throw error;
  }
}

function lockDirectory(directory: string): DirectoryLock {
  checkSpace(directory);
  return new DirectoryLock(directory);
}

async function openParts(
  directory: string,
  log: StoreLog,
  seams: StoreSeams,
): Promise<Omit<DiskStoreParts, 'lock'>> {
  const marker = await prepare(directory);
  let environment: Environment | undefined;
  try {
    environment = await Environment.open(directory, seams.startWriter ?? startWriter);
    const { disk } = environment;
    if (disk === undefined) throw new StoreError(`${directory} was closed while it was opened.`);
    disk.checkVersions();
    if (!marker.isReady) writeMarker(directory, true, marker.created);
    const snapshots = new Snapshots(directory, log);
    snapshots.removeTorn();
    return { environment, disk, snapshots, log, waitingMax: seams.waitingMax };
  } catch (error) {
    await environment?.close();
    if (error instanceof StoreError) throw error;
    throw new StoreError(
      `${join(directory, DATABASE_FILE)} cannot be opened: ${reasonOf(error)}. Put back a copy of the folder, or name another.`,
    );
  }
}

/** With the lock held: another process may have been here until now. */
async function prepare(directory: string): Promise<Marker> {
  const found = inspectDirectory(directory);
  if (found?.isReady === true) {
    await checkDatabase(directory);
    return found;
  }
  const marker = found ?? writeMarker(directory, false, new Date().toISOString());
  // A start that was interrupted before the database was laid out: nothing was ever stored in it.
  for (const name of [DATABASE_FILE, DATABASE_FILE + LOCK_SUFFIX]) {
    rmSync(join(directory, name), { force: true });
  }
  return marker;
}
