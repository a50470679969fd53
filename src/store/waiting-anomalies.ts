import type { StoredAnomaly } from './stored-anomaly.ts';

/** Anomalies in one transaction: some 40 ms of the writer's time. */
const BATCH_MAX = 4096;

/** Consecutive anomalies that are written together. */
export class Batch {
  readonly firstOrdinal: number;
  readonly items: StoredAnomaly[] = [];
  readonly bySymbol = new Map<string, StoredAnomaly[]>();

  constructor(firstOrdinal: number) {
    this.firstOrdinal = firstOrdinal;
  }

  get endOrdinal(): number {
    return this.firstOrdinal + this.items.length;
  }

  append(anomaly: StoredAnomaly): void {
    this.items.push(anomaly);
    const ofSymbol = this.bySymbol.get(anomaly.symbol);
    if (ofSymbol === undefined) this.bySymbol.set(anomaly.symbol, [anomaly]);
    else ofSymbol.push(anomaly);
  }
}

/** What is not on disk yet, in order of arrival: the first batches are being written, the last one is being filled. */
export class WaitingAnomalies {
  readonly #batches: Batch[] = [];
  readonly #countMax: number;
  #nextOrdinal: number;
  #count = 0;
  /** The batch that the writer has; it takes nothing more, and is not given up. */
  #taken: Batch | undefined;

  /**
   * @param countMax how many are held before the oldest are given up
   */
  constructor(firstOrdinal: number, countMax: number) {
    this.#nextOrdinal = firstOrdinal;
    this.#countMax = countMax;
  }

  get count(): number {
    return this.#count;
  }

  /** The ordinal that the next anomaly gets. */
  get nextOrdinal(): number {
    return this.#nextOrdinal;
  }

  /** The ordinal of the oldest that waits; {@link nextOrdinal} when none does. */
  get firstOrdinal(): number {
    return this.#batches[0]?.firstOrdinal ?? this.#nextOrdinal;
  }

  get oldest(): readonly Batch[] {
    return this.#batches;
  }

  /**
   * @returns how many of the oldest were given up for it
   */
  append(anomaly: StoredAnomaly): number {
    const dropped = this.#count >= this.#countMax ? this.#dropOldest() : 0;
    let batch = this.#batches.at(-1);
    if (batch === undefined || batch === this.#taken || batch.items.length >= BATCH_MAX) {
      batch = new Batch(this.#nextOrdinal);
      this.#batches.push(batch);
    }
    batch.append(anomaly);
    this.#nextOrdinal++;
    this.#count++;
    return dropped;
  }

  /** The oldest batch, to be written; {@link release} or {@link remove} comes next. */
  take(): Batch | undefined {
    this.#taken = this.#batches[0];
    return this.#taken;
  }

  /** The batch taken could not be written. */
  release(): void {
    this.#taken = undefined;
  }

  /** The batch taken is on disk. */
  remove(): void {
    if (this.#taken === undefined) return;
    this.#batches.shift();
    this.#count -= this.#taken.items.length;
    this.#taken = undefined;
  }

  /** A symbol's, oldest first. */
  ofSymbol(symbol: string): StoredAnomaly[] {
    const anomalies: StoredAnomaly[] = [];
    for (const batch of this.#batches) {
      const ofSymbol = batch.bySymbol.get(symbol);
      if (ofSymbol !== undefined) for (const anomaly of ofSymbol) anomalies.push(anomaly);
    }
    return anomalies;
  }

  /** A whole batch goes at once: one by one would cost each append what the whole costs. */
  #dropOldest(): number {
    const at = this.#batches[0] === this.#taken ? 1 : 0;
    const [batch] = this.#batches.splice(at, 1);
    const count = batch?.items.length ?? 0;
    this.#count -= count;
    return count;
  }
}
