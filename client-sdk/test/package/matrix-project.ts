import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { cp, mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { onTestFinished } from 'vitest';
import { eventually } from '../../../testkit/until.ts';

const PACKAGE = fileURLToPath(new URL('../..', import.meta.url));
const FIXTURES = fileURLToPath(new URL('matrix', import.meta.url));

/** Tools get what any shell has, not all: vitest's NODE_ENV would change what they build. */
const { PATH = '', HOME = '' } = process.env;
const QUIET = { NO_COLOR: '1', NEXT_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1' };

/** The programs of the matrix are installed for this platform only. */
export const isMatrixSupported = process.platform === 'linux' && process.arch === 'x64';
if (!isMatrixSupported) process.stderr.write('SKIPPED: bundlers and runtimes, but on Linux x64\n');

interface RunOptions {
  /** Folder, relative to the project. */
  readonly in: string;
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * A copy of the folder `matrix` with the packages of its lockfile and the packed SDK. There are no
 * packages in the folders above.
 */
export class MatrixProject {
  readonly root: string;

  private constructor(root: string) {
    this.root = root;
  }

  /** @param folder an empty one */
  static async install(folder: string): Promise<MatrixProject> {
    const root = join(folder, 'matrix');
    const isSource = (path: string) => !path.includes('node_modules');
    await cp(FIXTURES, root, { recursive: true, filter: isSource });
    await promisify(execFile)('npm', ['ci', '--prefer-offline'], { cwd: root });
    const { stdout } = await promisify(execFile)(
      'npm',
      ['pack', '--json', '--pack-destination', folder],
      { cwd: PACKAGE },
    );
    const [packed] = Object.values(JSON.parse(stdout) as Record<string, { filename: string }>);
    // Beside the matrix: npm would rewrite its lockfile.
    const flags = ['--offline', '--no-audit', '--no-fund', '--prefix', join(folder, 'packed')];
    await promisify(execFile)('npm', ['install', ...flags, join(folder, packed?.filename ?? '')]);
    const project = new MatrixProject(root);
    const client = join(folder, 'packed/node_modules/@tickwire/client');
    await project.#add(client, 'node_modules/@tickwire/client');
    await project.#add(join(root, 'vite-react'), 'vite-react-18');
    // Resolves its own React, as where only that is installed.
    await project.#add(client, 'vite-react-18/node_modules/@tickwire/client');
    // Node 20 has it, and jsdom for itself: bundlers that look for ws must not find any.
    await project.#add(join(root, 'node_modules/ws'), 'with-ws/node_modules/ws');
    await project.#add(client, 'with-ws/node_modules/@tickwire/client');
    await project.#add(join(root, 'runtime'), 'with-ws/runtime');
    await project.#add(join(root, 'jest'), 'with-ws/jest');
    await mkdir(project.program('jsdom/node_modules'), { recursive: true });
    await rename(project.program('ws'), project.program('jsdom/node_modules/ws'));
    return project;
  }

  path(...names: string[]): string {
    return join(this.root, ...names);
  }

  /** An installed program. */
  program(name: string): string {
    return this.path('node_modules', name);
  }

  /** A Node of another version. */
  node(major: number): string {
    return this.program(`node-${major}/bin/node`);
  }

  /**
   * Runs a program to its end.
   *
   * @returns what it printed, errors included
   * @throws Error with that if it fails
   */
  async run(program: string, args: readonly string[], options: RunOptions): Promise<string> {
    const child = this.start(program, args, options);
    const code = await child.exited;
    if (code !== 0) throw new Error(`${program} ${args.join(' ')}: ${code}\n${child.output()}`);
    return child.output();
  }

  /** Starts a program that is killed at the end of the test. */
  start(program: string, args: readonly string[], options: RunOptions): RunningProgram {
    const child: ChildProcess = spawn(program, args, {
      cwd: this.path(options.in),
      env: { PATH, HOME, ...QUIET, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let text = '';
    const exited = new Promise<number | null>((resolve, reject) => {
      child.on('close', resolve);
      child.on('error', reject);
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
    }
    onTestFinished(async () => {
      child.kill();
      await exited;
    });
    return {
      exited,
      output: () => text,
      says: async (pattern) => {
        await eventually(
          async () => text,
          () => pattern.test(text) || child.exitCode !== null,
        );
        const [, found] = pattern.exec(text) ?? [];
        if (found === undefined) throw new Error(`${program} ended: ${text}`);
        return found;
      },
    };
  }

  async #add(from: string, to: string): Promise<void> {
    await cp(from, this.path(to), { recursive: true });
  }
}

interface RunningProgram {
  /** Its exit code. */
  readonly exited: Promise<number | null>;
  /** What it printed so far. */
  output(): string;
  /** The first group of a pattern, once printed. */
  says(pattern: RegExp): Promise<string>;
}
