import type { AnomalySink } from '../engine/index.ts';

/** An anomaly as the gateway keeps it. */
export interface AnomalyRecord {
  readonly symbolId: number;
  readonly sequence: number;
  /** 1 up, -1 down. */
  readonly direction: 1 | -1;
  readonly reference: number;
  readonly price: number;
  readonly changePercent: number;
  /** Of the tick, ms since the epoch. */
  readonly time: number;
  /** Order of arrival among the anomalies of all symbols. */
  readonly ordinal: number;
}

/** The most recent anomalies of all symbols together that are kept. */
const RECENT_OF_ALL_MAX = 1000;

/*
 * A symbol's recent anomalies: sequences first … last in a ring of doubles, FIELDS each, that doubles as it fills.
 */
const FIELDS = 6;
const RING_RECORDS_MIN = 4;

class SymbolAnomalies {
  last = 0;
  #count = 0;
  #capacity = RING_RECORDS_MIN;
  #ring = new Float64Array(RING_RECORDS_MIN * FIELDS);

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
    const capacity = Math.min(this.#capacity * 2, countMax);
    const ring = new Float64Array(capacity * FIELDS);
    for (let sequence = this.first; sequence <= this.last; sequence++) {
      const from = (sequence % this.#capacity) * FIELDS;
      ring.set(this.#ring.subarray(from, from + FIELDS), (sequence % capacity) * FIELDS);
    }
    this.#ring = ring;
    this.#capacity = capacity;
  }
}

/** The recent anomalies, in memory: what sessions are sent from, and what history there is without a store. */
export class AnomalyLog implements AnomalySink {
  /** Anomalies of a symbol that are kept. */
  readonly perSymbolMax: number;
  readonly #symbols = new Map<number, SymbolAnomalies>();
  readonly #recent: AnomalyRecord[] = [];
  readonly #onAnomaly: (symbolId: number) => void;
  #ordinal = 0;

  /**
   * @param onAnomaly told of the symbol after each anomaly is in
   */
  constructor(perSymbolMax: number, onAnomaly: (symbolId: number) => void) {
    this.perSymbolMax = perSymbolMax;
    this.#onAnomaly = onAnomaly;
  }

  append(
    symbolId: number,
    sequence: number,
    direction: number,
    reference: number,
    price: number,
    changePercent: number,
    time: number,
  ): void {
    const record: AnomalyRecord = {
      symbolId,
      sequence,
      direction: direction as 1 | -1,
      reference,
      price,
      changePercent,
      time,
      ordinal: this.#ordinal++,
    };
    let symbol = this.#symbols.get(symbolId);
    if (symbol === undefined) {
      symbol = new SymbolAnomalies();
      this.#symbols.set(symbolId, symbol);
    }
    symbol.append(record, this.perSymbolMax);
    this.#recent.push(record);
    // Cut in strides: a shift an anomaly would move the whole array each time.
    if (this.#recent.length >= 2 * RECENT_OF_ALL_MAX) this.#recent.splice(0, RECENT_OF_ALL_MAX);
    this.#onAnomaly(symbolId);
  }

  /** The sequence of a symbol's newest anomaly; 0 when it has none. */
  last(symbolId: number): number {
    return this.#symbols.get(symbolId)?.last ?? 0;
  }

  /** The oldest sequence of a symbol that is held; 1 when it has none. */
  first(symbolId: number): number {
    return this.#symbols.get(symbolId)?.first ?? 1;
  }

  /** Up to `limit` held anomalies of a symbol with sequences from `from` on, oldest first. */
  from(symbolId: number, from: number, limit: number): readonly AnomalyRecord[] {
    const symbol = this.#symbols.get(symbolId);
    if (symbol === undefined) return [];
    const records: AnomalyRecord[] = [];
    const start = Math.max(from, symbol.first);
    for (let sequence = start; sequence <= symbol.last && records.length < limit; sequence++) {
      records.push(symbol.get(symbolId, sequence));
    }
    return records;
  }

  /** The most recent anomalies of all symbols, newest first; at most {@link RECENT_OF_ALL_MAX}. */
  recent(limit: number): readonly AnomalyRecord[] {
    return this.#recent.slice(-Math.min(limit, RECENT_OF_ALL_MAX)).reverse();
  }
}
