import { type SkippedTick, shownName } from './engine/index.ts';

interface ErrorLog {
  error(fields: object, message: string): void;
}

/** Says in the log that a worker died, and all that is known of the tick that it was applying. */
export function logWorkerDeath(
  log: ErrorLog,
  partition: number,
  cause: Error,
  tick: SkippedTick | undefined,
): void {
  const symbol = tick?.symbol === undefined ? undefined : shownName(tick.symbol);
  const known = { symbol, price: tick?.price, time: tick?.time };
  log.error({ partition, ...known, err: cause }, `a worker died and is replaced; ${fateOf(tick)}`);
}

function fateOf(tick: SkippedTick | undefined): string {
  if (tick === undefined) return 'no tick is lost';
  return tick.isQuarantined
    ? 'the tick it died of is quarantined'
    : 'the tick it was at is skipped';
}
