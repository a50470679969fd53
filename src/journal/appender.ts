import type { EntryWriter } from './entry-writer.ts';
import {
  aligned,
  EntryFlag,
  EntryKind,
  HEADER_BYTES,
  type LostCause,
  PUBLISHER_BYTES,
  SYMBOL_BYTES,
  TICKS_BYTES,
  TICKS_MAX,
  ticksEntryBytes,
} from './format.ts';
import { type Gap, GapCounter, type GapFigures } from './gap-counter.ts';

/** Names by id, as the journal is to know them. */
export interface JournalNames {
  symbol(id: number): string;
  publisher(id: number): string;
}

export interface AppenderOptions {
  readonly ringBytes: number;
  readonly partitions: number;
  readonly names: JournalNames;
  /**
   * Writes how many ticks each partition was offered since the run began, without those of the
   * frame being appended. Called when a segment begins.
   */
  readonly offered: (into: Float64Array) => void;
  /** Whether ticks that do not fit the ring begin a gap; otherwise they are refused. */
  readonly mayGap: boolean;
}

/** Space that a tick takes at most, in a frame of its own, with the padding of blocks. */
const BYTES_PER_TICK_MAX = 2 * ticksEntryBytes(1);
/** This part of the ring is kept from ticks, for entries that must not be missing. */
const RESERVED_PART = 1 / 64;
/** This part of the ring is free before a gap ends: few gaps, each with a snapshot behind it. */
const GAP_ENDS_PART = 1 / 2;
const LOST_BYTES = HEADER_BYTES + 24;
const GAP_BYTES = HEADER_BYTES + 24;
const CLOCK_BYTES = HEADER_BYTES + 8;
const CLOSE_BYTES = HEADER_BYTES + 8;
const ALERTS_BYTES = HEADER_BYTES + 16;

const encoder = new TextEncoder();

/** Sequences of a symbol's last records in earlier lives, which a new one continues; 0 if none. */
export interface LastRecords {
  readonly anomalies: number;
  readonly alerts: number;
}

/**
 * Appends entries to the ring: the gateway's end of the journal. One thread only. Never blocks; a
 * frame of known symbols allocates nothing.
 */
export class JournalAppender {
  /** Called when a gap begins. */
  onGapBegin: () => void = () => undefined;
  /** Called when a gap has ended: what came before it no longer leads to the present. */
  onGapEnd: (gap: Gap) => void = () => undefined;
  readonly #writer: EntryWriter;
  readonly #options: AppenderOptions;
  readonly #reserve: number;
  readonly #offered: Float64Array;
  readonly #gap = new GapCounter();
  /** By id: the last segment that declares it. */
  #symbols = new Uint32Array(1024);
  #publishers = new Uint32Array(64);
  /** Whether the frame at hand has symbols that the segment does not declare. */
  #hasUndeclared = true;
  /** Symbols whose life begins with their next tick: what it continues. */
  readonly #newLives = new Map<number, LastRecords>();

  /** Begins the first segment. */
  constructor(writer: EntryWriter, options: AppenderOptions) {
    this.#writer = writer;
    this.#options = options;
    this.#reserve = options.ringBytes * RESERVED_PART;
    this.#offered = new Float64Array(options.partitions);
    this.#beginSegment();
    writer.publish();
  }

  /** End of what was appended. What happens on this thread from now on gets larger positions. */
  get position(): number {
    return this.#writer.position;
  }

  get isInGap(): boolean {
    return this.#gap.isOpen;
  }

  /** Gaps since the start, and what is missing. */
  get gaps(): GapFigures {
    return this.#gap.figures;
  }

