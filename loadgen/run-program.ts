import { CommanderError } from 'commander';
import { watchNpm } from '../src/npm-parent.ts';

/** Exit code of a run that was interrupted. */
export const INTERRUPTED = 130;

/** npm passes on an interrupt that the terminal has sent to its whole process group. */
const REPEATED_WITHIN_MS = 400;

/**
 * Calls `stop` on the first SIGINT, SIGTERM or SIGHUP (the terminal is closed), and when the npm
 * that started the program is gone. A second interrupt exits at once.
 */
export function onInterrupt(stop: () => void): void {
  let stoppedAt: number | undefined;
  const onSignal = () => {
    const now = performance.now();
    if (stoppedAt === undefined) {
      stoppedAt = now;
      stop();
    } else if (now - stoppedAt > REPEATED_WITHIN_MS) process.exit(INTERRUPTED);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, onSignal);
  watchNpm(process.env, () => {
    if (stoppedAt === undefined) onSignal();
  });
}

/**
 * Runs a command-line program and ends the process with its exit code: what `main` returns; 2 where
 * it throws a `UsageError`; 1 where it throws anything else.
 */
export async function runProgram(
  main: (argv: readonly string[]) => Promise<number>,
  UsageError?: new (...args: never[]) => Error,
): Promise<never> {
  let code: number;
  try {
    code = await main(process.argv.slice(2));
  } catch (error) {
    code = UsageError !== undefined && error instanceof UsageError ? 2 : 1;
    if (error instanceof CommanderError) code = error.exitCode;
    else process.stderr.write(`${(error as Error).message}\n`);
  }
  // Connections that a broken run left open must not keep the process.
  process.exit(code);
}
