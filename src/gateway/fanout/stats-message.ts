import {
  ALL_FIELDS,
  arrayHeaderBytes,
  ByteWriter,
  deltaMask,
  type Encoding,
  FULL,
  type NumberWriter,
  Op,
  VALUES,
  writeEntry,
} from '../../protocol/index.ts';
import { grown, NO_VERSION, type SymbolVersions } from './symbol-versions.ts';

/**
 * A STATS frame: 93 14 cb <serverTime> <array header> <entries>. The number of values is known only
 * at the end, so the entries are written first, behind space for the longest header, and the header
 * right before them.
 */
const TIME_BYTES = 9;
const ARRAY_HEADER_BYTES_MAX = 5;
const ENTRIES_START = 2 + TIME_BYTES + ARRAY_HEADER_BYTES_MAX;

/** Messages up to this size share views, bytes. */
const VIEWED_BYTES_MAX = 1024;

/**
 * Views of a buffer by their place, each made once: a view costs as much as several entries, and
 * most messages are as long as an earlier one.
 */
class Views {
  #buffer: Uint8Array = new Uint8Array(0);
  /** By the end, then by how long the header is. */
  #views: (Uint8Array | undefined)[] = [];

  of(buffer: Uint8Array, start: number, end: number): Uint8Array {
    if (end > VIEWED_BYTES_MAX) return buffer.subarray(start, end);
    if (buffer !== this.#buffer) {
      this.#buffer = buffer;
      this.#views = Array.from({ length: ENTRIES_START * (VIEWED_BYTES_MAX + 1) });
    }
    const place = end * ENTRIES_START + start;
    let view = this.#views[place];
    if (view === undefined) {
      view = buffer.subarray(start, end);
      this.#views[place] = view;
    }
    return view;
  }
}

/** Builds one STATS message at a time, in either encoding, in reused buffers. */
export class StatsMessage {
  readonly #output = new ByteWriter(64 * 1024);
  readonly #views = new Views();
  readonly #binary: BinaryEntries;
  readonly #text: TextEntries;
  #entries: EntryWriter;
  #numbers = 0;
  /** The last message was finished at this reading, and has this time. */
  #readAt = Number.NaN;
  #serverTime = 0;

  constructor(versions: SymbolVersions) {
    this.#binary = new BinaryEntries(versions, this.#output);
    this.#text = new TextEntries(versions);
    this.#entries = this.#binary;
  }

  start(encoding: Encoding): void {
    this.#entries = encoding === 'json' ? this.#text : this.#binary;
    this.#output.length = ENTRIES_START;
    this.#text.text = '';
    this.#numbers = 0;
  }

  /** Adds an entry; false if nothing changed. */
  add(symbolId: number, from: number, to: number, fields: number): boolean {
    const numbers = this.#entries.add(symbolId, from, to, fields);
    this.#numbers += numbers;
    return numbers > 0;
  }

  isEmpty(): boolean {
    return this.#numbers === 0;
  }

  /** Bytes of the message so far. */
  get length(): number {
    return this.#entries === this.#text ? this.#text.text.length : this.#output.length;
  }

