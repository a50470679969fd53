import { destination, type Logger, pino, stdTimeFunctions } from 'pino';
import pretty from 'pino-pretty';
import type { Config } from './config/schema.ts';
import { type SkippedTick, shownName } from './engine/index.ts';

/** The file descriptor of standard output. */
const STDOUT = 1;

/**
 * Creates a logger that writes JSON or human-readable lines to standard output.
 *
 * Writes are synchronous, so that no line is lost when the process or its thread ends.
 *
 * @param isTerminal whether the output is a terminal, which decides the format `auto`
 */
export function createLogger(
  level: Config['log']['level'],
  format: Config['log']['format'],
  isTerminal: boolean,
  fileDescriptor = STDOUT,
): Logger {
  const options = {
    level,
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  if (format === 'json' || (format === 'auto' && !isTerminal)) {
    return pino(options, destination({ dest: fileDescriptor, sync: true }));
  }
  // A stream, not a transport: that would write from another thread.
  const stream = pretty({
    destination: fileDescriptor,
    sync: true,
    colorize: isTerminal,
    ignore: 'pid,hostname',
    translateTime: 'SYS:HH:MM:ss.l',
  });
  return pino(options, stream);
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
