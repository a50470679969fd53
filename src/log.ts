import { destination, type Logger, pino, stdTimeFunctions } from 'pino';
import pretty from 'pino-pretty';
import type { Config } from './config/schema.ts';

/** The file descriptor of standard output. */
const STDOUT = 1;

/**
 * A logger that writes to standard output: one JSON object a line, or lines for people.
 *
 * Writes are synchronous, so that no line is lost when the process or its thread ends.
 *
 * @param isTerminal whether the output is a terminal, which is what the format `auto` goes by
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
  // A stream in this thread, not a transport, which would be a worker thread of its own.
  const stream = pretty({
    destination: fileDescriptor,
    sync: true,
    colorize: isTerminal,
    ignore: 'pid,hostname',
    translateTime: 'SYS:HH:MM:ss.l',
  });
  return pino(options, stream);
}
