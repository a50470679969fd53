import { type Logger, pino, stdTimeFunctions } from 'pino';
import { prettyFactory } from 'pino-pretty';
import type { Config } from './config/schema.ts';
import { LogOutput } from './log-output.ts';

/** The file descriptor of standard output. */
const STDOUT = 1;

/**
 * Creates a logger that writes JSON or human-readable lines to standard output.
 *
 * Writes are synchronous, so that no line is lost when the process or its thread ends. Lines that
 * cannot be written are dropped: see {@link LogOutput}.
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
  const output = new LogOutput(fileDescriptor);
  const isJson = format === 'json' || (format === 'auto' && !isTerminal);
  const log = pino(options, isJson ? output : prettyOutput(output, isTerminal));
  outputs.set(log, output);
  output.report = (lines) => log.error({ lines }, 'log lines were lost: they could not be written');
  return log;
}

const outputs = new WeakMap<Logger, LogOutput>();

/** Lines that a logger could not write since the start. */
export function droppedLines(log: Logger): number {
  return outputs.get(log)?.droppedCount ?? 0;
}

/** Longest wait at the exit for a reader that is behind, ms. */
const EXIT_MS = 1000;

/** Writes what waits for a slow reader. The process then may exit. */
export function flushLog(log: Logger): void {
  outputs.get(log)?.flush(EXIT_MS);
}

/** Formats lines for people. No stream or thread is between: their lines would come later. */
function prettyOutput(output: LogOutput, isTerminal: boolean): { write(line: string): void } {
  const format = prettyFactory({
    colorize: isTerminal,
    ignore: 'pid,hostname',
    translateTime: 'SYS:HH:MM:ss.l',
  });
  return { write: (line) => output.write(format(line)) };
}
