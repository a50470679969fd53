import { type ChildProcessByStdio, execFileSync, spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { onTestFinished, vi } from 'vitest';

const PATIENCE = { timeout: 30_000, interval: 10 };

/** An example as a program of its own, and what it prints. */
export class ExampleProcess {
  output = '';
  /** The exit code, or the signal that ended it. */
  exit: number | string | undefined;
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;

  private constructor(
    command: string,
    args: readonly string[],
    server: string,
    token: string | undefined,
  ) {
    this.#child = spawn(command, args, {
      cwd: fileURLToPath(new URL('../..', import.meta.url)),
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: process.env.PATH,
        TICKWIRE_URL: server,
        TICKWIRE_TOKEN: token,
        PYTHONUNBUFFERED: '1',
      },
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.output += text;
      });
    }
    this.#child.on('close', (code, signal) => {
      this.exit = code ?? signal ?? 'unknown';
    });
  }

  /** Starts one for a test; it is killed when the test is over. */
  static startForTest(
    command: string,
    args: readonly string[],
    server: string,
    token?: string,
  ): ExampleProcess {
    const example = new ExampleProcess(command, args, server, token);
    onTestFinished(() => {
      example.#child.kill('SIGKILL');
    });
    return example;
  }

  get lines(): readonly string[] {
    return this.output.split('\n');
  }

  /**
   * Waits until it printed something.
   *
   * @throws Error with what it printed when that takes too long, or when it ended without
   */
  async printed(pattern: RegExp): Promise<RegExpMatchArray> {
    const find = () => pattern.exec(this.output);
    try {
      await vi.waitUntil(() => find() !== null || this.exit !== undefined, PATIENCE);
    } catch {
      // Told below.
    }
    const found = find();
    if (found === null) throw new Error(`no ${pattern} in (exit ${this.exit}):\n${this.output}`);
    return found;
  }

  /** Waits until it has ended; as {@link exit}. */
  async ended(): Promise<number | string | undefined> {
    await vi.waitUntil(() => this.exit !== undefined, PATIENCE);
    return this.exit;
  }

  /** What Ctrl-C does. */
  interrupt(): void {
    this.#child.kill('SIGINT');
  }
}

/** A program on the PATH that passes a check; undefined where there is none. */
export function findProgram(
  name: string,
  isSuited: (path: string) => boolean = () => true,
): string | undefined {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((path) => isExecutable(path) && isSuited(path));
}

/** A Python that has these modules; undefined where there is none. */
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
