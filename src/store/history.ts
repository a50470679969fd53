import type { DiskHistory, TimedAnomaly } from './disk-history.ts';
import type { AnomalyPage, TimeRange } from './store.ts';
import { anomalyKey, type StoredAnomaly, timeBound, timeKey } from './stored-anomaly.ts';
import { encodeCursor, startAfter } from './time-cursor.ts';
import type { WaitingAnomalies } from './waiting-anomalies.ts';

/** Reads the disk; answers the second argument when that fails. */
export type ReadDisk = <T>(read: (disk: DiskHistory) => T, otherwise: T) => T;

/**
 * The queries: what is on disk, and what waits to get there. What the disk shows may already hold some of what
 * waits, never something newer than the oldest that is missing.
 */
export class History {
  readonly #readDisk: ReadDisk;
  readonly #waiting: WaitingAnomalies;

  constructor(readDisk: ReadDisk, waiting: WaitingAnomalies) {
    this.#readDisk = readDisk;
    this.#waiting = waiting;
  }

  /** The oldest sequence held of a symbol; `otherwise` when none is. */
  first(symbol: string, otherwise: number): number {
    const row = this.#readDisk((disk) => disk.row(symbol), undefined);
    if (row !== undefined && row.first <= row.last) return row.first;
    return this.#waiting.ofSymbol(symbol)[0]?.sequence ?? otherwise;
  }

  from(symbol: string, sequence: number, limit: number): StoredAnomaly[] {
    const start = Math.max(sequence, 1);
    const anomalies = this.#readDisk((disk) => disk.from(symbol, start, limit), []);
    const next = (anomalies.at(-1)?.sequence ?? start - 1) + 1;
    for (const anomaly of this.#waiting.ofSymbol(symbol)) {
      if (anomalies.length >= limit) break;
      if (anomaly.sequence >= next) anomalies.push(anomaly);
    }
    return anomalies;
  }

  before(symbol: string, sequence: number, limit: number): StoredAnomaly[] {
    const waiting = this.#waiting.ofSymbol(symbol).filter((item) => item.sequence < sequence);
    const newest = limit > 0 ? waiting.slice(-limit) : [];
    const end = newest[0]?.sequence ?? sequence;
    const missing = limit - newest.length;
    if (missing <= 0 || end <= 1) return newest;
    const older = this.#readDisk((disk) => disk.before(symbol, end, missing), []);
    return [...older.reverse(), ...newest];
  }

  between({ from, to, after, limit }: TimeRange): AnomalyPage {
    const start = after === undefined ? timeBound(from) : startAfter(after);
    if (!(to > from) || limit < 1) return { items: [], next: undefined };
    // One more than the page tells whether another follows.
    const disk = this.#readDisk((history) => history.between(start, to, limit + 1), []);
    const page = merge(disk, this.#waitingBetween(start, to), limit + 1);
    const items = page.slice(0, limit);
    const last = items.at(-1);
    const isEnd = page.length <= limit || last === undefined;
    return {
      items: items.map(({ anomaly }) => anomaly),
      next: isEnd ? undefined : encodeCursor(last.key),
    };
  }

  recent(limit: number, isWanted: (symbol: string) => boolean = () => true): StoredAnomaly[] {
    const anomalies: StoredAnomaly[] = [];
    for (const batch of this.#waiting.oldest.toReversed()) {
      for (let at = batch.items.length - 1; at >= 0 && anomalies.length < limit; at--) {
        const anomaly = batch.items[at];
        if (anomaly !== undefined && isWanted(anomaly.symbol)) anomalies.push(anomaly);
      }
    }
    const missing = limit - anomalies.length;
    if (missing <= 0) return anomalies;
    const end = this.#waiting.firstOrdinal;
    return anomalies.concat(this.#readDisk((disk) => disk.recent(end, missing, isWanted), []));
  }

  #waitingBetween(start: Buffer, to: number): TimedAnomaly[] {
    const anomalies: TimedAnomaly[] = [];
    for (const { items } of this.#waiting.oldest) {
      for (const anomaly of items) {
        if (anomaly.time >= to) continue;
        const key = timeKey(anomaly.time, anomalyKey(anomaly.symbol, anomaly.sequence));
        if (key.compare(start) >= 0) anomalies.push({ key, anomaly });
      }
    }
    return anomalies.sort((a, b) => a.key.compare(b.key));
  }
}

/** Two sorted lists into one, without what is in both. */
function merge(
  left: readonly TimedAnomaly[],
  right: readonly TimedAnomaly[],
  limit: number,
): TimedAnomaly[] {
  const merged: TimedAnomaly[] = [];
  let at = 0;
  let other = 0;
  while (merged.length < limit) {
    const a = left[at];
    const b = right[other];
    if (a === undefined && b === undefined) break;
    const order = a === undefined ? 1 : b === undefined ? -1 : a.key.compare(b.key);
    const next = order <= 0 ? a : b;
    if (order <= 0) at++;
    if (order >= 0) other++;
    if (next !== undefined) merged.push(next);
  }
  return merged;
}
