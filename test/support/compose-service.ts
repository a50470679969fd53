import { readFileSync } from 'node:fs';
import { expect, onTestFinished } from 'vitest';
import { builtProgram, ManagedProcess } from '../../testkit/managed-process.ts';
import type { ComposeModel, ComposeService } from './compose-file.ts';

const DOCKERFILE = readFileSync(new URL('../../deploy/Dockerfile', import.meta.url), 'utf8');

/** A service of a file; it must be there. */
export function serviceOf({ services }: ComposeModel, name: string): ComposeService {
  const found = services[name];
  if (found === undefined) throw new Error(`no service ${name}`);
  return found;
}

/** The file or folder on this machine that a service has at a path. */
export function mountedAt({ volumes = [] }: ComposeService, path: string): string {
  const volume = volumes.find(({ target }) => target === path);
  if (volume?.type !== 'bind') throw new Error(`nothing is mounted at ${path}`);
  return volume.source;
}

/** Variables that our image sets. */
export function imageVariables(): Record<string, string> {
  const [, block = ''] = /^ENV ((?:.*\\\n)*.*)$/m.exec(DOCKERFILE) ?? [];
  const pairs = [...block.matchAll(/(\w+)=(\S+)/g)];
  expect(pairs.length).toBeGreaterThan(3);
  return Object.fromEntries(pairs.map(([, name, value]) => [name, value]));
}

/**
 * Runs what our image runs, as built here, with the command and variables of a service. It ends
 * with the test.
 *
 * @param changed values of variables that are set: paths and ports here
 * @param edit changes an argument likewise
 */
export function startService(
  { command = [], environment = {} }: ComposeService,
  changed: Readonly<Record<string, string>>,
  edit = (argument: string) => argument,
): ManagedProcess {
  const variables = { ...imageVariables(), ...environment };
  for (const name of Object.keys(changed)) expect(variables).toHaveProperty(name);
  const args = [builtProgram('src/main'), ...command.map(edit)];
  const env = { PATH: process.env.PATH, ...variables, ...changed };
  const program = new ManagedProcess(process.execPath, args, { env });
  onTestFinished(() => program.stop());
  return program;
}
