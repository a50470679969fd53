import { SYMBOL_LENGTH_MAX } from '../../protocol/index.ts';
import { TENANT_BYTES_MAX } from '../name-space.ts';

/*
 * The names of symbols in UTF-8, by symbol id. Append-only: written by the gateway as symbols
 * appear.
 *
 *   ends    uint32 a symbol: where its name ends in `bytes`; it begins where the previous ends
 *   bytes   ┌ name of symbol 0 ┬ name of symbol 1 ┬ …
 *
 * Another thread may read the name of a symbol whose id it got through an atomic store made after
 * the name was written.
 */

/** A code point takes four bytes at most. */
const NAME_BYTES_MAX = 4 * SYMBOL_LENGTH_MAX + TENANT_BYTES_MAX;

export function createSymbolNames(symbols: number): SharedArrayBuffer {
  return new SharedArrayBuffer(symbols * (4 + NAME_BYTES_MAX));
}

/** Names in shared memory. One thread appends; any reads. */
export class SymbolNames {
  readonly #ends: Uint32Array;
  readonly #bytes: Uint8Array;

  constructor(memory: SharedArrayBuffer) {
    const symbols = memory.byteLength / (4 + NAME_BYTES_MAX);
    this.#ends = new Uint32Array(memory, 0, symbols);
    this.#bytes = new Uint8Array(memory, symbols * 4);
  }

  /** Writes the name of `symbolId`, which is the next id: the bytes from `start` to `end`. */
  append(symbolId: number, bytes: Uint8Array, start: number, end: number): void {
    const at = this.#startOf(symbolId);
    this.#bytes.set(bytes.subarray(start, end), at);
    this.#ends[symbolId] = at + (end - start);
  }

  /** Whether a symbol's name equals the bytes from `start` to `end`. */
  is(symbolId: number, bytes: Uint8Array, start: number, end: number): boolean {
    const own = this.#startOf(symbolId);
    if ((this.#ends[symbolId] as number) - own !== end - start) return false;
    for (let i = 0; i < end - start; i++) {
      if (this.#bytes[own + i] !== bytes[start + i]) return false;
    }
    return true;
  }

  /** A copy of a symbol's name. */
  get(symbolId: number): Uint8Array {
    return new Uint8Array(this.#bytes.subarray(this.#startOf(symbolId), this.#ends[symbolId]));
  }

  #startOf(symbolId: number): number {
    return symbolId === 0 ? 0 : (this.#ends[symbolId - 1] as number);
  }
}
