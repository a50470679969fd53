import { fileURLToPath } from 'node:url';
import { builtProgram, ManagedProcess } from '../../testkit/managed-process.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** On a busy machine a client may take its time: only broken promises are waited for so long, s. */
const PATIENCE_S = 60;

/** What a run of the kit found. */
export interface KitReport {
  readonly kept: readonly string[];
  /** What was expected and what came, by name. */
  readonly broken: Readonly<Record<string, string>>;
  readonly notSupported: readonly string[];
}

/** Runs the built kit for a client, from the project's folder. */
export async function runKit(
  client: string,
  args: readonly string[] = [],
  patienceS = PATIENCE_S,
): Promise<KitReport> {
  const flags = ['--client', client, '--json', '--patience', String(patienceS), ...args];
  const program = [builtProgram('conformance/main'), ...flags];
  const kit = new ManagedProcess(process.execPath, program, { cwd: ROOT });
  const exit = await kit.exited;
  if (exit !== 0 && exit !== 1) throw new Error(`the kit ended with ${exit}: ${kit.output}`);
  const { promises } = JSON.parse(kit.output) as {
    promises: { name: string; verdict: string; detail?: string }[];
  };
  const of = (wanted: string) => promises.filter(({ verdict }) => verdict === wanted);
  const names = (wanted: string) => of(wanted).map(({ name }) => name);
  const broken = Object.fromEntries(of('broken').map(({ name, detail = '' }) => [name, detail]));
  return { kept: names('kept'), broken, notSupported: names('not supported') };
}