  /**
   * The finished message, valid until the next {@link start}.
   *
   * @param now a reading of `performance.now`: messages of the same one have the same time
   * @param behindMs whole ms that the session is behind; 0 is left out
   */
  finish(now: number, behindMs = 0): Uint8Array | string {
    if (now !== this.#readAt) {
      this.#readAt = now;
      this.#serverTime = Date.now();
    }
    const serverTime = this.#serverTime;
    const isBehind = behindMs > 0;
    if (this.#entries === this.#text) {
      const end = isBehind ? `,${behindMs}]` : ']';
      return `[${Op.STATS},${serverTime},[${this.#text.text}]${end}`;
    }
    if (isBehind) this.#output.number(behindMs);
    const output = this.#output;
    const end = output.length;
    const start = ENTRIES_START - (2 + TIME_BYTES) - arrayHeaderBytes(this.#numbers);
    output.length = start;
    output.arrayHeader(isBehind ? 4 : 3);
    output.number(Op.STATS);
    output.float64(serverTime);
    output.arrayHeader(this.#numbers);
    output.length = end;
    return this.#views.of(output.bytes, start, end);
  }
}

/** Bytes of encoded entries that are cached; beyond, all are dropped. */
const CACHE_BYTES_MAX = 4 * 1024 * 1024;

/** Positions in the cache of the entries that start at a version. Columns by version. */
class Places {
  /** Serials of the versions an entry starts from (0: nothing cached) and leads to. */
  from = new Float64Array(1024);
  to = new Float64Array(1024);
  offsets = new Uint32Array(1024);
  lengths = new Uint16Array(1024);
  counts = new Uint8Array(1024);

  reserve(version: number): void {
    if (version < this.from.length) return;
    const size = Math.max(version + 1, this.from.length * 2);
    this.from = grown(this.from, new Float64Array(size));
    this.to = grown(this.to, new Float64Array(size));
    this.offsets = grown(this.offsets, new Uint32Array(size));
    this.lengths = grown(this.lengths, new Uint16Array(size));
    this.counts = grown(this.counts, new Uint8Array(size));
  }

  forget(): void {
    this.from.fill(0);
  }
}

/** Writes STATS entries, as bytes or as text. */
export interface EntryWriter {
  /**
   * Adds the entry from one version of a symbol to another. Returns the number of values it has.
   */
  add(symbolId: number, from: number, to: number, fields: number): number;
}

/** The mask of the entry between two versions; 0 if nothing changed. */
function maskBetween(values: Float64Array, from: number, to: number, fields: number): number {
  if (from === NO_VERSION) return fields | FULL;
  return deltaMask(values, from * VALUES, to * VALUES, fields);
}

/**
 * Writes entries as MessagePack, each encoded once for all sessions: sessions at the same version
 * share the bytes of its delta, new sessions the bytes of the full entry.
 */
export class BinaryEntries implements EntryWriter {
  /** Receives the entries. */
  readonly output: ByteWriter;
  readonly #versions: SymbolVersions;
  readonly #cache = new ByteWriter(64 * 1024);
  readonly #deltas = new Places();
  readonly #fulls = new Places();

  constructor(versions: SymbolVersions, output: ByteWriter) {
    this.#versions = versions;
    this.output = output;
  }

  add(symbolId: number, from: number, to: number, fields: number): number {
    if (fields !== ALL_FIELDS) return this.#encode(this.output, symbolId, from, to, fields);
    const { serials } = this.#versions;
    const places = from === NO_VERSION ? this.#fulls : this.#deltas;
    const key = from === NO_VERSION ? to : from;
    places.reserve(key);
    if (places.from[key] !== serials[key] || places.to[key] !== serials[to]) {
      this.#keep(places, key, symbolId, from, to);
    }
    this.output.copy(
      this.#cache.bytes,
      places.offsets[key] as number,
      places.lengths[key] as number,
    );
    return places.counts[key] as number;
  }

  #keep(places: Places, key: number, symbolId: number, from: number, to: number): void {
    if (this.#cache.length > CACHE_BYTES_MAX) {
      this.#cache.reset();
      this.#deltas.forget();
      this.#fulls.forget();
    }
    const offset = this.#cache.length;
    places.counts[key] = this.#encode(this.#cache, symbolId, from, to, ALL_FIELDS);
    places.offsets[key] = offset;
    places.lengths[key] = this.#cache.length - offset;
    places.from[key] = this.#versions.serials[key] as number;
    places.to[key] = this.#versions.serials[to] as number;
  }

  #encode(
    writer: NumberWriter,
    symbolId: number,
    from: number,
    to: number,
    fields: number,
  ): number {
    const { values } = this.#versions;
    const mask = maskBetween(values, from, to, fields);
    if (mask === 0) return 0;
    return writeEntry(writer, symbolId, mask, values, from * VALUES, to * VALUES);
  }
}

/** Writes entries as JSON numbers, for consoles and scripts. Not cached. */
export class TextEntries implements EntryWriter, NumberWriter {
  text = '';
  readonly #versions: SymbolVersions;

  constructor(versions: SymbolVersions) {
    this.#versions = versions;
  }

  number(value: number): void {
    this.text += this.text === '' ? `${value}` : `,${value}`;
  }

  numberAt(values: Float64Array, index: number): void {
    this.number(values[index] as number);
  }

  add(symbolId: number, from: number, to: number, fields: number): number {
    const { values } = this.#versions;
    const mask = maskBetween(values, from, to, fields);
    if (mask === 0) return 0;
    return writeEntry(this, symbolId, mask, values, from * VALUES, to * VALUES);
  }
}
