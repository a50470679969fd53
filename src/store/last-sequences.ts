import { randomInt } from 'node:crypto';

/** Parts of the table, by the first bits of a hash: growing one takes less than a ms. */
const PARTS = 64;
const PART_SHIFT = 26;
const PART_BYTES_MIN = 1024;
const PART_SLOTS_MIN = 64;
const SEQUENCE_BYTES = 6;

/**
 * The last sequence of every symbol that has none in memory otherwise: of earlier runs, and of
 * those that were retired. A symbol that comes back goes on with its numbers at once, without the
 * disk. 28 to 35 bytes a symbol of seven letters; a Map takes four times as much.
 *
 *   bytes of a part    length u8 · name · sequence u48    for each symbol, in order of appearance
 *   slots of a part    where an entry begins, + 1, by hash; at most half of them are taken
 */
export class LastSequences {
  readonly #parts = Array.from({ length: PARTS }, () => new Part());
  /** Secret seed: a publisher that could predict collisions could make every look-up slow. */
  readonly #basis = randomInt(2 ** 32);
  readonly #key = Buffer.alloc(256);

  /** 0 for an unknown symbol. */
  get(symbol: string): number {
    const length = this.#key.write(symbol, 0, 'utf8');
    return this.#set(this.#key, 0, length, undefined);
  }

  /** @param symbol of up to 255 bytes of UTF-8 */
  set(symbol: string, sequence: number): void {
    const length = this.#key.write(symbol, 0, 'utf8');
    this.#set(this.#key, 0, length, sequence);
  }

  /** Sets those that {@link packSequences} wrote. */
  setAll(packed: Uint8Array): void {
    const bytes = Buffer.from(packed.buffer, packed.byteOffset, packed.byteLength);
    for (let at = 0; at < bytes.length; ) {
      const length = bytes[at] as number;
      const end = at + 1 + length;
      this.#set(bytes, at + 1, length, bytes.readUIntBE(end, SEQUENCE_BYTES));
      at = end + SEQUENCE_BYTES;
    }
  }

  *entries(): Generator<[symbol: string, sequence: number]> {
    for (const part of this.#parts) yield* part.entries();
  }

  #set(bytes: Buffer, start: number, length: number, sequence: number | undefined): number {
    const hash = hashOf(bytes, start, length, this.#basis);
    const part = this.#parts[hash >>> PART_SHIFT] as Part;
    const at = part.find(bytes, start, length, hash);
    if (sequence === undefined) return at < 0 ? 0 : part.sequenceAt(at);
    if (at < 0) part.add(bytes, start, length, sequence, this.#basis);
    else part.setSequence(at, sequence);
    return sequence;
  }
}

class Part {
  #bytes = Buffer.alloc(0);
  #end = 0;
  #slots = new Int32Array(0);
  #count = 0;

  /** Where the entry of a name begins; below 0 if there is none. */
  find(name: Buffer, start: number, length: number, hash: number): number {
    const mask = this.#slots.length - 1;
    if (mask < 0) return -1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const at = (this.#slots[slot] as number) - 1;
      if (at < 0) return -1;
      if (this.#bytes[at] !== length) continue;
      if (this.#bytes.compare(name, start, start + length, at + 1, at + 1 + length) === 0)
        return at;
    }
  }

  sequenceAt(at: number): number {
    return this.#bytes.readUIntBE(at + 1 + (this.#bytes[at] as number), SEQUENCE_BYTES);
  }

  setSequence(at: number, sequence: number): void {
    this.#bytes.writeUIntBE(sequence, at + 1 + (this.#bytes[at] as number), SEQUENCE_BYTES);
  }

  add(name: Buffer, start: number, length: number, sequence: number, basis: number): void {
    const at = this.#end;
    this.#reserve(1 + length + SEQUENCE_BYTES);
    this.#bytes[at] = length;
    name.copy(this.#bytes, at + 1, start, start + length);
    this.setSequence(at, sequence);
    if (++this.#count * 2 > this.#slots.length) this.#growSlots(basis);
    else this.#place(at, basis);
  }

  *entries(): Generator<[symbol: string, sequence: number]> {
    for (let at = 0; at < this.#end; at += this.#entryBytes(at)) {
      const name = this.#bytes.toString('utf8', at + 1, at + 1 + (this.#bytes[at] as number));
      yield [name, this.sequenceAt(at)];
    }
  }

  #entryBytes(at: number): number {
    return 1 + (this.#bytes[at] as number) + SEQUENCE_BYTES;
  }

  #reserve(count: number): void {
    this.#end += count;
    if (this.#end <= this.#bytes.length) return;
    const grown = Buffer.alloc(Math.max(PART_BYTES_MIN, Math.ceil(1.5 * this.#end)));
    this.#bytes.copy(grown);
    this.#bytes = grown;
  }

  #growSlots(basis: number): void {
    this.#slots = new Int32Array(Math.max(PART_SLOTS_MIN, 2 * this.#slots.length));
    for (let at = 0; at < this.#end; at += this.#entryBytes(at)) this.#place(at, basis);
  }

  #place(at: number, basis: number): void {
    const mask = this.#slots.length - 1;
    let slot = hashOf(this.#bytes, at + 1, this.#bytes[at] as number, basis) & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = at + 1;
  }
}

/** FNV-1a, with its bits mixed at the end: the first and the last are used. */
function hashOf(bytes: Buffer, start: number, length: number, basis: number): number {
  let hash = basis;
  for (let i = start; i < start + length; i++) {
    hash = Math.imul(hash ^ (bytes[i] as number), 0x0100_0193);
  }
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b_3c6d);
  return (hash ^ (hash >>> 13)) >>> 0;
}

/** Sequences by the bytes of their symbols, to be sent to another thread. */
export function packSequences(
  entries: Iterable<readonly [symbol: Uint8Array, sequence: number]>,
): Uint8Array<ArrayBuffer> {
  let packed = Buffer.from(new ArrayBuffer(4096));
  let end = 0;
  for (const [symbol, sequence] of entries) {
    const at = end;
    end += 1 + symbol.length + SEQUENCE_BYTES;
    if (end > packed.length) {
      const grown = Buffer.from(new ArrayBuffer(2 * end));
      grown.set(packed);
      packed = grown;
    }
    packed[at] = symbol.length;
    packed.set(symbol, at + 1);
    packed.writeUIntBE(sequence, at + 1 + symbol.length, SEQUENCE_BYTES);
  }
  return packed.subarray(0, end);
}
