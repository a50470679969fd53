import { join } from 'node:path';
import { type Database, open, type RootDatabase } from 'lmdb';

export const DATABASE_FILE = 'data.mdb';
/** What LMDB makes beside the file. */
export const DATABASE_LOCK_FILE = 'data.mdb-lock';

/** Address space, not memory or disk: so large that the map hardly ever has to move while it is read. */
const MAP_BYTES = 16 * 2 ** 30;

export interface Databases {
  readonly root: RootDatabase<Buffer, Buffer>;
  readonly anomalies: Database<Buffer, Buffer>;
  readonly times: Database<Buffer, Buffer>;
  readonly arrivals: Database<Buffer, Buffer>;
  readonly symbols: Database<Buffer, Buffer>;
}

/**
 * Opens the environment. The file must have been checked before: LMDB maps it into memory and
 * believes what it reads there.
 */
export function openDatabases(directory: string, access: 'read' | 'write'): Databases {
  const root = open<Buffer, Buffer>({
    path: join(directory, DATABASE_FILE),
    noSubdir: true,
    readOnly: access === 'read',
    // A transaction returns when it is on disk, and throws when it is not.
    overlappingSync: false,
    eventTurnBatching: false,
    mapSize: MAP_BYTES,
    maxDbs: 8,
  });
  const openNamed = (name: string) =>
    root.openDB<Buffer, Buffer>({ name, keyEncoding: 'binary', encoding: 'binary' });
  try {
    return {
      root,
      anomalies: openNamed('anomalies'),
      times: openNamed('times'),
      arrivals: openNamed('arrivals'),
      symbols: openNamed('symbols'),
    };
  } catch (error) {
    void root.close();
    throw error;
  }
}