  /** Ticks that fit now, however they are framed, if few of their symbols are new. */
  get freeTicks(): number {
    return Math.max(0, Math.floor((this.#writer.free - this.#reserve) / BYTES_PER_TICK_MAX));
  }

  /** A symbol is registered: its next tick begins a life of it. */
  declareSymbol(id: number, last: LastRecords): void {
    this.#newLives.set(id, last);
    if (id < this.#symbols.length) this.#symbols[id] = 0;
  }

  /**
   * Appends the accepted ticks of a frame; all or nothing.
   *
   * @param publisherId 0 if the publisher has no name
   * @param sequence of the frame; 0 if it has none
   * @param receiptTime ms since the epoch
   * @param count of ticks in the columns; may be 0
   * @returns false if they do not fit now, and a gap is not allowed
   */
  appendTicks(
    publisherId: number,
    sequence: number,
    receiptTime: number,
    ids: Uint32Array,
    prices: Float64Array,
    times: Float64Array,
    count: number,
  ): boolean {
    const isGap = !this.tryEndGap();
    if (isGap || !this.#placeTicks(publisherId, ids, count)) {
      if (!isGap && !this.#options.mayGap) return false;
      this.#miss(count, receiptTime);
      return true;
    }
    if (publisherId > 0) this.#declarePublisher(publisherId);
    let from = 0;
    do {
      const end = Math.min(count, from + TICKS_MAX);
      if (this.#hasUndeclared) this.#declareSymbols(ids, from, end);
      const flags = end < count ? EntryFlag.MORE : 0;
      const bytes = ticksEntryBytes(end - from);
      const at = this.#writer.begin(EntryKind.TICKS, flags, end - from, bytes);
      const { words, doubles } = this.#writer.memory;
      words[at / 4] = publisherId;
      words[at / 4 + 1] = 0;
      doubles[at / 8 + 1] = sequence;
      doubles[at / 8 + 2] = receiptTime;
      this.#writeColumns(at + TICKS_BYTES, ids, prices, times, from, end);
      from = end;
    } while (from < count);
    this.#writer.publish();
    return true;
  }

  /**
   * The retirement of symbols is requested. Opens a gap if it does not fit.
   *
   * @param ids of the symbols
   * @param expected how many ticks each must have for it to be retired; -1: any number
   */
  appendRetire(ids: ArrayLike<number>, expected: ArrayLike<number>): void {
    const count = ids.length;
    const bytes = HEADER_BYTES + 8 * count + aligned(4 * count);
    if (!this.#placeVital(bytes, ids)) return;
    this.#declareSymbols(ids, 0, count);
    const at = this.#writer.begin(EntryKind.RETIRE, 0, count, bytes);
    const { words, doubles } = this.#writer.memory;
    const idsAt = (at + 8 * count) / 4;
    for (let i = 0; i < count; i++) {
      doubles[at / 8 + i] = expected[i] as number;
      words[idsAt + i] = ids[i] as number;
    }
    if (count % 2 === 1) words[idsAt + count] = 0;
    this.#writer.publish();
  }

  /**
   * Ticks of a partition were accepted and not applied. Opens a gap if that does not fit.
   *
   * @param from position of the first in the partition's queue since the run began
   * @param to position behind the last
   */
  appendLost(partition: number, from: number, to: number, cause: LostCause): void {
    if (!this.#placeVital(LOST_BYTES, [])) return;
    const at = this.#writer.begin(EntryKind.LOST, 0, 0, LOST_BYTES);
    const { words, doubles } = this.#writer.memory;
    words[at / 4] = partition;
    words[at / 4 + 1] = cause;
    doubles[at / 8 + 1] = from;
    doubles[at / 8 + 2] = to;
    this.#writer.publish();
  }

  /**
   * The engine is about to be given the clock, ms since the epoch.
   *
   * @returns false if it must not be: the entry does not fit now, and no gap explains that it is
   *   missing
   */
  appendClock(now: number): boolean {
    if (!this.tryEndGap()) return true;
    if (!this.#place(CLOCK_BYTES, 0, [], 0, this.#reserve)) return false;
    const at = this.#writer.begin(EntryKind.CLOCK, 0, 0, CLOCK_BYTES);
    this.#writer.memory.doubles[at / 8] = now;
    this.#writer.publish();
    return true;
  }

  /**
   * A rule file is about to come into force.
   *
   * @returns as {@link appendClock} does
   */
  appendRules(text: string, now: number): boolean {
    if (!this.tryEndGap()) return true;
    const bytes = encoder.encode(text);
    const entryBytes = HEADER_BYTES + aligned(8 + bytes.length);
    if (!this.#place(entryBytes, 0, [], 0, this.#reserve)) return false;
    const at = this.#writer.begin(EntryKind.RULES, 0, bytes.length, entryBytes);
    const { memory } = this.#writer;
    memory.bytes.fill(0, at, at + entryBytes - HEADER_BYTES);
    memory.doubles[at / 8] = now;
    memory.bytes.set(bytes, at + 8);
    this.#writer.publish();
    return true;
  }

  /**
   * The run ends, and nothing may follow. Says so, unless entries are missing, or there is no space
   * for that: then it ends like a run that was killed.
   *
   * @param now ms since the epoch
   */
  appendClose(now: number): void {
    if (this.#gap.isOpen || !this.#place(CLOSE_BYTES, 0, [], 0, 0)) return;
    const at = this.#writer.begin(EntryKind.CLOSE, 0, 0, CLOSE_BYTES);
    this.#writer.memory.doubles[at / 8] = now;
    this.#writer.publish();
  }

  /** Ends a gap if there is enough space again. Returns whether there is none now. */
  tryEndGap(): boolean {
    if (!this.#gap.isOpen) return true;
    const isReady = this.#writer.free >= this.#options.ringBytes * GAP_ENDS_PART;
    if (!isReady || !this.#place(GAP_BYTES, 0, [], 0, 0)) return false;
    const gap = this.#gap.close();
    const at = this.#writer.begin(EntryKind.GAP, 0, 0, GAP_BYTES) / 8;
    const { doubles } = this.#writer.memory;
    doubles[at] = gap.entries;
    doubles[at + 1] = gap.ticks;
    doubles[at + 2] = gap.since;
    this.#writer.publish();
    this.onGapEnd(gap);
    return true;
  }

  /** Makes sure that a frame fits, in a new segment if need be. */
  #placeTicks(publisherId: number, ids: Uint32Array, count: number): boolean {
    const { segment } = this.#writer;
    const symbols = this.#symbols;
    let undeclared = publisherId > 0 && this.#publishers[publisherId] !== segment ? 1 : 0;
    for (let i = 0; i < count; i++) {
      if (symbols[ids[i] as number] !== segment) undeclared++;
    }
    this.#hasUndeclared = undeclared > 0;
    const parts = Math.ceil(count / TICKS_MAX) || 1;
    const bytes = parts * (ticksEntryBytes(0) + 8) + 20 * count;
    if (undeclared === 0) {
      // The hot path.
      if (this.#writer.fits(bytes, this.#reserve)) return true;
      if (this.#writer.fitsSegment(bytes)) return false;
    }
    // A new segment declares nothing yet.
    this.#hasUndeclared = true;
    return this.#place(bytes, publisherId, ids, count, this.#reserve);
  }

  /** The same for an entry that must not be missing: opens a gap if it does not fit. */
  #placeVital(bytes: number, ids: ArrayLike<number>): boolean {
    if (this.tryEndGap() && this.#place(bytes, 0, ids, ids.length, 0)) return true;
    this.#miss(0, Date.now());
    return false;
  }

  #miss(ticks: number, now: number): void {
    const isFirst = !this.#gap.isOpen;
    this.#gap.add(1, ticks, now);
    if (isFirst) this.onGapBegin();
  }

  /** Makes sure that an entry fits behind the declarations that it needs. */
  #place(
    bytes: number,
    publisherId: number,
    ids: ArrayLike<number>,
    count: number,
    reserve: number,
  ): boolean {
    const declared = this.#nameBytes(publisherId, ids, count, this.#writer.segment);
    if (this.#writer.fitsSegment(bytes + declared)) {
      return this.#writer.fits(bytes + declared, reserve);
    }
    const all = bytes + this.#nameBytes(publisherId, ids, count, this.#writer.segment + 1);
    if (!this.#writer.fitsNextSegment(all, reserve)) return false;
    this.#beginSegment();
    return true;
  }

  /** Bytes at most of what a segment does not yet declare. */
  #nameBytes(publisherId: number, ids: ArrayLike<number>, count: number, segment: number): number {
    const { names } = this.#options;
    const counted = new Set<number>();
    let bytes = 0;
    if (publisherId > 0 && this.#publishers[publisherId] !== segment) {
      bytes += HEADER_BYTES + PUBLISHER_BYTES + aligned(3 * names.publisher(publisherId).length);
    }
    for (let i = 0; i < count; i++) {
      const id = ids[i] as number;
      if (this.#symbols[id] === segment || counted.has(id)) continue;
      counted.add(id);
      bytes += HEADER_BYTES + SYMBOL_BYTES + aligned(3 * names.symbol(id).length);
      if (this.#newLives.has(id)) bytes += ALERTS_BYTES;
    }
    return bytes;
  }

  #beginSegment(): void {
    this.#options.offered(this.#offered);
    this.#writer.beginSegment(this.#offered);
  }

  #declarePublisher(id: number): void {
    if (id >= this.#publishers.length) this.#publishers = grown(this.#publishers, id);
    if (this.#publishers[id] === this.#writer.segment) return;
    this.#publishers[id] = this.#writer.segment;
    const name = encoder.encode(this.#options.names.publisher(id));
    const bytes = HEADER_BYTES + PUBLISHER_BYTES + aligned(name.length);
    const at = this.#writer.begin(EntryKind.PUBLISHER, 0, name.length, bytes);
    const { words } = this.#writer.memory;
    words[at / 4] = id;
    words[at / 4 + 1] = 0;
    this.#writeName(at + PUBLISHER_BYTES, name);
  }

  #declareSymbols(ids: ArrayLike<number>, from: number, end: number): void {
    const { segment } = this.#writer;
    for (let i = from; i < end; i++) {
      const id = ids[i] as number;
      if (this.#symbols[id] !== segment) this.#declareSymbol(id, segment);
    }
  }

  #declareSymbol(id: number, segment: number): void {
    if (id >= this.#symbols.length) this.#symbols = grown(this.#symbols, id);
    this.#symbols[id] = segment;
    const last = this.#newLives.get(id);
    this.#newLives.delete(id);
    const name = encoder.encode(this.#options.names.symbol(id));
    const bytes = HEADER_BYTES + SYMBOL_BYTES + aligned(name.length);
    const flags = last === undefined ? 0 : EntryFlag.NEW;
    const at = this.#writer.begin(EntryKind.SYMBOL, flags, name.length, bytes);
    const { words, doubles } = this.#writer.memory;
    words[at / 4] = id;
    words[at / 4 + 1] = 0;
    doubles[at / 8 + 1] = last?.anomalies ?? 0;
    this.#writeName(at + SYMBOL_BYTES, name);
    if (last !== undefined && last.alerts > 0) this.#writeAlerts(id, last.alerts);
  }

  #writeAlerts(id: number, last: number): void {
    const at = this.#writer.begin(EntryKind.ALERTS, 0, 0, ALERTS_BYTES);
    const { words, doubles } = this.#writer.memory;
    words[at / 4] = id;
    words[at / 4 + 1] = 0;
    doubles[at / 8 + 1] = last;
  }

  #writeName(at: number, name: Uint8Array): void {
    const { bytes } = this.#writer.memory;
    bytes.set(name, at);
    bytes.fill(0, at + name.length, at + aligned(name.length));
  }

  #writeColumns(
    at: number,
    ids: Uint32Array,
    prices: Float64Array,
    times: Float64Array,
    from: number,
    end: number,
  ): void {
    const { words, doubles } = this.#writer.memory;
    const count = end - from;
    const pricesAt = at / 8;
    const timesAt = pricesAt + count;
    const idsAt = 2 * (timesAt + count);
    for (let i = 0; i < count; i++) {
      doubles[pricesAt + i] = prices[from + i] as number;
      doubles[timesAt + i] = times[from + i] as number;
      words[idsAt + i] = ids[from + i] as number;
    }
    if (count % 2 === 1) words[idsAt + count] = 0;
  }
}

/** A copy with a place for `id`. */
function grown(numbers: Uint32Array<ArrayBuffer>, id: number): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(2 ** Math.ceil(Math.log2(id + 1)));
  larger.set(numbers);
  return larger;
}
