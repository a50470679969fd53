import { type Database, open, type RootDatabase } from 'lmdb';

export const DATABASE_FILE = 'data.mdb';
/** LMDB keeps its locks beside the file, under a name with this at its end. */
export const LOCK_SUFFIX = '-lock';

/** Address space, not memory or disk: so large that the map hardly ever has to move while it is read. */
const MAP_BYTES = 16 * 2 ** 30;

const BINARY = { keyEncoding: 'binary', encoding: 'binary' } as const;

export interface Databases {
  readonly root: RootDatabase<Buffer, Buffer>;
  readonly anomalies: Database<Buffer, Buffer>;
  readonly times: Database<Buffer, Buffer>;
  readonly arrivals: Database<Buffer, Buffer>;
  readonly symbols: Database<Buffer, Buffer>;
}

/**
 * Opens an environment. LMDB maps the file into memory and believes what it reads there, so the file
 * must have been checked; `check` writes no more than `read`, unless a transaction is committed.
 *
 * @throws Error of LMDB, or for databases that only `write` makes
 */
export function openDatabases(path: string, access: 'read' | 'write' | 'check'): Databases {
  const root = open<Buffer, Buffer>({
    path,
    noSubdir: true,
    readOnly: access === 'read',
    // A transaction returns when it is on disk, and throws when it is not.
    overlappingSync: false,
    eventTurnBatching: false,
    mapSize: MAP_BYTES,
    maxDbs: 8,
  });
  const openNamed = (name: string) => {
    // Its types know nothing of `create`, nor that without it there may be no database.
    const options = { name, ...BINARY, create: access === 'write' };
    const database = root.openDB<Buffer, Buffer>(options) as Database<Buffer, Buffer> | undefined;
    if (database === undefined) throw new Error(`it has no database '${name}'`);
    return database;
  };
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
