import type { Check } from './check.ts';
import { CommandFailed } from './client-process.ts';
import { NotSupported } from './expect.ts';
import { type Patience, Rig } from './rig.ts';

/** What became of a promise. */
export interface Outcome {
  readonly check: Check;
  readonly verdict: 'kept' | 'broken' | 'not supported';
  /** Of a broken promise what was expected and what came; of another the command. */
  readonly detail: string | undefined;
  readonly seconds: number;
}

/** How to run checks. */
export interface RunOptions extends Patience {
  /** The client's command, for the shell. */
  readonly command: string;
  /** Checks at a time: most wait for clients more than they compute. */
  readonly lanes: number;
  /** Called as each is done. */
  readonly done?: (outcome: Outcome) => void;
}

/** Runs checks, each with clients of its own. Returns the outcomes in the order of the checks. */
export async function runChecks(
  checks: readonly Check[],
  { command, lanes, patienceMs, done = () => undefined }: RunOptions,
): Promise<readonly Outcome[]> {
  const outcomes = new Map<Check, Outcome>();
  const left = [...checks];
  const lane = async () => {
    for (let check = left.shift(); check !== undefined; check = left.shift()) {
      const outcome = await runCheck(check, command, patienceMs);
      outcomes.set(check, outcome);
      done(outcome);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return checks.map((check) => outcomes.get(check) as Outcome);
}

async function runCheck(check: Check, command: string, patienceMs: number): Promise<Outcome> {
  const start = performance.now();
  const ended = (verdict: Outcome['verdict'], detail?: string): Outcome => {
    return { check, verdict, detail, seconds: (performance.now() - start) / 1000 };
  };
  const rig = new Rig(command, { patienceMs });
  try {
    await check.run(rig);
    return ended('kept');
  } catch (error) {
    if (error instanceof NotSupported) return ended('not supported', error.message);
    if (error instanceof CommandFailed)
      return ended('broken', `the client failed: ${error.message}`);
    return ended('broken', error instanceof Error ? error.message : String(error));
  } finally {
    await rig[Symbol.asyncDispose]();
  }
}
