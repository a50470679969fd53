/*
 * Reads through a database, in a process of its own that damage may end: see database-check.ts.
 *
 *   database-check-process PATH   exits with 0, or writes what is wrong and exits with EXIT_DAMAGED
 */
import { ABORT, type Database } from 'lmdb';
import { EXIT_DAMAGED } from './database-check.ts';
import { openDatabases } from './databases.ts';

/** Records of each database that are also read and rewritten: some 0.2 s. */
const REWRITTEN_MAX = 200_000;
/** Pages hold more records than this, so each of them is written. */
const REWRITE_STRIDE = 8;

/** Counts the records, which follows every page. */
function count(database: Database<Buffer, Buffer>): void {
  const { entryCount } = database.getStats() as { entryCount: number };
  const found = database.getKeysCount();
  if (found !== entryCount) throw new Error(`${found} records are left of ${entryCount}`);
}

/** Changes pages as a write does, in a transaction that is aborted. */
function rewrite(database: Database<Buffer, Buffer>): void {
  database.transactionSync(() => {
    let index = 0;
    for (const { key, value } of database.getRange({ reverse: true, limit: REWRITTEN_MAX })) {
      if (index++ % REWRITE_STRIDE === 0) database.putSync(Buffer.from(key), Buffer.from(value));
    }
    return ABORT;
  });
}

try {
  const { root, ...databases } = openDatabases(process.argv.at(-1) ?? '', 'check');
  for (const database of Object.values(databases)) {
    count(database);
    rewrite(database);
  }
  await root.close();
} catch (error) {
  process.stdout.write(error instanceof Error ? error.message : String(error));
  process.exitCode = EXIT_DAMAGED;
}
