/** A backtest that cannot run: its message says which file or option, and why. */
export class BacktestError extends Error {
  override readonly name = 'BacktestError';
}
