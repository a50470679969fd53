import { BlockCursor, Found } from './block-cursor.ts';
import {
  BLOCK_BYTES,
  EntryFlag,
  EntryKind,
  type EntryMemory,
  entryMemory,
  type LostCause,
  PUBLISHER_BYTES,
  SYMBOL_BYTES,
  TICKS_BYTES,
} from './format.ts';
import { JournalDamageError, JournalError } from './journal-error.ts';
import type { ListedSegment, SegmentFiles } from './segment-files.ts';
import type { SegmentHeader } from './segment-header.ts';

export interface ReaderOptions {
  /** Where an entry begins, or the journal ends; by default its first. */
  readonly from?: number;
  /** The kinds wanted; others are passed over unchecked. By default all but padding, checked. */
  readonly kinds?: readonly EntryKind[];
  /** Segments that retention removed before they were read are passed over, not refused. */
  readonly mayStartLater?: boolean;
}

const DECLARATIONS = [EntryKind.SEGMENT, EntryKind.SYMBOL, EntryKind.PUBLISHER];
const ALL = Object.values(EntryKind).filter((kind) => kind !== EntryKind.PADDING);

const decoder = new TextDecoder();

/**
 * Reads entries in order. {@link next} goes to the next one, which the fields and getters then
 * describe; those that belong to a kind mean nothing for others. No object is made for an entry of
 * ticks: they are read from {@link doubles} and {@link words}.
 *
 * A reader that begins within a segment first gives the declarations before that place: their
 * `position` is below `from`. Ids mean nothing beyond their segment.
 */
export class JournalReader {
  readonly #files: SegmentFiles;
  readonly #from: number;
  readonly #wanted: number;
  readonly #isSelective: boolean;
  readonly #mayStartLater: boolean;
  readonly #memory: EntryMemory = entryMemory(new ArrayBuffer(BLOCK_BYTES));
  #segments: ListedSegment[];
  #cursor: BlockCursor | undefined;
  /** Where the next segment begins that is to be read. */
  #nextStart: number;
  #tornBytes = 0;

  /** @throws JournalError if the journal does not hold `from` */
  constructor(files: SegmentFiles, options: ReaderOptions = {}) {
    const { kinds, from, mayStartLater = false } = options;
    this.#files = files;
    this.#isSelective = kinds !== undefined;
    this.#wanted = maskOf(kinds ?? ALL);
    this.#mayStartLater = mayStartLater;
    this.#segments = files.list();
    const first = this.#segments[0]?.start ?? 0;
    this.#from = from ?? first;
    if (this.#from < first) {
      throw new JournalError(
        `The journal begins at position ${first} (${files.pathOf('')}): ` +
          `position ${this.#from} was removed.`,
      );
    }
    const last = this.#segments.findLast(({ start }) => start <= this.#from);
    this.#nextStart = last?.start ?? first;
  }

