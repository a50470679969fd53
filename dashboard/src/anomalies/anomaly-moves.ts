import type { Anomaly } from '../../../client-sdk/src/index.ts';
import type { AnomalyRecord } from '../http-api.ts';

export type Direction = 'up' | 'down';

/** An anomaly from either source. */
export interface AnomalyEvent {
  readonly symbol: string;
  readonly sequence: number;
  readonly direction: Direction;
  readonly from: number;
  readonly to: number;
  /** Negative when down. */
  readonly percent: number;
  /** ms since the epoch. */
  readonly time: number;
}

/** Converts an anomaly of the HTTP API. */
export function fromRecord(record: AnomalyRecord): AnomalyEvent {
  return {
    symbol: record.symbol,
    sequence: record.sequence,
    direction: record.direction === 'Up' ? 'up' : 'down',
    from: record.referencePrice,
    to: record.newPrice,
    percent: record.changePercent,
    time: Date.parse(record.timestamp),
  };
}

/** Converts a live anomaly. */
export function fromLive(anomaly: Anomaly): AnomalyEvent {
  return {
    symbol: anomaly.symbol,
    sequence: anomaly.sequence,
    direction: anomaly.direction > 0 ? 'up' : 'down',
    from: anomaly.referencePrice,
    to: anomaly.newPrice,
    percent: anomaly.changePercent,
    time: anomaly.timestamp,
  };
}

/** A price move: consecutive anomalies of a symbol in one direction. */
export interface AnomalyMove {
  readonly symbol: string;
  readonly direction: Direction;
  /** Start, ms since the epoch. */
  readonly time: number;
  /** Anomalies raised. */
  count: number;
  /** The anomaly with the greatest change. */
  extreme: AnomalyEvent;
  lastTime: number;
  lastSequence: number;
}

/**
 * Moves, newest first. A price that jumps raises an anomaly with every tick until the old price has
 * left the sliding window: they count as one move.
 */
export class AnomalyMoves {
  readonly #max: number;
  readonly #moves: AnomalyMove[] = [];
  /** The newest listed move of each symbol and direction. */
  readonly #newest = new Map<string, AnomalyMove>();
  readonly #sequences = new Map<string, number>();
  /** Longest time between two anomalies of one move, ms. */
  windowMs = 1000;
  /** Incremented by each change. */
  version = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get list(): readonly AnomalyMove[] {
    return this.#moves;
  }

  /** Takes an anomaly unless it is a duplicate; returns the move if it is a new one. */
  add(event: AnomalyEvent): AnomalyMove | undefined {
    if (event.sequence <= (this.#sequences.get(event.symbol) ?? 0)) return undefined;
    this.#sequences.set(event.symbol, event.sequence);
    this.version++;
    const key = `${event.direction} ${event.symbol}`;
    const newest = this.#newest.get(key);
    if (newest !== undefined && event.time - newest.lastTime <= this.windowMs) {
      extend(newest, event);
      return undefined;
    }
    const move = {
      symbol: event.symbol,
      direction: event.direction,
      time: event.time,
      count: 1,
      extreme: event,
      lastTime: event.time,
      lastSequence: event.sequence,
    };
    this.#newest.set(key, move);
    this.#moves.unshift(move);
    if (this.#moves.length > this.#max) this.#forgetOldest();
    return move;
  }

  clear(): void {
    this.#moves.length = 0;
    this.#newest.clear();
    this.#sequences.clear();
    this.version++;
  }

  #forgetOldest(): void {
    const oldest = this.#moves.pop();
    if (oldest === undefined) return;
    const key = `${oldest.direction} ${oldest.symbol}`;
    if (this.#newest.get(key) === oldest) this.#newest.delete(key);
  }
}

function extend(move: AnomalyMove, event: AnomalyEvent): void {
  move.count++;
  move.lastTime = event.time;
  move.lastSequence = event.sequence;
  if (Math.abs(event.percent) > Math.abs(move.extreme.percent)) move.extreme = event;
}
