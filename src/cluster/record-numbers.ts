import type { RaisedRecord } from '../protocol/index.ts';
import type { SymbolNumber } from './shared-position.ts';

/** Symbols whose numbers are known: those with the newest records. */
const SYMBOLS_MAX = 65_536;
/** Bytes of a number and of what is around it and a name in JSON, at most. */
const ENTRY_BYTES = 24;

/**
 * The number of the newest record of each symbol. As they follow each other without gaps, it shows
 * how many were removed in front of the next one.
 */
export class RecordNumbers {
  readonly #last: Map<string, number>;
  readonly #symbolsMax: number;

  constructor(known: Iterable<SymbolNumber> = [], symbolsMax = SYMBOLS_MAX) {
    this.#last = new Map(known);
    this.#symbolsMax = symbolsMax;
  }

  /** Notes records that are done. */
  note(records: Iterable<RaisedRecord>): void {
    for (const { sequence, symbol } of records) {
      const last = Math.max(sequence, this.#last.get(symbol) ?? 0);
      // Behind all others, as the newest.
      this.#last.delete(symbol);
      this.#last.set(symbol, last);
      if (this.#last.size <= this.#symbolsMax) continue;
      for (const [oldest] of this.#last) {
        this.#last.delete(oldest);
        break;
      }
    }
  }

  /** How many records are missing before and among the next ones, as far as known. */
  missing(next: Iterable<RaisedRecord>): number {
    const seen = new Map<string, number>();
    let missing = 0;
    for (const { sequence, symbol } of next) {
      const last = seen.get(symbol) ?? this.#last.get(symbol);
      if (last !== undefined) missing += Math.max(0, sequence - last - 1);
      seen.set(symbol, Math.max(sequence, last ?? 0));
    }
    return missing;
  }

  /** The newest ones, so many that their JSON has no more bytes. */
  newest(bytesMax: number): readonly SymbolNumber[] {
    let bytes = 0;
    const fitting = [...this.#last].reverse().filter(([symbol]) => {
      bytes += Buffer.byteLength(JSON.stringify(symbol)) + ENTRY_BYTES;
      return bytes <= bytesMax;
    });
    return fitting.reverse();
  }
}
