/** Ticks in columns: row i of each column is one tick. */
export interface TickColumns {
  /** What `Publisher.alias` gave for the symbol. */
  readonly aliases: Uint32Array;
  /** Finite numbers above 0; the server rejects others. */
  readonly prices: Float64Array;
  /** Ms since the Unix epoch; NaN: when the server receives it. */
  readonly times: Float64Array;
}
