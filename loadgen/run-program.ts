import { CommanderError } from 'commander';

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
