import {
  BLOCK_BYTES,
  EntryKind,
  type EntryMemory,
  entryChecksum,
  entryMemory,
  HEADER_BYTES,
  KIND_MAX,
} from './format.ts';
import {
  JournalDamageError,
  JournalError,
  JournalVersionError,
  reasonOf,
} from './journal-error.ts';
import type { ListedSegment, SegmentFile, SegmentFiles } from './segment-files.ts';
import { readSegmentHeader, type SegmentHeader } from './segment-header.ts';

/** What is found at a place of a segment. */
export const Found = {
  /** An entry whose header is plausible. */
  ENTRY: 0,
  /** The end of the file, or of what belongs to the segment. */
  END: 1,
  /** No intact entry. */
  BAD: 2,
} as const;
export type Found = (typeof Found)[keyof typeof Found];

/**
 * Walks the entries of one segment, a block at a time: reading costs no object an entry. The entry
 * at hand is described by the fields.
 */
export class BlockCursor {
  /** The block that is loaded. */
  readonly memory: EntryMemory;
  readonly segment: ListedSegment;
  /** As far as the segment goes, bytes of the file: where the next one begins, or the file ends. */
  bytes: number;
  /** The place of the entry in the file, and bytes of it. */
  at = 0;
  entryBytes = 0;
  kind = 0;
  flags = 0;
  count = 0;
  /** The place of its payload in the memory. */
  payloadAt = 0;
  header: SegmentHeader;
  readonly #path: string;
  readonly #file: SegmentFile;
  readonly #extent: number;
  /** Of the loaded block: its place in the file, and bytes. */
  #blockAt = 0;
  #blockBytes = 0;

