import type { Anomaly } from '../../src/engine/index.ts';

/** A store's expected answers, from one array in order of arrival. */
export class NaiveAnomalies {
  #held: Anomaly[] = [];
  /** When each arrived, once it was noted, ms since the epoch. */
  readonly #arrivals = new Map<Anomaly, number>();
  readonly #last = new Map<string, number>();

  append(anomaly: Anomaly): void {
    if (anomaly.sequence <= this.lastSequence(anomaly.symbol)) return;
    this.#held.push(anomaly);
    this.#last.set(anomaly.symbol, anomaly.sequence);
  }

  /** Those not noted yet arrived by now. */
  noteArrivals(now: number): void {
    for (const anomaly of this.#held) {
      if (!this.#arrivals.has(anomaly)) this.#arrivals.set(anomaly, now);
    }
  }

  removeOlder(oldestArrival: number): number {
    return this.#keep((anomaly) => (this.#arrivals.get(anomaly) ?? Infinity) >= oldestArrival);
  }

  removeBeyond(perSymbol: number): number {
    return this.#keep(({ symbol, sequence }) => this.lastSequence(symbol) - sequence < perSymbol);
  }

  #keep(isKept: (anomaly: Anomaly) => boolean): number {
    const before = this.#held.length;
    this.#held = this.#held.filter(isKept);
    return before - this.#held.length;
  }

  lastSequence(symbol: string): number {
    return this.#last.get(symbol) ?? 0;
  }

  lastSequences(): Map<string, number> {
    return new Map(this.#last);
  }

  firstSequence(symbol: string): number {
    return this.#of(symbol)[0]?.sequence ?? this.lastSequence(symbol) + 1;
  }

  from(symbol: string, sequence: number, limit: number): Anomaly[] {
    return this.#of(symbol)
      .filter((anomaly) => anomaly.sequence >= sequence)
      .slice(0, limit);
  }

  between(from: number, to: number): Anomaly[] {
    return this.#held
      .filter(({ time }) => time >= from && time < to)
      .sort(
        (a, b) =>
          a.time - b.time ||
          (a.symbol === b.symbol
            ? a.sequence - b.sequence
            : Buffer.compare(Buffer.from(a.symbol), Buffer.from(b.symbol))),
      );
  }

  recent(limit: number): Anomaly[] {
    return this.#held.toReversed().slice(0, limit);
  }

  #of(symbol: string): Anomaly[] {
    return this.#held.filter((anomaly) => anomaly.symbol === symbol);
  }
}
