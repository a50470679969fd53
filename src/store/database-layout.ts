/*
 * LMDB's file, data version 2, as far as it is needed to tell a whole file from a damaged one. Little-endian.
 *
 *   page      0        8       16    18      20      22      24
 *             number   txn     pad   flags   lower   upper   pointers u16 …   free …   nodes …
 *             (an overflow run has its count of pages, u32, at 20)
 *   meta      24      28        32        40         48          96         144         152
 *             magic   version   address   map size   free tree   main tree  last page   txn
 *   tree      0     4       6       8        16       24         32        40          (48 bytes)
 *             pad   flags   depth   branch   leaves   overflow   entries   root
 *   node      0        2        4       6          8
 *             low      high     flags   key size   key · data
 *             (branch: low, high and flags are a page number; leaf: low and high the size of the data)
 */
export const PAGE_HEADER_BYTES = 24;
export const NODE_HEADER_BYTES = 8;
export const TREE_BYTES = 48;
/** An overflow run's reference in a leaf: page number, txn, count of pages. */
export const OVERFLOW_REFERENCE_BYTES = 24;
export const META_BYTES = PAGE_HEADER_BYTES + 144;
export const MAGIC = 0xbeefc0de;
export const DATA_VERSION = 2;

export const PageFlag = { BRANCH: 1, LEAF: 2, OVERFLOW: 4, META: 8 } as const;
export const NodeFlag = { OVERFLOW: 1, TREE: 2 } as const;
/** The free tree's flags: its keys are integers; and of the environment, that it was opened as a file. */
export const FREE_TREE_FLAGS = 0x4008;
/** The root of an empty tree. */
const NO_PAGE = 2n ** 64n - 1n;

export interface Tree {
  readonly depth: number;
  readonly entries: number;
  /** Undefined when the tree is empty. */
  readonly root: number | undefined;
}

export interface Meta {
  readonly pageBytes: number;
  readonly free: Tree;
  readonly main: Tree;
  readonly lastPage: number;
  readonly txn: number;
}

export function readTree(bytes: Buffer, at: number): Tree {
  const root = bytes.readBigUInt64LE(at + 40);
  return {
    depth: bytes.readUInt16LE(at + 6),
    entries: Number(bytes.readBigUInt64LE(at + 32)),
    root: root === NO_PAGE ? undefined : Number(root),
  };
}
