import { SYMBOL_LENGTH_MAX } from '../../protocol/index.ts';
import { sharedMemory, uint8s } from '../../threads/shared-memory.ts';
import { TENANT_BYTES_MAX } from '../name-space.ts';

/*
 * The names of symbols in UTF-8, by symbol id. The gateway writes the name of a symbol before it
 * offers ticks of it, and overwrites it only once the symbol is retired.
 *
 *   heads   32 bytes a symbol   ├ length uint8 ┼ the first 31 bytes of the name ┤
 *   tails   131 a symbol        ├ the rest: memory only for names that long ────┤
 *
 * Another thread may read the name of a symbol whose id it got through an atomic store made after
 * the name was written, as long as the symbol has ticks.
 */
const HEAD_BYTES = 32;
const HEAD_TEXT_BYTES = HEAD_BYTES - 1;
/** A code point takes four bytes at most. */
const NAME_BYTES_MAX = 4 * SYMBOL_LENGTH_MAX + TENANT_BYTES_MAX;
const TAIL_BYTES = NAME_BYTES_MAX - HEAD_TEXT_BYTES;

export function symbolNamesBytes(symbols: number): number {
  return symbols * (HEAD_BYTES + TAIL_BYTES);
}

export function createSymbolNames(symbols: number): SharedArrayBuffer {
  return sharedMemory(symbolNamesBytes(symbols));
}

/** Names in shared memory. One thread writes; any reads. */
export class SymbolNames {
  readonly #heads: Uint8Array;
  readonly #tails: Uint8Array;

  constructor(memory: SharedArrayBuffer) {
    const symbols = memory.byteLength / (HEAD_BYTES + TAIL_BYTES);
    this.#heads = uint8s(memory, 0, symbols * HEAD_BYTES);
    this.#tails = uint8s(memory, symbols * HEAD_BYTES);
  }

  /** Writes the name of a symbol: the bytes from `start` to `end`. */
  set(symbolId: number, bytes: Uint8Array, start: number, end: number): void {
    const head = symbolId * HEAD_BYTES;
    const middle = Math.min(end, start + HEAD_TEXT_BYTES);
    this.#heads[head] = end - start;
    this.#heads.set(bytes.subarray(start, middle), head + 1);
    if (middle < end) this.#tails.set(bytes.subarray(middle, end), symbolId * TAIL_BYTES);
  }

  /** Whether a symbol's name equals the bytes from `start` to `end`. */
  is(symbolId: number, bytes: Uint8Array, start: number, end: number): boolean {
    const head = symbolId * HEAD_BYTES;
    if (this.#heads[head] !== end - start) return false;
    const middle = Math.min(end, start + HEAD_TEXT_BYTES);
    for (let i = start; i < middle; i++) {
      if (this.#heads[head + 1 + i - start] !== bytes[i]) return false;
    }
    const tail = symbolId * TAIL_BYTES;
    for (let i = middle; i < end; i++) {
      if (this.#tails[tail + i - middle] !== bytes[i]) return false;
    }
    return true;
  }

  /** A copy of a symbol's name. */
  get(symbolId: number): Uint8Array {
    const head = symbolId * HEAD_BYTES;
    const length = this.#heads[head] as number;
    const name = new Uint8Array(length);
    const inHead = Math.min(length, HEAD_TEXT_BYTES);
    name.set(this.#heads.subarray(head + 1, head + 1 + inHead));
    const tail = symbolId * TAIL_BYTES;
    name.set(this.#tails.subarray(tail, tail + length - inHead), inHead);
    return name;
  }

  /** Copies a symbol's name to the same place of another memory. Allocates nothing. */
  copyTo(other: SymbolNames, symbolId: number): void {
    const head = symbolId * HEAD_BYTES;
    for (let i = head; i < head + HEAD_BYTES; i++) other.#heads[i] = this.#heads[i] as number;
    const tail = symbolId * TAIL_BYTES;
    const end = tail + Math.max(0, (this.#heads[head] as number) - HEAD_TEXT_BYTES);
    for (let i = tail; i < end; i++) other.#tails[i] = this.#tails[i] as number;
  }
}
