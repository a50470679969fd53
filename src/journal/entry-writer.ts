import { EntryKind, type EntryMemory, HEADER_BYTES, UNSYNCED_KIB_MAX } from './format.ts';
import type { RingProducer } from './journal-ring.ts';
import { segmentHeaderBytes, writeSegmentHeader } from './segment-header.ts';

/** How the journal is laid out. */
export interface JournalLayout {
  /** Id of this run of the server. */
  readonly run: string;
  /** When it began, ms since the epoch. */
  readonly startedAt: number;
  readonly partitions: number;
  /** Powers of two; a segment is at least a block, the ring at least four blocks. */
  readonly segmentBytes: number;
  readonly blockBytes: number;
}

/** Lays out entries in the ring: blocks, segments, headers. Checksums are the consumer's work. */
export class EntryWriter {
  readonly memory: EntryMemory;
  /** Number of the segment being written, from 1. */
  segment = 0;
  /** End of what was written, published or not. */
  position: number;
  readonly #ring: RingProducer;
  readonly #layout: JournalLayout;
  readonly #run: Uint8Array;
  readonly #headerBytes: number;
  /** The place of `position` in the ring. */
  #offset = 0;
  #segmentLeft = 0;

  constructor(ring: RingProducer, layout: JournalLayout) {
    this.memory = ring.memory;
    this.position = ring.start;
    this.#ring = ring;
    this.#layout = layout;
    this.#run = new TextEncoder().encode(layout.run);
    this.#headerBytes = segmentHeaderBytes(layout.partitions, this.#run);
  }

  /** Bytes free in the ring. */
  get free(): number {
    return this.#ring.ringBytes - (this.position - this.#ring.synced);
  }

  /** Whether entries of `bytes` fit this segment, however they meet the bounds of blocks. */
  fitsSegment(bytes: number): boolean {
    // Padding is shorter than the entry behind it.
    return 2 * bytes <= this.#segmentLeft;
  }

  /** Whether they also fit the ring, beside a reserve. */
  fits(bytes: number, reserve: number): boolean {
    return this.fitsSegment(bytes) && 2 * bytes + reserve <= this.free;
  }

  /** Whether they fit the ring behind the beginning of the next segment. */
  fitsNextSegment(bytes: number, reserve: number): boolean {
    const { segmentBytes } = this.#layout;
    const needed = this.#headerBytes + 2 * bytes;
    return needed <= segmentBytes && this.#segmentLeft + needed + reserve <= this.free;
  }

  /**
   * Begins the next segment.
   *
   * @param offered ticks offered to each partition before it
   */
  beginSegment(offered: Float64Array): void {
    while (this.#segmentLeft > 0) this.#pad();
    this.segment++;
    const { run, startedAt, partitions, segmentBytes, blockBytes } = this.#layout;
    this.#segmentLeft = segmentBytes;
    const header = {
      start: this.position,
      run,
      runStart: this.#ring.start,
      runStartedAt: startedAt,
      createdAt: Date.now(),
      segmentBytes,
      blockBytes,
      offered,
    };
    const at = this.begin(EntryKind.SEGMENT, 0, partitions, this.#headerBytes);
    this.memory.bytes.fill(0, at, at + this.#headerBytes - HEADER_BYTES);
    writeSegmentHeader(this.memory, at, header, this.#run);
  }

  /**
   * Writes the header of an entry whose place was checked, and padding before it if needed.
   *
   * @param entryBytes header included, a multiple of 8
   * @returns where its payload begins in the memory
   */
  begin(kind: EntryKind, flags: number, count: number, entryBytes: number): number {
    if (entryBytes > this.#blockLeft) this.#pad();
    const at = this.#offset;
    const { words } = this.memory;
    const unsynced = Math.ceil((this.position - this.#ring.synced) / 1024);
    words[at / 4] = entryBytes - HEADER_BYTES;
    words[at / 4 + 1] = 0;
    words[at / 4 + 2] = kind | (flags << 8) | (Math.min(unsynced, UNSYNCED_KIB_MAX) << 16);
    words[at / 4 + 3] = count;
    this.#advance(entryBytes);
    return at + HEADER_BYTES;
  }

  /** Hands what was written to the consumer. */
  publish(): void {
    this.#ring.publish(this.position);
  }

  get #blockLeft(): number {
    const { blockBytes } = this.#layout;
    return blockBytes - (this.#offset & (blockBytes - 1));
  }

  /** Fills the rest of the block. */
  #pad(): void {
    const left = this.#blockLeft;
    const at = this.#offset;
    this.memory.bytes.fill(0, at, at + left);
    if (left < HEADER_BYTES) this.#advance(left);
    else this.begin(EntryKind.PADDING, 0, 0, left);
  }

  #advance(bytes: number): void {
    this.position += bytes;
    this.#segmentLeft -= bytes;
    this.#offset = (this.#offset + bytes) & (this.#ring.ringBytes - 1);
  }
}
