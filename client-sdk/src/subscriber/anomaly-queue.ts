import type { Anomaly } from './anomaly.ts';

/** Anomalies that a reader may lag behind. */
const WAITING_MAX = 65_536;

/** Anomalies that wait for a reader. */
export class AnomalyQueue {
  #waiting: Anomaly[] = [];
  #first = 0;

  /** False when the reader is too far behind: the anomaly is not taken. */
  add(anomaly: Anomaly): boolean {
    if (this.#waiting.length - this.#first >= WAITING_MAX) return false;
    this.#waiting.push(anomaly);
    return true;
  }

  take(): Anomaly | undefined {
    const anomaly = this.#waiting[this.#first];
    if (anomaly === undefined) return undefined;
    this.#first++;
    if (this.#first === this.#waiting.length || this.#first >= WAITING_MAX) {
      this.#waiting = this.#waiting.slice(this.#first);
      this.#first = 0;
    }
    return anomaly;
  }
}
