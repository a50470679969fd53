import type { Anomaly } from './anomaly.ts';

/** The newest anomalies of several symbols, by time. */
export class RecentAnomalies {
  readonly #max: number;
  /** Oldest first. Sometimes twice as many as asked for, so that few are moved. */
  #kept: Anomaly[] = [];
  #newest: readonly Anomaly[] | undefined;

  /** @param max most anomalies kept */
  constructor(max: number) {
    this.#max = max;
  }

  // After a reconnect, missed anomalies arrive symbol by symbol.
  add(anomaly: Anomaly): void {
    const kept = this.#kept;
    let at = kept.length;
    while (at > 0 && (kept[at - 1] as Anomaly).timestamp > anomaly.timestamp) at--;
    kept.splice(at, 0, anomaly);
    if (kept.length >= 2 * this.#max) this.#kept = kept.slice(-this.#max);
    this.#newest = undefined;
  }

  /** The newest first, frozen; the same array until it would differ. */
  newest(count: number): readonly Anomaly[] {
    const length = Math.min(count, this.#max, this.#kept.length);
    if (this.#newest?.length === length) return this.#newest;
    this.#newest = Object.freeze(this.#kept.slice(this.#kept.length - length).reverse());
    return this.#newest;
  }
}
