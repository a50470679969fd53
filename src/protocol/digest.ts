import type { SymbolValues } from './stats-entry.ts';

/*
 * The bytes of one symbol in a digest, little-endian:
 *
 *   0         4         12        20        28        36        44        52
 *   ├─ id ────┼─ price ─┼ average ┼─ count ─┼─ time ──┼─ min ───┼─ max ───┤
 *     uint32    float64 each
 */
const RECORD_BYTES = 52;
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/**
 * The digest of `VERIFY`: 32-bit FNV-1a over every subscribed symbol that has data, in ascending
 * symbol id. Server and client each compute it over what they hold; equal means in sync.
 */
export class Digest {
  readonly #bytes = new Uint8Array(RECORD_BYTES);
  readonly #view = new DataView(this.#bytes.buffer);
  #hash = FNV_OFFSET;

  /** Adds one symbol. The caller adds ids in ascending order. */
  add(symbolId: number, values: SymbolValues): void {
    const view = this.#view;
    view.setUint32(0, symbolId, true);
    view.setFloat64(4, values.price, true);
    view.setFloat64(12, values.average, true);
    view.setFloat64(20, values.count, true);
    view.setFloat64(28, values.time, true);
    view.setFloat64(36, values.min, true);
    view.setFloat64(44, values.max, true);
    let hash = this.#hash;
    for (let i = 0; i < RECORD_BYTES; i++) {
      hash = Math.imul(hash ^ (this.#bytes[i] as number), FNV_PRIME);
    }
    this.#hash = hash;
  }

  /** The digest so far, an unsigned 32-bit integer. */
  get value(): number {
    return this.#hash >>> 0;
  }
}
