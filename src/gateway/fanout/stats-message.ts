import { ByteWriter, type Encoding, Op } from '../../protocol/index.ts';
import { BinaryEntries, type EntryWriter, TextEntries } from './stats-encoder.ts';
import type { SymbolVersions } from './symbol-versions.ts';

/**
 * A STATS frame: 93 14 cb <serverTime> <array header> <entries>. The number of values is known only
 * at the end, so the entries are written first, behind space for the longest header, and the header
 * right before them.
 */
const TIME_BYTES = 9;
const ARRAY_HEADER_BYTES_MAX = 5;
const ENTRIES_START = 2 + TIME_BYTES + ARRAY_HEADER_BYTES_MAX;

/** Builds one STATS message at a time, in either encoding, in reused buffers. */
export class StatsMessage {
  readonly #output = new ByteWriter(64 * 1024);
  readonly #header = new ByteWriter(ENTRIES_START);
  readonly #binary: BinaryEntries;
  readonly #text: TextEntries;
  #entries: EntryWriter;
  #numbers = 0;

  constructor(pool: SymbolVersions) {
    this.#binary = new BinaryEntries(pool, this.#output);
    this.#text = new TextEntries(pool);
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

  /** The finished message, valid until the next {@link start}. */
  finish(serverTime: number): Uint8Array | string {
    if (this.#entries === this.#text) return `[${Op.STATS},${serverTime},[${this.#text.text}]]`;
    const header = this.#header;
    header.reset();
    header.arrayHeader(3);
    header.number(Op.STATS);
    header.float64(serverTime);
    header.arrayHeader(this.#numbers);
    const start = ENTRIES_START - header.length;
    this.#output.bytes.set(header.view(), start);
    return this.#output.bytes.subarray(start, this.#output.length);
  }
}
