/** Ticks in columns, in the order in which they are to be sent. */
export interface SourceBatch {
  readonly count: number;
  /** Index into the source's `symbols`. */
  readonly symbols: Uint32Array;
  readonly prices: Float64Array;
  /** The tick's own time, ms since the epoch. */
  readonly times: Float64Array;
  /** When to send, ms since the run's start; NaN: as soon as possible. */
  readonly dueMs: Float64Array;
}

/** Where ticks come from. */
export interface TickSource {
  /** The symbols so far; more may join at the end. */
  readonly symbols: readonly string[];
  /**
   * Whether a tick's time is the moment it was meant to be sent, so that delivery latency can be
   * read off it.
   */
  readonly isLive: boolean;
  /** Told once, before the first batch: the run's start, ms since the epoch. */
  start?(epochMs: number): void;
  /** The next batch, valid until the one after; undefined at the end. */
  next(): Promise<SourceBatch | undefined> | SourceBatch | undefined;
  /** Releases what the source holds open. */
  close?(): Promise<void>;
}
