import type { Anomaly } from '../../engine/index.ts';
import type { SymbolRange } from '../../store/index.ts';

const FIELDS = 6;
const RING_ANOMALIES_MIN = 4;

/**
 * The recent anomalies of a symbol: sequences `first` … `last`, in a growing ring of doubles.
 * Earlier ones are dropped, or in a store.
 */
export class SymbolAnomalies {
  readonly symbol: string;
  last: number;
  /** Whether the anomalies of earlier runs are read from the store, as many as fit, or were. */
  recall: 'not yet' | 'awaited' | 'done' = 'not yet';
  #count = 0;
  #capacity = 0;
  #ring = new Float64Array(0);

  /** @param last the sequence before the first one to be appended; 0: none */
  constructor(symbol: string, last: number) {
    this.symbol = symbol;
    this.last = last;
  }

  /** The oldest sequence held. */
  get first(): number {
    return this.last - this.#count + 1;
  }

  /** Appends the anomaly that follows `last`; beyond `countMax` it replaces the oldest. */
  append(anomaly: Anomaly, ordinal: number, countMax: number): void {
    if (this.#count === this.#capacity && this.#count < countMax) this.#grow(countMax);
    this.last = anomaly.sequence;
    this.#count = Math.min(this.#count + 1, this.#capacity);
    const at = (anomaly.sequence % this.#capacity) * FIELDS;
    this.#ring[at] = anomaly.direction;
    this.#ring[at + 1] = anomaly.reference;
    this.#ring[at + 2] = anomaly.price;
    this.#ring[at + 3] = anomaly.changePercent;
    this.#ring[at + 4] = anomaly.time;
    this.#ring[at + 5] = ordinal;
  }

  /** The anomaly of a sequence that is held. */
  get(sequence: number): Anomaly {
    const at = (sequence % this.#capacity) * FIELDS;
    const field = (index: number) => this.#ring[at + index] as number;
    return {
      symbol: this.symbol,
      sequence,
      direction: field(0) as Anomaly['direction'],
      reference: field(1),
      price: field(2),
      changePercent: field(3),
      time: field(4),
    };
  }

  /** Those of a range that are held. */
  slice({ from, limit }: Pick<SymbolRange, 'from' | 'limit'>): Anomaly[] {
    const start = Math.max(from, this.first);
    const count = Math.max(0, Math.min(this.last - start + 1, limit));
    return Array.from({ length: count }, (_, index) => this.get(start + index));
  }

  /** Position of a held anomaly among those of all symbols. */
  ordinal(sequence: number): number {
    return this.#ring[(sequence % this.#capacity) * FIELDS + 5] as number;
  }

  #grow(countMax: number): void {
    const capacity = Math.min(Math.max(this.#capacity * 2, RING_ANOMALIES_MIN), countMax);
    const ring = new Float64Array(capacity * FIELDS);
    for (let sequence = this.first; sequence <= this.last; sequence++) {
      const from = (sequence % this.#capacity) * FIELDS;
      ring.set(this.#ring.subarray(from, from + FIELDS), (sequence % capacity) * FIELDS);
    }
    this.#ring = ring;
    this.#capacity = capacity;
  }
}
