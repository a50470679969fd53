import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ChildServer } from './child-server.ts';
import type { RunningContender } from './contender.ts';
import { findProgram, type ProgramQuestion } from './installed-program.ts';

/** A program that is started with `FLAG FILE`, its configuration. */
export interface ConfiguredProgram {
  readonly question: ProgramQuestion;
  readonly configFlag: string;
  /** The text of the configuration that makes it listen on a port of 127.0.0.1; the folder is its own. */
  readonly config: (port: number, folder: string) => string;
}

/**
 * Starts an installed program with a configuration of its own, in a folder that goes when it stops.
 *
 * @throws Error when it is not installed, or with the end of its output when it does not start
 */
export async function startConfigured(program: ConfiguredProgram): Promise<RunningContender> {
  const { question, configFlag, config } = program;
  const found = await findProgram(question);
  if (found === undefined) throw new Error(`${question.name} is not installed`);
  const folder = mkdtempSync(join(tmpdir(), `tickwire-bench-${question.name}-`));
  const removeFolder = () => rmSync(folder, { recursive: true, force: true });
  const file = join(folder, `${question.name}.conf`);
  try {
    const server = await ChildServer.start({
      command: found.command,
      args: (port) => {
        writeFileSync(file, config(port, folder));
        return [configFlag, file];
      },
    });
    return {
      host: server.host,
      port: server.port,
      pid: server.pid,
      processed: () => Promise.resolve(undefined),
      stop: () => server.stop().finally(removeFolder),
    };
  } catch (error) {
    removeFolder();
    throw error;
  }
}

/** For a table of contenders: why the program cannot run here; undefined when it can. */
export async function reasonAgainst(question: ProgramQuestion): Promise<string | undefined> {
  if ((await findProgram(question)) !== undefined) return undefined;
  return `${question.name} is not installed (Debian: apt-get install ${question.name})`;
}

/** The installed program's version, for a table of contenders. */
export async function versionOf(question: ProgramQuestion): Promise<string> {
  return `${question.name} ${(await findProgram(question))?.version ?? 'not installed'}`;
}
