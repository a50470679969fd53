import { randomInt } from 'node:crypto';
import { createSymbolNames, SymbolNames } from './memory/symbol-names.ts';

/** Returned by {@link SymbolTable.find} for an unknown symbol. */
export const UNKNOWN_SYMBOL = -1;

const INITIAL_SYMBOLS = 1024;
const decoder = new TextDecoder();
const encoder = new TextEncoder();

/**
 * Symbol → dense id, found by the UTF-8 bytes of a frame: no string is
 * made for a known symbol. An open-addressing hash table with linear
 * probing, at most half full. Ids count from 0 and are never reused.
 */
export class SymbolTable {
  readonly #capacity: number;
  readonly #partitions: number;
  /** Secret seed: a publisher that could predict collisions could make every look-up slow. */
  readonly #basis = randomInt(2 ** 32);
  /** Id + 1 by hash; 0 where empty. */
  #slots = new Int32Array(INITIAL_SYMBOLS * 2);
  #hashes = new Uint32Array(INITIAL_SYMBOLS);
  #partitionsOf = new Uint16Array(INITIAL_SYMBOLS);
  readonly #names: string[] = [];
  readonly #bytes: SymbolNames;

  /**
   * @param capacity most symbols it may hold
   * @param memory for their names; see `createSymbolNames`
   */
  constructor(capacity: number, partitions: number, memory = createSymbolNames(capacity)) {
    this.#bytes = new SymbolNames(memory);
    this.#capacity = capacity;
    this.#partitions = partitions;
  }

  get size(): number {
    return this.#names.length;
  }

  isFull(): boolean {
    return this.#names.length >= this.#capacity;
  }

  /** All symbols, by id. */
  get names(): readonly string[] {
    return this.#names;
  }

  name(symbolId: number): string {
    const name = this.#names[symbolId];
    if (name === undefined) throw new RangeError(`no symbol has id ${symbolId}`);
    return name;
  }

  partition(symbolId: number): number {
    return this.#partitionsOf[symbolId] as number;
  }

  /** The id of the symbol in `bytes` from `start` to `end`, or {@link UNKNOWN_SYMBOL}. */
  find(bytes: Uint8Array, start: number, end: number): number {
    return (this.#slots[this.#slotOf(bytes, start, end)] as number) - 1;
  }

  /** The id of a symbol, or {@link UNKNOWN_SYMBOL}. */
  findName(symbol: string): number {
    const bytes = encoder.encode(symbol);
    return this.find(bytes, 0, bytes.length);
  }

  /**
   * Gives a valid, unknown symbol the next id.
   *
   * @throws RangeError when the table is full
   */
  register(bytes: Uint8Array, start: number, end: number): number {
    if (this.isFull()) throw new RangeError(`symbol table: full with ${this.#capacity} symbols`);
    const symbolId = this.#names.length;
    this.#reserve(symbolId);
    this.#hashes[symbolId] = symbolHash(bytes, start, end, this.#basis);
    this.#partitionsOf[symbolId] = partitionOf(symbolHash(bytes, start, end), this.#partitions);
    this.#bytes.append(symbolId, bytes, start, end);
    this.#slots[this.#slotOf(bytes, start, end)] = symbolId + 1;
    this.#names.push(decoder.decode(bytes.subarray(start, end)));
    return symbolId;
  }

  /** The slot of the symbol, or the empty one that it would take. */
  #slotOf(bytes: Uint8Array, start: number, end: number): number {
    const hash = symbolHash(bytes, start, end, this.#basis);
    const mask = this.#slots.length - 1;
    let slot = hash & mask;
    for (;;) {
      const entry = this.#slots[slot] as number;
      if (entry === 0) return slot;
      const isOwn =
        this.#hashes[entry - 1] === hash && this.#bytes.is(entry - 1, bytes, start, end);
      if (isOwn) return slot;
      slot = (slot + 1) & mask;
    }
  }

  #reserve(symbolId: number): void {
    if (symbolId < this.#hashes.length) return;
    const size = this.#hashes.length * 2;
    const hashes = new Uint32Array(size);
    hashes.set(this.#hashes);
    this.#hashes = hashes;
    const partitionsOf = new Uint16Array(size);
    partitionsOf.set(this.#partitionsOf);
    this.#partitionsOf = partitionsOf;
    this.#rehash(size * 2);
  }

  #rehash(slots: number): void {
    this.#slots = new Int32Array(slots);
    for (let symbolId = 0; symbolId < this.#names.length; symbolId++) {
      let slot = (this.#hashes[symbolId] as number) & (slots - 1);
      while (this.#slots[slot] !== 0) slot = (slot + 1) & (slots - 1);
      this.#slots[slot] = symbolId + 1;
    }
  }
}

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/**
 * The 32-bit hash of a symbol's UTF-8 bytes: FNV-1a, then the finalizer of MurmurHash3 (fmix32),
 * because the low bits of FNV-1a alone spread short, similar symbols badly. Stable: it decides
 * partitions, here and where symbols are divided among processes.
 *
 * @param basis makes another hash of it: secret where clients could choose symbols that collide
 * @returns an unsigned 32-bit integer
 */
export function symbolHash(
  bytes: Uint8Array,
  start: number,
  end: number,
  basis = FNV_OFFSET,
): number {
  let hash = basis;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ (bytes[i] as number), FNV_PRIME);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** The partition that owns a symbol. */
export function partitionOf(hash: number, partitions: number): number {
  return hash % partitions;
}
