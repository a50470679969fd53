import { randomInt } from 'node:crypto';
import { createSymbolNames, SymbolNames } from './memory/symbol-names.ts';

/** Returned by {@link SymbolTable.find} for an unknown symbol. */
export const UNKNOWN_SYMBOL = -1;

const INITIAL_SYMBOLS = 1024;
const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** Ids that clients know end before this: they stay positive as int32. */
const WIRE_IDS_END = 0x7fff_ffff;
/** The wire id of a symbol that takes no ticks: it is being retired, or is gone. */
export const NO_WIRE_ID = -1;

/**
 * Symbol → id, found by the UTF-8 bytes of a frame: no string is made for a known symbol. An
 * open-addressing hash table with linear probing, at most half full.
 *
 * A symbol has two ids. Its *symbol id* is its place in every table of the engine and the gateway:
 * dense, and reused after the symbol was retired. Its *wire id* is what clients know: counts from 0
 * and is never reused.
 *
 * A symbol is retired in steps, while the worker of its partition forgets it:
 *
 *   live ── beginRetiring ──▶ retiring ── endRetiring ──▶ gone, its place is free
 *                                │ ▲
 *                          revive▼ │ (a tick came meanwhile)
 *                             revived ── endRetiring ──▶ live, anew: under another wire id
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
  /** What sessions call the symbol. */
  #wireIds = new Int32Array(INITIAL_SYMBOLS);
  /** What new ticks belong to. Differs from the wire id while the symbol is being retired. */
  #tickIds = new Int32Array(INITIAL_SYMBOLS);
  #nextWireId: number;
  readonly #names: (string | undefined)[] = [];
  readonly #free: number[] = [];
  readonly #bytes: SymbolNames;

  /**
   * @param capacity most symbols it may hold
   * @param memory for their names; see `createSymbolNames`
   * @param firstWireId other than 0 only in tests
   */
  constructor(
    capacity: number,
    partitions: number,
    memory = createSymbolNames(capacity),
    firstWireId = 0,
  ) {
    this.#bytes = new SymbolNames(memory);
    this.#capacity = capacity;
    this.#partitions = partitions;
    this.#nextWireId = firstWireId;
  }

  /** Symbols it holds, those that are being retired included. */
  get size(): number {
    return this.#names.length - this.#free.length;
  }

  /** The next symbol's wire id: grows with each symbol, and each new life of one. */
  get nextWireId(): number {
    return this.#nextWireId;
  }

  isFull(): boolean {
    return this.size >= this.#capacity || this.#nextWireId >= WIRE_IDS_END;
  }

  /** All symbols, by id; undefined where one was retired. */
  get names(): readonly (string | undefined)[] {
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

  /** The id that clients know a symbol by. */
  wireId(symbolId: number): number {
    return this.#wireIds[symbolId] as number;
  }

  /**
   * The wire id that a tick offered now belongs to; {@link NO_WIRE_ID} if the symbol takes none. A
   * symbol id that was stored is valid for ticks as long as this is what it was then.
   */
  tickId(symbolId: number): number {
    return this.#tickIds[symbolId] as number;
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
   * Gives a valid, unknown symbol an id.
   *
   * @throws RangeError when the table is full
   */
  register(bytes: Uint8Array, start: number, end: number): number {
    if (this.isFull()) throw new RangeError(`symbol table: full with ${this.size} symbols`);
    const symbolId = this.#free.pop() ?? this.#names.length;
    this.#reserve(symbolId);
    this.#hashes[symbolId] = symbolHash(bytes, start, end, this.#basis);
    this.#partitionsOf[symbolId] = partitionOf(symbolHash(bytes, start, end), this.#partitions);
    this.#bytes.set(symbolId, bytes, start, end);
    this.#slots[this.#slotOf(bytes, start, end)] = symbolId + 1;
    this.#names[symbolId] = decoder.decode(bytes.subarray(start, end));
    this.#wireIds[symbolId] = this.#tickIds[symbolId] = this.#nextWireId++;
    return symbolId;
  }

  /** Whether a symbol is being retired, revived or not: its row may be of before or after. */
  isRetiring(symbolId: number): boolean {
    return this.#wireIds[symbolId] !== this.#tickIds[symbolId];
  }

  /** A live symbol takes no more ticks. */
  beginRetiring(symbolId: number): void {
    this.#tickIds[symbolId] = NO_WIRE_ID;
  }

  /**
   * A symbol that is being retired takes ticks again, of its next life.
   *
   * @returns false if there are no ids left
   */
  tryRevive(symbolId: number): boolean {
    if (this.#nextWireId >= WIRE_IDS_END) return false;
    this.#tickIds[symbolId] = this.#nextWireId++;
    return true;
  }

  /** A symbol is not retired after all. */
  cancelRetiring(symbolId: number): void {
    this.#tickIds[symbolId] = this.wireId(symbolId);
  }

  /** The engine has forgotten a symbol. Returns false if it was revived, and stays. */
  endRetiring(symbolId: number): boolean {
    const tickId = this.tickId(symbolId);
    this.#wireIds[symbolId] = tickId;
    if (tickId !== NO_WIRE_ID) return false;
    this.#unlink(symbolId);
    this.#names[symbolId] = undefined;
    this.#free.push(symbolId);
    return true;
  }

  /** Takes a symbol out of the hash table, and closes the gap for those behind it. */
  #unlink(symbolId: number): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let gap = (this.#hashes[symbolId] as number) & mask;
    while (slots[gap] !== symbolId + 1) gap = (gap + 1) & mask;
    for (let slot = (gap + 1) & mask; slots[slot] !== 0; slot = (slot + 1) & mask) {
      const home = (this.#hashes[(slots[slot] as number) - 1] as number) & mask;
      if (((slot - home) & mask) < ((slot - gap) & mask)) continue;
      slots[gap] = slots[slot] as number;
      gap = slot;
    }
    slots[gap] = 0;
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
    this.#hashes = larger(this.#hashes, new Uint32Array(size));
    this.#partitionsOf = larger(this.#partitionsOf, new Uint16Array(size));
    this.#wireIds = larger(this.#wireIds, new Int32Array(size));
    this.#tickIds = larger(this.#tickIds, new Int32Array(size));
    this.#rehash(size * 2);
  }

  #rehash(slots: number): void {
    this.#slots = new Int32Array(slots);
    for (let symbolId = 0; symbolId < this.#names.length; symbolId++) {
      if (this.#names[symbolId] === undefined) continue;
      let slot = (this.#hashes[symbolId] as number) & (slots - 1);
      while (this.#slots[slot] !== 0) slot = (slot + 1) & (slots - 1);
      this.#slots[slot] = symbolId + 1;
    }
  }
}

function larger<T extends Int32Array | Uint16Array | Uint32Array>(old: T, copy: T): T {
  copy.set(old);
  return copy;
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
