import type { Logger } from 'pino';
import { type SkippedTick, shownName } from './engine/index.ts';

/** Symbols whose replaced times get a line. */
const REPLACED_LINES_MAX = 100;

/** Logs newest times of symbols that gave way to a tick's, once a symbol. */
export function timeReplacedLogger(
  log: Pick<Logger, 'warn'>,
): (name: string, time: number) => void {
  const logged = new Set<string>();
  return (name, time) => {
    if (logged.size >= REPLACED_LINES_MAX || logged.has(name)) return;
    logged.add(name);
    const rest = logged.size === REPLACED_LINES_MAX ? '; further symbols are counted only' : '';
    log.warn(
      { symbol: shownName(name), time },
      `the newest time of a symbol was too far ahead of the clock and is replaced${rest}`,
    );
  };
}

/** Symbols whose rules cannot apply that get a line. */
const RULE_LINES_MAX = 100;

/** Logs rules that cannot apply to a symbol, once a symbol. */
export function ruleFaultsLogger(log: {
  readonly warn: (fields: object, message: string) => void;
}): (name: string, faults: readonly string[]) => void {
  const logged = new Set<string>();
  return (name, faults) => {
    if (logged.size >= RULE_LINES_MAX || logged.has(name)) return;
    logged.add(name);
    const rest = logged.size === RULE_LINES_MAX ? '; further symbols get no line' : '';
    log.warn({ symbol: shownName(name), faults }, `rules do not apply to a symbol${rest}`);
  };
}

/** Logs the death of a worker, and the tick that it was applying as far as known. */
export function logWorkerDeath(
  log: Pick<Logger, 'error'>,
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
    ? 'the tick that killed it is quarantined'
    : 'the tick it was applying is skipped';
}
