import { readSync } from 'node:fs';
import {
  type Meta,
  NODE_HEADER_BYTES,
  NodeFlag,
  OVERFLOW_REFERENCE_BYTES,
  PAGE_HEADER_BYTES,
  PageFlag,
  readTree,
  TREE_BYTES,
  type Tree,
} from './database-layout.ts';

/** What is wrong with a database file. */
export class DamageError extends Error {
  override readonly name = 'DamageError';
}

/** LMDB's cursors hold a stack of this many pages. */
const DEPTH_MAX = 32;

interface Visit {
  readonly page: number;
  readonly depth: number;
}

/** Follows every page of a database's trees, as LMDB would, and throws at the first that cannot be one. */
export class PageWalk {
  readonly #file: number;
  readonly #meta: Meta;
  readonly #pageBytes: number;
  readonly #pageCount: number;
  readonly #isWhole: boolean;
  readonly #bytes: Buffer;
  readonly #seen: Uint8Array;
  readonly #txn: bigint;
  /** Pages listed as free. */
  #freeCount = 0;

  /**
   * @param isWhole whether leaves are read too, or branch pages only
   */
  constructor(file: number, fileBytes: number, meta: Meta, isWhole: boolean) {
    const { pageBytes } = meta;
    this.#meta = meta;
    this.#txn = BigInt(meta.txn);
    this.#file = file;
    this.#pageBytes = pageBytes;
    this.#pageCount = Math.floor(fileBytes / pageBytes);
    this.#isWhole = isWhole;
    this.#bytes = Buffer.alloc(pageBytes);
    this.#seen = new Uint8Array(this.#pageCount);
  }

  visit(): void {
    const meta = this.#meta;
    // The free tree is small and a wrong page in it destroys what is written next: always whole.
    this.#visitTree(meta.free, true, (at, bytes) => this.#checkFreeList(at, bytes, meta.lastPage));
    const trees: Tree[] = [];
    this.#visitTree(meta.main, true, (at, bytes, flags) => {
      if (flags !== NodeFlag.TREE || bytes !== TREE_BYTES) {
        throw new DamageError('its main tree holds something else than databases');
      }
      trees.push(readTree(this.#bytes, at));
    });
    for (const tree of trees) this.#visitTree(tree, this.#isWhole, undefined);
    // The file may be shorter than the last page only where free pages at its end were never written.
    const missing = meta.lastPage + 1 - this.#pageCount;
    if (missing > this.#freeCount) {
      throw new DamageError(
        `it ends after ${this.#pageCount} pages of ${this.#pageBytes} bytes; ${meta.lastPage + 1} are in use`,
      );
    }
  }

