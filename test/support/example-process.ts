import { execFileSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { ManagedProcess } from '../../testkit/managed-process.ts';
import { until } from '../../testkit/until.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Where Debian installs servers: not on a user's PATH. */
const SYSTEM_FOLDERS = ['/usr/sbin', '/usr/local/sbin'];

/** An example in a child process, with its output. */
export class ExampleProcess extends ManagedProcess {
  /** Starts one for a test; killed at its end. */
  static startForTest(
    command: string,
    args: readonly string[],
    server: string,
    token?: string,
  ): ExampleProcess {
    const { PATH } = process.env;
    const env = { PATH, TICKWIRE_URL: server, TICKWIRE_TOKEN: token, PYTHONUNBUFFERED: '1' };
    const example = new ExampleProcess(command, args, { cwd: ROOT, env });
    onTestFinished(() => example.kill('SIGKILL'));
    return example;
  }

  get lines(): readonly string[] {
    return this.output.split('\n');
  }

  /**
   * Waits for output.
   *
   * @throws Error with the output on time-out or exit
   */
  async printed(pattern: RegExp): Promise<RegExpMatchArray> {
    const find = () => pattern.exec(this.output);
    await until(() => find() !== null || this.exit !== undefined).catch(() => undefined);
    if (this.exit !== undefined) await this.exited;
    const found = find();
    if (found === null) throw new Error(`no ${pattern} in (exit ${this.exit}):\n${this.output}`);
    return found;
  }

  /** Like Ctrl-C. */
  interrupt(): void {
    this.kill('SIGINT');
  }
}

/** A program that passes a check; undefined if none does. */
export function findProgram(
  name: string,
  isSuited: (path: string) => boolean = () => true,
): string | undefined {
  return [...(process.env.PATH ?? '').split(delimiter), ...SYSTEM_FOLDERS]
    .map((folder) => join(folder, name))
    .find((path) => isExecutable(path) && isSuited(path));
}

/** A Python with these modules; undefined if there is none. */
export function findPython(...modules: readonly string[]): string | undefined {
  return findProgram('python3', (path) => {
    try {
      execFileSync(path, ['-c', `import ${modules.join(', ')}`], { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