  /**
   * Opens a segment and reads its header.
   *
   * @param extent bytes up to the next segment; infinite for the last one
   * @returns undefined for the last segment if its header was not yet on disk
   * @throws what the system says; JournalError if it is damaged, or of a newer server
   */
  static open(
    files: SegmentFiles,
    segment: ListedSegment,
    extent: number,
    memory = entryMemory(new ArrayBuffer(BLOCK_BYTES)),
  ): BlockCursor | undefined {
    const file = files.open(segment.name, 'read');
    try {
      const cursor = new BlockCursor(file, files.pathOf(segment.name), segment, extent, memory);
      if (cursor.#readHeader()) return cursor;
      if (extent < Number.POSITIVE_INFINITY || cursor.isProvenDamage()) {
        throw cursor.damage('its header is not intact');
      }
    } catch (error) {
      file.close();
      throw error;
    }
    file.close();
    return undefined;
  }

  private constructor(
    file: SegmentFile,
    path: string,
    segment: ListedSegment,
    extent: number,
    memory: EntryMemory,
  ) {
    this.memory = memory;
    this.segment = segment;
    this.#file = file;
    this.#path = path;
    this.#extent = extent;
    this.bytes = Math.min(file.bytes, extent);
    // Until the header says more.
    this.header = {
      start: segment.start,
      runStart: segment.start,
      run: '',
      runStartedAt: 0,
      createdAt: 0,
      segmentBytes: Number.POSITIVE_INFINITY,
      blockBytes: memory.bytes.length,
      offered: new Float64Array(0),
    };
  }

  /** Position of the entry. */
  get position(): number {
    return this.segment.start + this.at;
  }

  /** Position behind the entry. */
  get end(): number {
    return this.segment.start + this.at + this.entryBytes;
  }

  /** Looks at the file again: it may have grown, or a read may have met a write halfway. */
  refresh(): void {
    this.#blockBytes = 0;
    this.bytes = Math.min(this.#file.bytes, this.#extent, this.header.segmentBytes);
  }

  /** Goes to a place where an entry begins, or a block. */
  seek(at: number): void {
    this.at = at;
    this.entryBytes = 0;
  }

  /**
   * Goes to the next entry.
   *
   * @param isChecked whether its checksum is compared
   */
  next(isChecked: boolean): Found {
    const { blockBytes } = this.header;
    const at = this.at + this.entryBytes;
    this.at = at;
    this.entryBytes = 0;
    if (at >= this.bytes) return Found.END;
    const left = blockBytes - (at % blockBytes);
    if (left < HEADER_BYTES) {
      if (at + left > this.bytes || !this.#isZero(at, left)) return Found.BAD;
      this.at = at + left;
      return this.next(isChecked);
    }
    if (at + HEADER_BYTES > this.bytes) return Found.BAD;
    return this.#read(at, left, isChecked) ? Found.ENTRY : Found.BAD;
  }

  /** Whether the entry at hand has its checksum. */
  isIntact(): boolean {
    const start = this.payloadAt - HEADER_BYTES;
    const sum = entryChecksum(this.memory, start, this.entryBytes, this.position);
    return sum === this.memory.words[start / 4 + 1];
  }

  /** @param found why the place at hand is no entry */
  damage(found: string): JournalDamageError {
    return new JournalDamageError(this.#path, this.position, this.at, found);
  }

  /**
   * Whether an intact entry behind the place at hand proves that it was once on disk. If none does,
   * a crash may have cut off the journal here.
   */
  isProvenDamage(): boolean {
    const { at } = this;
    const { blockBytes } = this.header;
    try {
      for (let place = at + 8; place + HEADER_BYTES <= this.bytes; place += 8) {
        const left = blockBytes - (place % blockBytes);
        if (left < HEADER_BYTES || !this.#read(place, left, true)) continue;
        const unsynced = (this.memory.words[this.payloadAt / 4 - 2] as number) >>> 16;
        if (unsynced < 0xffff && place - unsynced * 1024 > at) return true;
        place += this.entryBytes - 8;
      }
      return false;
    } finally {
      this.seek(at);
    }
  }

  close(): void {
    this.#file.close();
  }

  #readHeader(): boolean {
    // Its own block size is not known yet: it may be smaller than what is loaded, never larger.
    if (this.next(true) !== Found.ENTRY || this.kind !== EntryKind.SEGMENT) return false;
    try {
      this.header = readSegmentHeader(this.memory, this.payloadAt, this.count);
    } catch (error) {
      if (!(error instanceof JournalVersionError)) throw error;
      throw new JournalError(
        `${this.#path} cannot be read: ${error.message}. Use a newer Tickwire.`,
      );
    }
    if (this.header.start !== this.segment.start) {
      throw this.damage(`it holds the segment of position ${this.header.start}`);
    }
    const { segmentBytes, blockBytes } = this.header;
    if (!(blockBytes <= this.memory.bytes.length)) {
      throw this.damage(`its blocks have ${blockBytes} bytes`);
    }
    this.bytes = Math.min(this.bytes, segmentBytes);
    this.#blockBytes = 0;
    this.seek(0);
    return true;
  }

  /** Reads the header at a place; false if it is not that of an entry. */
  #read(at: number, left: number, isChecked: boolean): boolean {
    const start = this.#load(at);
    const { words } = this.memory;
    const payload = words[start / 4] as number;
    const facts = words[start / 4 + 2] as number;
    const entryBytes = HEADER_BYTES + payload;
    const kind = facts & 0xff;
    const isPlausible =
      payload % 8 === 0 && entryBytes <= left && at + entryBytes <= this.bytes && kind > 0;
    if (!isPlausible) return false;
    if (isChecked || kind > KIND_MAX) {
      const sum = entryChecksum(this.memory, start, entryBytes, this.segment.start + at);
      if (sum !== words[start / 4 + 1]) return false;
    }
    if (kind > KIND_MAX) {
      throw new JournalError(
        `${this.#path} holds an entry of kind ${kind} at byte ${at}, which this version of ` +
          'Tickwire does not know. Use a newer one.',
      );
    }
    this.at = at;
    this.entryBytes = entryBytes;
    this.kind = kind;
    this.flags = (facts >>> 8) & 0xff;
    this.count = words[start / 4 + 3] as number;
    this.payloadAt = start + HEADER_BYTES;
    return true;
  }

  #isZero(at: number, bytes: number): boolean {
    const start = this.#load(at);
    return this.memory.bytes.subarray(start, start + bytes).every((byte) => byte === 0);
  }

  /** Loads the block of a place; returns where the place is in the memory. */
  #load(at: number): number {
    const { blockBytes } = this.header;
    const inBlock = at % blockBytes;
    const blockAt = at - inBlock;
    if (blockAt !== this.#blockAt || this.#blockBytes === 0) {
      const length = Math.min(blockBytes, this.bytes - blockAt);
      try {
        const got = this.#file.read(this.memory.bytes, blockAt, length);
        // Cut since it was opened.
        if (got < length) this.bytes = blockAt + got;
      } catch (error) {
        throw new JournalError(`${this.#path} cannot be read: ${reasonOf(error)}.`);
      }
      this.#blockAt = blockAt;
      this.#blockBytes = length;
    }
    return inBlock;
  }
}
