import { closeSync, fstatSync, openSync, writeSync } from 'node:fs';
import type { Changes, Databases } from './databases.ts';

/** Pages that a transaction changes beside those of its records: roots, the free list. */
const PAGES_MIN = 64;
/** A record's key is in three of the trees, whose pages are half full at worst. */
const TREES_PER_RECORD = 3;
const FILL_MIN = 1 / 2;
/** The file grows in steps. */
const STEP_BYTES = 262_144;
const ZEROS = Buffer.alloc(STEP_BYTES);

/** As far as lmdb-js has them: its types do not. */
interface Internals {
  readonly env: {
    stat(): { readonly pageSize: number };
    info(): { readonly lastPageNumber: number };
  };
  readonly db: {
    stat(): { readonly treeLeafPageCount: number; readonly treeBranchPageCount: number };
  };
}

/**
 * Room at the end of the database's file, written before a transaction needs it. So a full disk, a
 * quota, a limit on files or a file system that became read-only is found here and named. Found by
 * LMDB at the end of a transaction, it could end the process: lmdb 3.5.6 overruns a buffer of 100
 * bytes when it words the error of a failed write. A file system that copies on write may still
 * refuse what was reserved.
 */
export class Reserve {
  readonly #file: number;
  readonly #environment: Internals['env'];
  readonly #trees: readonly Internals['db'][];

  /** @throws Error of Node when the file cannot be opened */
  constructor(path: string, { root, ...databases }: Databases) {
    this.#file = openSync(path, 'r+');
    this.#environment = (root as unknown as Internals).env;
    this.#trees = Object.values(databases).map((database) => (database as unknown as Internals).db);
  }

  /**
   * To be called first in a transaction, which keeps other writers away from the end of the file.
   *
   * @throws Error of Node when the file cannot be written
   */
  ensure({ count, bytes }: Changes): void {
    const { pageSize } = this.#environment.stat();
    let pages = PAGES_MIN + Math.ceil((TREES_PER_RECORD * bytes) / FILL_MIN / pageSize);
    // A page that changes is written anew: one of each tree for each record, or all that there are.
    for (const tree of this.#trees) {
      const { treeLeafPageCount, treeBranchPageCount } = tree.stat();
      pages += Math.min(count, treeLeafPageCount) + Math.min(count, treeBranchPageCount);
    }
    // The page after the last one in use, and those behind it, belong to nobody.
    const needed = (this.#environment.info().lastPageNumber + 1 + pages) * pageSize;
    let { size } = fstatSync(this.#file);
    if (size >= needed) {
      // May it still be written? The last byte is of a page that is not in use.
      writeSync(this.#file, ZEROS, 0, 1, size - 1);
      return;
    }
    const end = Math.ceil(needed / STEP_BYTES) * STEP_BYTES;
    while (size < end) {
      size += writeSync(this.#file, ZEROS, 0, Math.min(ZEROS.length, end - size), size);
    }
  }

  close(): void {
    closeSync(this.#file);
  }
}
