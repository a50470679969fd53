import type { RaisedRecord } from '../../protocol/index.ts';
import type { SymbolRange } from '../../store/index.ts';
import type { LoggedKind } from './record-kinds.ts';

const RING_RECORDS_MIN = 4;

/**
 * The recent records of a symbol, of one kind: sequences `first` … `last`, in a growing ring of
 * doubles. Earlier ones are dropped, or in a store.
 */
export class RecentRecords<R extends RaisedRecord> {
  readonly symbol: string;
  readonly #kind: LoggedKind<R>;
  /** Doubles of a record: those of its kind, and its ordinal. */
  readonly #fields: number;
  last: number;
  /** Whether the records of earlier runs are read from the store, as many as fit, or were. */
  recall: 'not yet' | 'awaited' | 'done' = 'not yet';
  #count = 0;
  #capacity = 0;
  #ring = new Float64Array(0);

  /** @param last the sequence before the first one to be appended; 0: none */
  constructor(kind: LoggedKind<R>, symbol: string, last: number) {
    this.#kind = kind;
    this.#fields = kind.fields + 1;
    this.symbol = symbol;
    this.last = last;
  }

  /** The oldest sequence held. */
  get first(): number {
    return this.last - this.#count + 1;
  }

  /**
   * Appends a record behind `last`; beyond `countMax` it replaces the oldest. If it does not follow
   * at once, those between are not to be had, and what is held begins with it.
   */
  append(record: R, ordinal: number, countMax: number): void {
    if (record.sequence !== this.last + 1) this.#count = 0;
    if (this.#count === this.#capacity && this.#count < countMax) this.#grow(countMax);
    this.last = record.sequence;
    this.#count = Math.min(this.#count + 1, this.#capacity);
    const at = this.#at(record.sequence);
    this.#ring[at] = ordinal;
    this.#kind.write(this.#ring, at + 1, record);
  }

  /** The record of a sequence that is held. */
  get(sequence: number): R {
    return this.#kind.read(this.symbol, sequence, this.#ring, this.#at(sequence) + 1);
  }

  /** Those of a range that are held. */
  slice({ from, limit }: Pick<SymbolRange, 'from' | 'limit'>): R[] {
    const start = Math.max(from, this.first);
    const count = Math.max(0, Math.min(this.last - start + 1, limit));
    return Array.from({ length: count }, (_, index) => this.get(start + index));
  }

  /** Position of a held record among those of all symbols. */
  ordinal(sequence: number): number {
    return this.#ring[this.#at(sequence)] as number;
  }

  #at(sequence: number): number {
    return (sequence % this.#capacity) * this.#fields;
  }

  #grow(countMax: number): void {
    const fields = this.#fields;
    const capacity = Math.min(Math.max(this.#capacity * 2, RING_RECORDS_MIN), countMax);
    const ring = new Float64Array(capacity * fields);
    for (let sequence = this.first; sequence <= this.last; sequence++) {
      const from = this.#at(sequence);
      ring.set(this.#ring.subarray(from, from + fields), (sequence % capacity) * fields);
    }
    this.#ring = ring;
    this.#capacity = capacity;
  }
}
