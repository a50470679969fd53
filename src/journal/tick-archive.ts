import { BlockCursor, Found } from './block-cursor.ts';
import { BLOCK_BYTES, EntryKind, entryMemory, SYMBOL_BYTES, TICKS_BYTES } from './format.ts';
import type { ListedSegment, SegmentFiles } from './segment-files.ts';
import { type TickCursor, TickPicker } from './tick-picker.ts';

/** Which ticks of a symbol are wanted. */
export interface TickQuery {
  /** The name of the symbol. */
  readonly name: string;
  /** Ticks with these times, ms since the epoch; `to` is exclusive. */
  readonly from: number | undefined;
  readonly to: number | undefined;
  /** Ticks behind this one; undefined: the first, or without `from` the last. */
  readonly after: TickCursor | undefined;
  readonly limit: number;
  /** Only the last tick of each interval of so many ms; undefined: all. */
  readonly everyMs: number | undefined;
}

/** Ticks in the order of the journal: row i of each column is one tick. */
export interface TickPage {
  readonly prices: Float64Array<ArrayBuffer>;
  readonly times: Float64Array<ArrayBuffer>;
  /** `after` for the next page; undefined at the end. */
  readonly next: TickCursor | undefined;
}

/** Where a name had an id in a segment: from one place of the file to another. */
interface Span {
  readonly id: number;
  readonly from: number;
  to: number;
}

/** What was found out about a segment. */
interface KnownSegment {
  /** Of each block, the range of its ticks' times; NaN where nobody looked yet. */
  readonly timeMin: Float64Array;
  readonly timeMax: Float64Array;
  /** Spans of names, and how far the segment was searched for them. */
  readonly spans: Map<string, { readonly found: Span[]; searchedTo: number }>;
}

/** Names remembered a segment. */
const NAMES_MAX = 4096;
/** A page ends after this time, with fewer ticks than it might have, ms. */
const SCAN_MS_MAX = 2000;
const encoder = new TextEncoder();

/** Finds ticks of one symbol. Blocks its thread; remembers where it looked in vain. */
export class TickArchive {
  readonly #files: SegmentFiles;
  readonly #maxFutureMs: number;
  /** When segments began. */
  readonly #createdAt = new Map<number, number>();
  readonly #memory = entryMemory(new ArrayBuffer(BLOCK_BYTES));
  readonly #known = new Map<number, KnownSegment>();
  readonly #scanMsMax: number;

  /**
   * @param maxFutureMs how far a tick's time may be ahead of its receipt, ms
   * @param scanMsMax see {@link SCAN_MS_MAX}
   */
  constructor(files: SegmentFiles, maxFutureMs: number, scanMsMax = SCAN_MS_MAX) {
    this.#files = files;
    this.#maxFutureMs = maxFutureMs;
    this.#scanMsMax = scanMsMax;
  }

  /**
   * A page of ticks.
   *
   * @param end position up to which the journal is whole
   * @throws what the system says
   */
  page(query: TickQuery, end: number): TickPage {
    const segments = this.#files.list().filter(({ start }) => start < end);
    for (const start of this.#known.keys()) {
      if (start < (segments[0]?.start ?? 0)) this.#known.delete(start);
    }
    for (const start of this.#createdAt.keys()) {
      if (start < (segments[0]?.start ?? 0)) this.#createdAt.delete(start);
    }
    const isNewest = query.from === undefined && query.after === undefined;
    return isNewest ? this.#newest(query, segments, end) : this.#next(query, segments, end);
  }