  /**
   * Goes to the next entry. At the end of the journal returns false; called again, it looks whether
   * more was written since.
   *
   * @throws JournalError for damage, a missing segment, or an entry of a newer version
   */
  next(): boolean {
    for (;;) {
      const cursor = this.#cursor ?? this.#openNext();
      if (cursor === undefined) return false;
      const isBefore = cursor.end < this.#from;
      switch (cursor.next(!this.#isSelective && !isBefore)) {
        case Found.ENTRY:
          if (this.#isWanted(cursor)) return true;
          break;
        case Found.END:
          if (!this.#leave(cursor)) return false;
          break;
        case Found.BAD:
          if (!this.#retry(cursor)) return false;
          break;
      }
    }
  }

  close(): void {
    this.#cursor?.close();
    this.#cursor = undefined;
  }

  /** Bytes at the end of the journal that are no entry, once {@link next} returned false. */
  get tornBytes(): number {
    return this.#tornBytes;
  }

  /** Position of the entry, and behind it; at the end of the journal both are there. */
  get position(): number {
    return this.#cursor?.position ?? this.#nextStart;
  }

  get end(): number {
    return this.#cursor?.end ?? this.#nextStart;
  }

  get kind(): EntryKind {
    return this.#at.kind as EntryKind;
  }

  /** Ticks, or symbols to retire. */
  get count(): number {
    return this.#at.count;
  }

  /** The segment of the entry. */
  get segment(): SegmentHeader {
    return this.#at.header;
  }

  /** The path of its file. */
  get path(): string {
    return this.#files.pathOf(this.#at.segment.name);
  }

  /** The memory of the entry: valid until {@link next}. */
  get doubles(): Float64Array {
    return this.#memory.doubles;
  }

  get words(): Uint32Array {
    return this.#memory.words;
  }

  /** Ticks: where the columns begin in {@link doubles}, {@link doubles} and {@link words}. */
  get pricesAt(): number {
    return (this.#at.payloadAt + TICKS_BYTES) / 8;
  }

  get timesAt(): number {
    return this.pricesAt + this.#at.count;
  }

  get idsAt(): number {
    return 2 * (this.pricesAt + 2 * this.#at.count);
  }

  /** Ticks: id of the publisher; 0 if it has no name. */
  get publisherId(): number {
    return this.#word(0);
  }

  /** Ticks: sequence of the frame; 0 if it has none. */
  get sequence(): number {
    return this.#double(1);
  }

  /** Ticks: ms since the epoch. */
  get receiptTime(): number {
    return this.#double(2);
  }

  /** Ticks: the frame goes on in the next entry of ticks. */
  get hasMore(): boolean {
    return (this.#at.flags & EntryFlag.MORE) !== 0;
  }

  /** Symbol, publisher, alerts. */
  get id(): number {
    return this.#word(0);
  }

  get name(): string {
    const { kind, payloadAt, count } = this.#at;
    const at = payloadAt + (kind === EntryKind.SYMBOL ? SYMBOL_BYTES : PUBLISHER_BYTES);
    return decoder.decode(this.#memory.bytes.subarray(at, at + count));
  }

  /** Symbol: its next tick begins a new life. */
  get isNew(): boolean {
    return (this.#at.flags & EntryFlag.NEW) !== 0;
  }

  /** Symbol that is new, alerts: sequence of the last anomaly, or alert, of its earlier lives. */
  get continuesFrom(): number {
    return this.#double(1);
  }

  /** Retire: id of a symbol, and how many ticks it must have; -1: any number. */
  retiredId(index: number): number {
    return this.#word(2 * this.#at.count + index);
  }

  expectedCount(index: number): number {
    return this.#double(index);
  }

  /** Lost. */
  get partition(): number {
    return this.#word(0);
  }

  get lostCause(): LostCause {
    return this.#word(1) as LostCause;
  }

  /** Lost: positions in the queue of the partition since the run began, the second exclusive. */
  get lostFrom(): number {
    return this.#double(1);
  }

  get lostTo(): number {
    return this.#double(2);
  }

  /** Clock, rules, close: ms since the epoch. */
  get clock(): number {
    return this.#double(0);
  }

  /** Rules: the text of the file. */
  get rulesText(): string {
    const { payloadAt, count } = this.#at;
    return decoder.decode(this.#memory.bytes.subarray(payloadAt + 8, payloadAt + 8 + count));
  }

  /** Gap: what is missing, and since when, ms since the epoch. */
  get gapEntries(): number {
    return this.#double(0);
  }

  get gapTicks(): number {
    return this.#double(1);
  }

  get gapSince(): number {
    return this.#double(2);
  }

  get #at(): BlockCursor {
    if (this.#cursor === undefined) throw new RangeError('the reader is at no entry');
    return this.#cursor;
  }

  #word(index: number): number {
    return this.#memory.words[this.#at.payloadAt / 4 + index] as number;
  }

  #double(index: number): number {
    return this.#memory.doubles[this.#at.payloadAt / 8 + index] as number;
  }

  #isWanted({ position, end, kind }: BlockCursor): boolean {
    if (position >= this.#from) return (this.#wanted & (1 << kind)) !== 0;
    if (end > this.#from) {
      throw new JournalError(
        `No entry of the journal begins at position ${this.#from}; one is at ${position}.`,
      );
    }
    return DECLARATIONS.some((declaration) => declaration === kind);
  }

  /** Opens the segment at #nextStart; undefined if there is none yet, or its header is torn. */
  #openNext(): BlockCursor | undefined {
    const index = this.#segments.findIndex(({ start }) => start >= this.#nextStart);
    const segment = this.#segments[index];
    if (segment === undefined) return undefined;
    if (segment.start !== this.#nextStart && !this.#mayStartLater) this.#missing(segment);
    const extent = (this.#segments[index + 1]?.start ?? Number.POSITIVE_INFINITY) - segment.start;
    try {
      const cursor = BlockCursor.open(this.#files, segment, extent, this.#memory);
      if (cursor !== undefined) {
        this.#cursor = cursor;
        return cursor;
      }
    } catch (error) {
      const isGone = (error as NodeJS.ErrnoException).code === 'ENOENT';
      if (!isGone || !this.#mayStartLater) throw error;
      this.#segments = this.#files.list().filter(({ start }) => start > segment.start);
      return this.#segments.length === 0 ? undefined : this.#openNext();
    }
    const file = this.#files.open(segment.name, 'read');
    this.#tornBytes = file.bytes;
    file.close();
    return undefined;
  }

  /** At the end of a segment's bytes: goes on to the next one; false if there is none yet. */
  #leave(cursor: BlockCursor): boolean {
    const { position } = cursor;
    const { bytes } = cursor;
    cursor.refresh();
    if (cursor.bytes > bytes) return true;
    const { start } = cursor.segment;
    this.#tornBytes = 0;
    if (!this.#hasNext(start)) return false;
    // It may have grown before the next one began.
    cursor.refresh();
    if (cursor.bytes > bytes) return true;
    const next = this.#segments.find((segment) => segment.start > start) as ListedSegment;
    if (next.start > position) {
      throw cursor.damage(
        `it ends here, and the next segment begins at position ${next.start}: ` +
          `${next.start - position} bytes are missing`,
      );
    }
    this.close();
    this.#nextStart = next.start;
    return true;
  }

  /** Whether there is a segment behind `start`; lists them again if none is known. */
  #hasNext(start: number): boolean {
    if ((this.#segments.at(-1)?.start ?? 0) > start) return true;
    this.#segments = this.#files.list();
    return (this.#segments.at(-1)?.start ?? 0) > start;
  }

  /** Where no intact entry is: false at the torn end of the journal. */
  #retry(cursor: BlockCursor): boolean {
    // A server that is writing may be read halfway through a write.
    cursor.refresh();
    const found = cursor.next(!this.#isSelective);
    const { at } = cursor;
    cursor.seek(at);
    if (found !== Found.BAD) return true;
    if (this.#hasNext(cursor.segment.start) || cursor.isProvenDamage()) {
      throw cursor.damage('no intact entry is there');
    }
    this.#tornBytes = cursor.bytes - at;
    cursor.refresh();
    return false;
  }

  #missing(next: ListedSegment): never {
    throw new JournalDamageError(
      this.#files.pathOf(next.name),
      this.#nextStart,
      0,
      `the segment before it is missing, from position ${this.#nextStart}`,
    );
  }
}

function maskOf(kinds: readonly EntryKind[]): number {
  return kinds.reduce((mask, kind) => mask | (1 << kind), 0);
}
