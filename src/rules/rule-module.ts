/** A detector of the operator's own: trusted code, run by the workers. */
export interface RuleModule {
  /** Doubles of state a symbol, 0 to 48; zero at first. */
  readonly state: number;
  /**
   * Judges a tick. Must not allocate, and must give the same answer for the same state and tick.
   *
   * @param state the symbol's is from `base` on
   * @param out reference and change: the change, of the sign of its direction, is compared with the
   *   thresholds; leave them alone to say nothing
   * @param options of the rule, as in the file
   */
  onTick(
    state: Float64Array,
    base: number,
    price: number,
    time: number,
    out: Float64Array,
    options: unknown,
  ): void;
}