  /** The last ticks: block by block from the end. */
  #newest(query: TickQuery, segments: ListedSegment[], end: number): TickPage {
    const deadline = performance.now() + this.#scanMsMax;
    let picker = new TickPicker(query);
    for (let index = segments.length - 1; index >= 0; index--) {
      const spans = this.#open(segments, index, end, query.name, (cursor, found) => {
        const first = found[0]?.from ?? 0;
        const { blockBytes } = cursor.header;
        for (let block = Math.floor((cursor.bytes - 1) / blockBytes); block >= 0; block--) {
          if ((block + 1) * blockBytes <= first) break;
          if (!this.#mayHave(cursor, block, query)) continue;
          const older = new TickPicker(query);
          this.#scanBlock(cursor, block, found, older);
          picker = older.followedBy(picker);
          if (picker.count >= query.limit || performance.now() > deadline) return false;
        }
        return true;
      });
      if (spans === 'stopped') break;
    }
    return { ...picker.last(query.limit), next: undefined };
  }

  /** The first ticks behind a place. */
  #next(query: TickQuery, segments: ListedSegment[], end: number): TickPage {
    const deadline = performance.now() + this.#scanMsMax;
    const { after } = query;
    const picker = new TickPicker(query, query.limit);
    const firstIndex = Math.max(
      0,
      segments.findLastIndex(({ start }) => start <= (after?.position ?? 0)),
    );
    for (let index = firstIndex; index < segments.length; index++) {
      const { start } = segments[index] as ListedSegment;
      if (this.#isTooOld(segments[index + 1], query)) continue;
      const state = this.#open(segments, index, end, query.name, (cursor, found) => {
        const { blockBytes } = cursor.header;
        const from = Math.max(found[0]?.from ?? 0, (after?.position ?? 0) - start);
        for (
          let block = Math.floor(from / blockBytes);
          block * blockBytes < cursor.bytes;
          block++
        ) {
          if (performance.now() > deadline) {
            picker.stopAt(start + block * blockBytes);
            return false;
          }
          if (!this.#mayHave(cursor, block, query)) continue;
          this.#scanBlock(cursor, block, found, picker);
          if (picker.isFull) return false;
        }
        return true;
      });
      if (state === 'stopped') break;
    }
    return picker.page();
  }

  /** Opens a segment where the name occurs; `scan` returns whether to go on. */
  #open(
    segments: readonly ListedSegment[],
    index: number,
    end: number,
    name: string,
    scan: (cursor: BlockCursor, spans: readonly Span[]) => boolean,
  ): 'stopped' | 'done' {
    const segment = segments[index] as ListedSegment;
    const extent = Math.min(end, segments[index + 1]?.start ?? end) - segment.start;
    let cursor: BlockCursor | undefined;
    try {
      cursor = BlockCursor.open(this.#files, segment, extent, this.#memory);
      if (cursor === undefined) return 'done';
      const spans = this.#spansOf(cursor, name);
      if (spans.length === 0) return 'done';
      return scan(cursor, spans) ? 'done' : 'stopped';
    } catch (error) {
      // Retention has removed it.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'done';
      throw error;
    } finally {
      cursor?.close();
    }
  }

  /** Whether what is before a segment was received before the ticks that are wanted. */
  #isTooOld(next: ListedSegment | undefined, { from }: TickQuery): boolean {
    if (next === undefined || from === undefined) return false;
    let createdAt = this.#createdAt.get(next.start);
    if (createdAt === undefined) {
      createdAt = this.#readCreatedAt(next);
      this.#createdAt.set(next.start, createdAt);
    }
    return createdAt + this.#maxFutureMs < from;
  }

  #readCreatedAt(segment: ListedSegment): number {
    const cursor = BlockCursor.open(this.#files, segment, Number.POSITIVE_INFINITY, this.#memory);
    const createdAt = cursor?.header.createdAt ?? Number.POSITIVE_INFINITY;
    cursor?.close();
    return createdAt;
  }

  #mayHave({ segment }: BlockCursor, block: number, { from, to }: TickQuery): boolean {
    const known = this.#known.get(segment.start);
    const [min, max] = [known?.timeMin[block] as number, known?.timeMax[block] as number];
    return !(max < (from ?? Number.NEGATIVE_INFINITY) || min >= (to ?? Number.POSITIVE_INFINITY));
  }

  #scanBlock(cursor: BlockCursor, block: number, spans: readonly Span[], picker: TickPicker): void {
    const { blockBytes } = cursor.header;
    const blockEnd = Math.min((block + 1) * blockBytes, cursor.bytes);
    const { doubles, words } = this.#memory;
    let min = Number.POSITIVE_INFINITY;
    let max = Number.NEGATIVE_INFINITY;
    cursor.seek(block * blockBytes);
    while (cursor.at + cursor.entryBytes < blockEnd && cursor.next(false) === Found.ENTRY) {
      const { kind, at, count } = cursor;
      if (at >= blockEnd) break;
      if (kind !== EntryKind.TICKS) continue;
      const pricesAt = (cursor.payloadAt + TICKS_BYTES) / 8;
      const timesAt = pricesAt + count;
      for (let i = timesAt; i < timesAt + count; i++) {
        const time = doubles[i] as number;
        if (time < min) min = time;
        if (time > max) max = time;
      }
      const id = spans.find((span) => at >= span.from && at < span.to)?.id;
      if (id === undefined) continue;
      const idsAt = 2 * (timesAt + count);
      let isChecked = false;
      for (let i = 0; i < count; i++) {
        if (words[idsAt + i] !== id) continue;
        if (!isChecked && !cursor.isIntact()) throw cursor.damage('no intact entry is there');
        isChecked = true;
        const [price, time] = [doubles[pricesAt + i] as number, doubles[timesAt + i] as number];
        picker.add(cursor.position, i, price, time);
        if (picker.isFull) return;
      }
    }
    // A block that may still grow is looked at again.
    if (blockEnd < (block + 1) * blockBytes) return;
    const known = this.#knownOf(cursor);
    known.timeMin[block] = min;
    known.timeMax[block] = max;
  }

  #knownOf({ segment, header }: BlockCursor): KnownSegment {
    let known = this.#known.get(segment.start);
    if (known === undefined) {
      const blocks = header.segmentBytes / header.blockBytes;
      known = {
        timeMin: new Float64Array(blocks).fill(Number.NaN),
        timeMax: new Float64Array(blocks).fill(Number.NaN),
        spans: new Map(),
      };
      this.#known.set(segment.start, known);
    }
    return known;
  }

  /** Searches a segment for declarations of a name, from where the last search ended. */
  #spansOf(cursor: BlockCursor, name: string): readonly Span[] {
    const { spans } = this.#knownOf(cursor);
    let known = spans.get(name);
    if (known === undefined) {
      if (spans.size >= NAMES_MAX) spans.clear();
      known = { found: [], searchedTo: 0 };
      spans.set(name, known);
    }
    const { found } = known;
    const wanted = encoder.encode(name);
    cursor.seek(known.searchedTo);
    while (cursor.next(false) === Found.ENTRY) {
      if (cursor.kind !== EntryKind.SYMBOL) continue;
      const id = this.#memory.words[cursor.payloadAt / 4] as number;
      const isWanted = this.#hasName(cursor, wanted);
      const open = found.at(-1);
      if (open !== undefined && (isWanted || open.id === id))
        open.to = Math.min(open.to, cursor.at);
      if (isWanted) found.push({ id, from: cursor.at, to: Number.POSITIVE_INFINITY });
    }
    known.searchedTo = cursor.at;
    return found;
  }

  #hasName({ count, payloadAt }: BlockCursor, wanted: Uint8Array): boolean {
    if (count !== wanted.length) return false;
    const { bytes } = this.#memory;
    const at = payloadAt + SYMBOL_BYTES;
    for (let i = 0; i < count; i++) if (bytes[at + i] !== wanted[i]) return false;
    return true;
  }
}
