/** An anomaly without its symbol. */
export interface PastAnomaly {
  readonly sequence: number;
  /** 1 up, -1 down. */
  readonly direction: 1 | -1;
  readonly reference: number;
  readonly price: number;
  readonly changePercent: number;
  /** Of the tick, ms since the epoch. */
  readonly time: number;
}

/** An anomaly as the gateway keeps it. */
export interface AnomalyRecord extends PastAnomaly {
  readonly symbolId: number;
  /** Order of arrival among the anomalies of all symbols. */
  readonly ordinal: number;
}

const FIELDS = 6;
const RING_RECORDS_MIN = 4;

/**
 * A symbol's recent anomalies: sequences `first` … `last` in a ring of doubles, FIELDS each, that doubles as it fills. Those
 * before `first` are forgotten, or a store has them.
 */
export class SymbolAnomalies {
  last: number;
  /** Whether those of before the start, as far as there was room, are here. */
  isRecalled = false;
  #count = 0;
  #capacity = 0;
  #ring = new Float64Array(0);

  /** @param last the newest sequence of those that came before; 0 for none */
  constructor(last: number) {
    this.last = last;
  }

  /** The oldest sequence held. */
  get first(): number {
    return this.last - this.#count + 1;
  }

  append(record: AnomalyRecord, countMax: number): void {
    if (this.#count === this.#capacity && this.#count < countMax) this.#grow(countMax);
    this.last = record.sequence;
    this.#count = Math.min(this.#count + 1, this.#capacity);
    const at = (record.sequence % this.#capacity) * FIELDS;
    this.#ring[at] = record.direction;
    this.#ring[at + 1] = record.reference;
    this.#ring[at + 2] = record.price;
    this.#ring[at + 3] = record.changePercent;
    this.#ring[at + 4] = record.time;
    this.#ring[at + 5] = record.ordinal;
  }

  get(symbolId: number, sequence: number): AnomalyRecord {
    const at = (sequence % this.#capacity) * FIELDS;
    const field = (index: number) => this.#ring[at + index] as number;
    return {
      symbolId,
      sequence,
      direction: field(0) as 1 | -1,
      reference: field(1),
      price: field(2),
      changePercent: field(3),
      time: field(4),
      ordinal: field(5),
    };
  }

  #grow(countMax: number): void {
    const capacity = Math.min(Math.max(this.#capacity * 2, RING_RECORDS_MIN), countMax);
    const ring = new Float64Array(capacity * FIELDS);
    for (let sequence = this.first; sequence <= this.last; sequence++) {
      const from = (sequence % this.#capacity) * FIELDS;
      ring.set(this.#ring.subarray(from, from + FIELDS), (sequence % capacity) * FIELDS);
    }
    this.#ring = ring;
    this.#capacity = capacity;
  }
}