  #visitTree(
    tree: Tree,
    isWhole: boolean,
    onData: ((at: number, bytes: number, flags: number) => void) | undefined,
  ): void {
    if (tree.root === undefined) {
      if (tree.entries !== 0) throw new DamageError('a tree with entries has no root');
      return;
    }
    if (tree.depth < 1 || tree.depth > DEPTH_MAX) {
      throw new DamageError(`a tree has a depth of ${tree.depth}`);
    }
    let entries = 0;
    const stack: Visit[] = [{ page: tree.root, depth: 1 }];
    for (let visit = stack.pop(); visit !== undefined; visit = stack.pop()) {
      if (visit.depth < tree.depth) this.#visitBranch(visit, stack);
      else if (isWhole) entries += this.#visitLeaf(visit.page, onData);
      else this.#mark(visit.page);
    }
    if (isWhole && entries !== tree.entries) {
      throw new DamageError(`a tree of ${tree.entries} entries holds ${entries}`);
    }
  }

  #visitBranch({ page, depth }: Visit, stack: Visit[]): void {
    const count = this.#readPage(page, PageFlag.BRANCH);
    for (let index = 0; index < count; index++) {
      const at = this.#nodeAt(page, index);
      const keyBytes = this.#bytes.readUInt16LE(at + 6);
      this.#checkFits(page, at, NODE_HEADER_BYTES + keyBytes);
      const child = this.#bytes.readUInt32LE(at) + this.#bytes.readUInt16LE(at + 4) * 2 ** 32;
      stack.push({ page: child, depth: depth + 1 });
    }
  }

  #visitLeaf(
    page: number,
    onData: ((at: number, bytes: number, flags: number) => void) | undefined,
  ): number {
    const count = this.#readPage(page, PageFlag.LEAF);
    for (let index = 0; index < count; index++) {
      const at = this.#nodeAt(page, index);
      const dataBytes = this.#bytes.readUInt32LE(at);
      const flags = this.#bytes.readUInt16LE(at + 4);
      const dataAt = at + NODE_HEADER_BYTES + this.#bytes.readUInt16LE(at + 6);
      const isOverflow = flags === NodeFlag.OVERFLOW;
      if ((flags & ~(NodeFlag.OVERFLOW | NodeFlag.TREE)) !== 0) {
        throw new DamageError(`page ${page} has a node with unknown flags ${flags}`);
      }
      this.#checkFits(page, at, dataAt - at + (isOverflow ? OVERFLOW_REFERENCE_BYTES : dataBytes));
      if (!isOverflow) {
        onData?.(dataAt, dataBytes, flags);
        continue;
      }
      this.#visitOverflow(dataAt, dataBytes, flags, onData);
      // The run's bytes took the place of the leaf's.
      if (onData !== undefined) this.#load(page);
    }
    return count;
  }

  #visitOverflow(
    at: number,
    dataBytes: number,
    flags: number,
    onData: ((at: number, bytes: number, flags: number) => void) | undefined,
  ): void {
    const first = Number(this.#bytes.readBigUInt64LE(at));
    const count = Number(this.#bytes.readBigUInt64LE(at + 16));
    if (count < 1 || first + count > this.#pageCount || count * this.#pageBytes < dataBytes) {
      throw new DamageError(`a run of ${count} pages at page ${first} is outside of it`);
    }
    for (let page = first; page < first + count; page++) this.#mark(page);
    if (onData === undefined) return;
    const run = Buffer.alloc(count * this.#pageBytes);
    readSync(this.#file, run, 0, run.length, first * this.#pageBytes);
    if ((run.readUInt16LE(18) & PageFlag.OVERFLOW) === 0) {
      throw new DamageError(`page ${first} is not an overflow page`);
    }
    this.#withBytes(run, () => onData(PAGE_HEADER_BYTES, dataBytes, flags));
  }

  #overflow: Buffer | undefined;

  #withBytes(run: Buffer, action: () => void): void {
    this.#overflow = run;
    try {
      action();
    } finally {
      this.#overflow = undefined;
    }
  }

  /** A record of the free tree: a count, then as many page numbers; a run's length is negative. */
  #checkFreeList(at: number, dataBytes: number, lastPage: number): void {
    const bytes = this.#overflow ?? this.#bytes;
    const places = Math.floor(dataBytes / 8) - 1;
    const count = dataBytes < 8 ? -1 : Number(bytes.readBigUInt64LE(at));
    if (dataBytes % 8 !== 0 || count < 0 || count > places) {
      throw new DamageError('its list of free pages is damaged');
    }
    for (let index = 1; index <= count; index++) {
      const entry = Number(bytes.readBigInt64LE(at + index * 8));
      if (Math.abs(entry) > lastPage) {
        throw new DamageError(`its list of free pages holds page ${entry}, outside of it`);
      }
      this.#freeCount += entry < 0 ? -entry : 1;
    }
  }

  #mark(page: number): void {
    if (page < 2 || page >= this.#pageCount) {
      throw new DamageError(
        `it refers to page ${page}, but ends after ${this.#pageCount} pages of ${this.#pageBytes} bytes`,
      );
    }
    if (this.#seen[page] !== 0) throw new DamageError(`it refers to page ${page} twice`);
    this.#seen[page] = 1;
  }

  #load(page: number): void {
    const got = readSync(this.#file, this.#bytes, 0, this.#pageBytes, page * this.#pageBytes);
    if (got < this.#pageBytes) throw new DamageError(`it ends inside page ${page}`);
  }

  /** Reads a page into the buffer; answers how many nodes it has. */
  #readPage(page: number, flag: number): number {
    this.#mark(page);
    this.#load(page);
    const flags = this.#bytes.readUInt16LE(18);
    const lower = this.#bytes.readUInt16LE(20);
    const upper = this.#bytes.readUInt16LE(22);
    const isPage =
      this.#bytes.readBigUInt64LE(0) === BigInt(page) &&
      // One of a later transaction would be changed in place, in the map, which is read-only.
      this.#bytes.readBigUInt64LE(8) <= this.#txn &&
      (flags & 0xff) === flag &&
      lower % 2 === 0 &&
      lower >= 2 &&
      lower <= upper &&
      upper <= this.#pageBytes - PAGE_HEADER_BYTES;
    if (!isPage) throw new DamageError(`page ${page} does not hold what its place calls for`);
    return lower / 2;
  }

  #nodeAt(page: number, index: number): number {
    const at = PAGE_HEADER_BYTES + this.#bytes.readUInt16LE(PAGE_HEADER_BYTES + index * 2);
    this.#checkFits(page, at, NODE_HEADER_BYTES);
    return at;
  }

  #checkFits(page: number, at: number, bytes: number): void {
    const nodesAt = PAGE_HEADER_BYTES + this.#bytes.readUInt16LE(22);
    if (at < nodesAt || at + bytes > this.#pageBytes) {
      throw new DamageError(`page ${page} has a node outside of it`);
    }
  }
}
