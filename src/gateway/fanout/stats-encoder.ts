import {
  ALL_FIELDS,
  ByteWriter,
  deltaMask,
  FULL,
  type NumberWriter,
  VALUES,
  writeEntry,
} from '../../protocol/index.ts';
import { grown, NO_VERSION, type SymbolVersions } from './symbol-versions.ts';

/** Bytes of encoded entries that are kept; beyond, all are dropped. */
const CACHE_BYTES_MAX = 4 * 1024 * 1024;

/** Where the entry that starts at a snapshot was encoded. Columns by snapshot. */
class Places {
  /** Serial of the snapshot it starts from, 0: nothing kept; and of the one it leads to. */
  from = new Uint32Array(1024);
  to = new Uint32Array(1024);
  offsets = new Uint32Array(1024);
  lengths = new Uint16Array(1024);
  counts = new Uint8Array(1024);

  reserve(snapshot: number): void {
    if (snapshot < this.from.length) return;
    const size = Math.max(snapshot + 1, this.from.length * 2);
    this.from = grown(this.from, new Uint32Array(size));
    this.to = grown(this.to, new Uint32Array(size));
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
  /** Adds the entry that takes a session from one snapshot of a symbol to another. Returns how many numbers it has. */
  add(symbolId: number, from: number, to: number, fields: number): number;
}

/** The mask of the entry between two snapshots; 0 when there is nothing to tell. */
function maskBetween(values: Float64Array, from: number, to: number, fields: number): number {
  if (from === NO_VERSION) return fields | FULL;
  return deltaMask(values, from * VALUES, to * VALUES, fields);
}

/**
 * Writes entries as MessagePack, each encoded once however many sessions get it: those at the same snapshot share the
 * bytes of their delta, those at none the bytes of the full entry.
 */
export class BinaryEntries implements EntryWriter {
  /** Receives the entries. */
  readonly output: ByteWriter;
  readonly #pool: SymbolVersions;
  readonly #cache = new ByteWriter(64 * 1024);
  readonly #deltas = new Places();
  readonly #fulls = new Places();

  constructor(pool: SymbolVersions, output: ByteWriter) {
    this.#pool = pool;
    this.output = output;
  }

  add(symbolId: number, from: number, to: number, fields: number): number {
    if (fields !== ALL_FIELDS) return this.#encode(this.output, symbolId, from, to, fields);
    const { serials } = this.#pool;
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
    places.from[key] = this.#pool.serials[key] as number;
    places.to[key] = this.#pool.serials[to] as number;
  }

  #encode(
    writer: NumberWriter,
    symbolId: number,
    from: number,
    to: number,
    fields: number,
  ): number {
    const { values } = this.#pool;
    const mask = maskBetween(values, from, to, fields);
    if (mask === 0) return 0;
    return writeEntry(writer, symbolId, mask, values, from * VALUES, to * VALUES);
  }
}

/** Writes entries as JSON numbers, for consoles and scripts: nothing is shared. */
export class TextEntries implements EntryWriter, NumberWriter {
  text = '';
  readonly #pool: SymbolVersions;

  constructor(pool: SymbolVersions) {
    this.#pool = pool;
  }

  number(value: number): void {
    this.text += this.text === '' ? `${value}` : `,${value}`;
  }

  add(symbolId: number, from: number, to: number, fields: number): number {
    const { values } = this.#pool;
    const mask = maskBetween(values, from, to, fields);
    if (mask === 0) return 0;
    return writeEntry(this, symbolId, mask, values, from * VALUES, to * VALUES);
  }
}
