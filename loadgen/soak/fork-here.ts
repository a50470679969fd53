import { type ChildProcess, type ForkOptions, fork } from 'node:child_process';

const IS_BUILT = import.meta.url.endsWith('.js');

/** Starts a program of this folder, built or not as this file is, in a process of its own that goes when this one does. */
export function forkHere(
  name: string,
  args: readonly string[] = [],
  options: ForkOptions = {},
): ChildProcess {
  const entry = new URL(`./${name}.${IS_BUILT ? 'js' : 'ts'}`, import.meta.url);
  const execArgv = IS_BUILT ? [] : ['--import', 'tsx'];
  return fork(entry, args, { execArgv, ...options });
}
