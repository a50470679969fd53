import { parseArgs } from 'node:util';

export interface CommandLine {
  /** All targets together. */
  readonly minutes: number;
  /** undefined: another one each time. */
  readonly seed: number | undefined;
  /** undefined: all of them. */
  readonly target: string | undefined;
  /** Per target, at most. */
  readonly executionsMax: number;
  /** Files of findings to read again instead; each in a folder named for its target. */
  readonly replay: readonly string[];
  /** Where findings are written. */
  readonly folder: string;
}

/** How the fuzzer is called, for people. */
export const USAGE = `npm run fuzz -- [--minutes N] [--seed S] [--target NAME]
                  [--executions M] [--replay FILE]

  --minutes N     how long, all targets together (5)
  --seed S        the seed, from 0; without one, another each time
  --target NAME   this target only
  --executions M  of each target in a thread, at most
  --replay FILE   read a finding again, in a folder named for its target; may be repeated
  --findings DIR  where findings are written (fuzz/findings)`;

/**
 * Reads the command line.
 *
 * @throws Error for what is not on it
 */
export function readCommandLine(args: readonly string[]): CommandLine {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: 'string', default: '5' },
      seed: { type: 'string' },
      target: { type: 'string' },
      executions: { type: 'string' },
      replay: { type: 'string', multiple: true, default: [] },
      findings: { type: 'string', default: 'fuzz/findings' },
    },
  });
  const { minutes, seed, target, executions, replay, findings } = values;
  return {
    minutes: above0('minutes', minutes),
    seed: seed === undefined ? undefined : integer('seed', seed),
    target,
    executionsMax: executions === undefined ? Infinity : integer('executions', executions),
    replay,
    folder: findings,
  };
}

function above0(name: string, text: string): number {
  const value = Number(text);
  if (value > 0 && Number.isFinite(value)) return value;
  throw new Error(`--${name}: expected a number above 0, got "${text}"`);
}

function integer(name: string, text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new Error(`--${name}: expected an integer from 0, got "${text}"`);
}
