import { crc32 } from 'node:zlib';

/*
 * The journal is one stream of bytes, cut into segment files. A *position* is a count of bytes from
 * its beginning; it goes on over segments and restarts, and is a multiple of 8. Numbers are
 * little-endian.
 *
 *   segment  a file named for the position of its first byte: `0000000000004096.journal`. A run of
 *            the server begins one, and the next every `segmentBytes`. Its first entry describes
 *            it. Ids of symbols and publishers are declared in it before their first use in it.
 *   block    a segment is divided into blocks. No entry crosses their bounds, so a reader can start
 *            at any block. What is left of a block is a padding entry, or 8 zero bytes.
 *   entry    0               4       8      9       10              12      16
 *            payload bytes   crc32   kind   flags   KiB unsynced    count   payload
 *            u32             u32     u8     u8      u16             u32     a multiple of 8 bytes
 *
 * The checksum covers what is behind it, and begins with the entry's position (its low 32 bits), so
 * that an entry is intact only in its own place. *KiB unsynced*: how much of the journal before the
 * entry was not yet on disk when it was appended, rounded up. An intact entry so proves that what
 * lies before that was once whole: where it no longer is, it was damaged, not cut off by a crash.
 *
 *   kind       count          payload
 *   segment    partitions     see `segment-header.ts`
 *   padding    0              zeros, to the end of the block
 *   symbol     bytes of name  id u32 · 0 u32 · continues from f64 · name in UTF-8
 *   publisher  bytes of name  id u32 · 0 u32 · name in UTF-8
 *   ticks      ticks          publisher u32 · 0 u32 · frame sequence f64 · receipt time f64 ·
 *                             prices f64 … · times f64 … · symbol ids u32 …
 *   retire     symbols        expected counts f64 … · symbol ids u32 …
 *   lost       0              partition u32 · cause u32 · from f64 · to f64
 *   gap        0              entries f64 · ticks f64 · since f64
 *   clock      0              the server's clock f64
 *   rules      bytes of text  the server's clock f64 · the rule file in force from here, in UTF-8
 *   close      0              the server's clock f64
 *   alerts     0              id of a symbol u32 · 0 u32 · continues from f64
 *
 * *close* is the last entry of a run that was stopped, and says that none is missing before it. A
 * frame of many ticks is several entries, all but the last with the flag MORE. Where the symbol of
 * a new life had alerts in earlier ones, an entry says so behind its declaration.
 */

export const FORMAT_VERSION = 1;

export const EntryKind = {
  SEGMENT: 1,
  PADDING: 2,
  SYMBOL: 3,
  PUBLISHER: 4,
  TICKS: 5,
  RETIRE: 6,
  LOST: 7,
  GAP: 8,
  CLOCK: 9,
  RULES: 10,
  CLOSE: 11,
  ALERTS: 12,
} as const;
export type EntryKind = (typeof EntryKind)[keyof typeof EntryKind];

export const KIND_MAX = EntryKind.ALERTS;

export const EntryFlag = {
  /** A symbol: this is the first tick of a new life, not a repeated declaration. */
  NEW: 1,
  /** Ticks: the frame goes on in the next entry. */
  MORE: 2,
} as const;

/** Why ticks that were accepted were not applied. */
export const LostCause = { LAPPED: 1, SKIPPED: 2 } as const;
export type LostCause = (typeof LostCause)[keyof typeof LostCause];

export const HEADER_BYTES = 16;
/** Bytes of an entry before its checksum and behind it. */
const CHECKED_FROM = 8;
/** Before the name of a symbol, and of a publisher. */
export const SYMBOL_BYTES = 16;
export const PUBLISHER_BYTES = 8;
/** Before the columns of ticks. */
export const TICKS_BYTES = 24;
/** Ticks of one entry at most: bounds the padding of blocks. */
export const TICKS_MAX = 4096;

export const UNSYNCED_KIB_MAX = 0xffff;

export const RING_BYTES = 16 * 1024 * 1024;
export const SEGMENT_BYTES = 64 * 1024 * 1024;
export const BLOCK_BYTES = 1024 * 1024;

/** The next multiple of 8. */
export function aligned(bytes: number): number {
  return Math.ceil(bytes / 8) * 8;
}

/** Bytes of an entry with `count` ticks. */
export function ticksEntryBytes(count: number): number {
  return HEADER_BYTES + TICKS_BYTES + 16 * count + aligned(4 * count);
}

/** Below this many bytes, a call into zlib costs more than tables do. */
const TABLES_BELOW = 448;
const TABLES = makeTables();

/**
 * CRC-32 of aligned bytes, the one of `zlib.crc32`.
 *
 * @param words the memory of `bytes` as words
 * @param start a multiple of 8, as is `end`
 * @param seed the checksum of what is before
 */
function checksum(
  bytes: Uint8Array,
  words: Uint32Array,
  start: number,
  end: number,
  seed: number,
): number {
  if (end - start >= TABLES_BELOW) return crc32(bytes.subarray(start, end), seed);
  const tables = TABLES;
  let crc = ~seed;
  for (let at = start / 4; at < end / 4; at += 2) {
    const low = (words[at] as number) ^ crc;
    const high = words[at + 1] as number;
    crc =
      (tables[1792 + (low & 255)] as number) ^
      (tables[1536 + ((low >>> 8) & 255)] as number) ^
      (tables[1280 + ((low >>> 16) & 255)] as number) ^
      (tables[1024 + (low >>> 24)] as number) ^
      (tables[768 + (high & 255)] as number) ^
      (tables[512 + ((high >>> 8) & 255)] as number) ^
      (tables[256 + ((high >>> 16) & 255)] as number) ^
      (tables[high >>> 24] as number);
  }
  return ~crc >>> 0;
}

/** Eight tables of 256: of a byte that 0 to 7 further bytes follow. */
function makeTables(): Int32Array {
  const tables = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0xedb8_8320 : crc >>> 1;
    tables[byte] = crc;
  }
  for (let at = 256; at < tables.length; at++) {
    const before = tables[at - 256] as number;
    tables[at] = (before >>> 8) ^ (tables[before & 255] as number);
  }
  return tables;
}

/** Memory of entries, in the three ways in which it is read. */
export interface EntryMemory {
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
  readonly doubles: Float64Array;
}

export function entryMemory(buffer: ArrayBufferLike, start = 0, length?: number): EntryMemory {
  const bytes = new Uint8Array(buffer, start, length);
  return {
    bytes,
    words: new Uint32Array(buffer, start, bytes.length / 4),
    doubles: new Float64Array(buffer, start, bytes.length / 8),
  };
}

/** The checksum of an entry in memory. */
export function entryChecksum(
  { bytes, words }: EntryMemory,
  at: number,
  entryBytes: number,
  position: number,
): number {
  return checksum(bytes, words, at + CHECKED_FROM, at + entryBytes, position % 2 ** 32);
}
