import { type ChildProcess, type ForkOptions, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { delay } from './until.ts';

const POLL_MS = 10;
const STOP_TIMEOUT_MS = 10_000;
/** The end of the output that is kept, characters. */
const OUTPUT_MAX = 1_000_000;

const IS_BUILT = import.meta.url.endsWith('.js');

export interface ProcessOptions {
  /** Instead of this process's environment. */
  readonly env?: NodeJS.ProcessEnv | undefined;
  readonly cwd?: string;
  /** In a process group of its own, which an interrupt from the terminal does not reach. */
  readonly detached?: boolean;
  /** Whether it exchanges messages with this process. */
  readonly hasChannel?: boolean;
  /** Whether it is written to, by `child.stdin`; else its input is at its end. */
  readonly hasInput?: boolean;
}

/** A program in a process of its own, which never outlives this one. */
export class ManagedProcess {
  readonly child: ChildProcess;
  /** The end of what it wrote. */
  output = '';
  /** Resolves with {@link exit} once it has ended and its output is complete. */
  readonly exited: Promise<number | string>;
  #startFault: Error | undefined;

  constructor(command: string, args: readonly string[], options: ProcessOptions = {}) {
    const { hasChannel = false, hasInput = false, ...given } = options;
    const input = hasInput ? 'pipe' : 'ignore';
    const stdio = [input, 'pipe', 'pipe', ...(hasChannel ? (['ipc'] as const) : [])] as const;
    this.child = spawn(command, args, { env: process.env, ...given, stdio: [...stdio] });
    const kill = () => this.child.kill('SIGKILL');
    process.once('exit', kill);
    this.child.once('error', (error) => {
      this.#startFault = error;
    });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.output = (this.output + text).slice(-OUTPUT_MAX);
      });
    }
    this.exited = new Promise((resolve) => {
      this.child.once('close', (code, signal) => {
        process.off('exit', kill);
        resolve(code ?? signal ?? 'unknown');
      });
    });
  }

  /** The exit code, or the signal that ended it; undefined while it runs. */
  get exit(): number | string | undefined {
    return this.child.exitCode ?? this.child.signalCode ?? undefined;
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Ends it at once, in whatever state it is. */
  end(): Promise<number | string> {
    this.child.kill('SIGKILL');
    return this.exited;
  }

  /** Asks it to end, and kills it where it does not within 10 s. */
  async stop(): Promise<void> {
    this.child.kill('SIGTERM');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await this.exited;
    clearTimeout(timer);
  }

  /**
   * Waits until it is ready, and ends it where it never is.
   *
   * @throws Error with the end of its output when it ends or is not ready in time
   */
  async ready(isReady: () => boolean | Promise<boolean>, timeoutMs = 60_000): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    while (this.exit === undefined && performance.now() < deadline) {
      if (await isReady()) return;
      await delay(POLL_MS);
    }
    const state = this.exit === undefined ? 'is not ready' : `ended with ${this.exit}`;
    await this.end();
    if (this.#startFault !== undefined) throw this.#startFault;
    throw new Error(`the process ${state}: ${this.child.spawnargs.join(' ')}\n${this.output}`);
  }
}

/**
 * What Node is given to run a program of this project, named by its path without ending
 * (`loadgen/main`): built where this file is, compiled where a run of vitest did that
 * (`test/support/compiled-sources.ts`), else from its source.
 */
export function programArgs(name: string): string[] {
  const compiled = process.env.COMPILED_SOURCES;
  if (!IS_BUILT && compiled !== undefined && name.startsWith('src/')) {
    return [fileURLToPath(new URL(`${name}.js`, compiled))];
  }
  const path = fileURLToPath(new URL(`../${name}.${IS_BUILT ? 'js' : 'ts'}`, import.meta.url));
  return IS_BUILT ? [path] : ['--import', import.meta.resolve('tsx'), path];
}

/**
 * What Node is given to load a module of this project before a program, in all of its threads.
 *
 * @param parameters added to the module's address
 */
export function preloadArgs(name: string, parameters: Readonly<Record<string, string>>): string[] {
  const module = new URL(`../${name}.${IS_BUILT ? 'js' : 'ts'}`, import.meta.url);
  for (const [key, value] of Object.entries(parameters)) module.searchParams.set(key, value);
  if (IS_BUILT) return ['--import', module.href];
  const loader = new URL('../scripts/ts-preload.mjs', import.meta.url);
  loader.searchParams.set('module', module.href);
  return ['--import', loader.href];
}

/** Starts such a program with a channel for messages. */
export function forkProgram(
  name: string,
  args: readonly string[] = [],
  options: ForkOptions = {},
): ChildProcess {
  const command = programArgs(name);
  return fork(command.at(-1) as string, args, { execArgv: command.slice(0, -1), ...options });
}

/**
 * Asks a process, by a message, and returns its next message. Calls must not overlap.
 *
 * @throws Error when it answers `failed`, or ends instead
 */
export function call<Reply extends { readonly call: string }>(
  child: ChildProcess,
  request: object,
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const settle = () => {
      child.off('message', onMessage);
      child.off('exit', onExit);
    };
    const onMessage = (reply: Reply & { readonly message?: string }) => {
      settle();
      if (reply.call === 'failed') reject(new Error(reply.message));
      else resolve(reply);
    };
    const onExit = () => {
      settle();
      reject(new Error(`the process ended with ${child.exitCode ?? child.signalCode}`));
    };
    child.on('message', onMessage);
    child.on('exit', onExit);
    child.send(request, (error) => {
      if (error !== null) onExit();
    });
  });
}

/** The path of a built program, also where this file runs from its source. */
export function builtProgram(name: string): string {
  return fileURLToPath(new URL(`../${IS_BUILT ? '' : 'dist/'}${name}.js`, import.meta.url));
}

/** A port of 127.0.0.1 that nothing listens on: the preferred one where it is free. */
export async function freePort(preferred = 0): Promise<number> {
  const probe = createServer().listen(preferred, '127.0.0.1');
  try {
    await once(probe, 'listening');
  } catch {
    return freePort();
  }
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** Whether something listens on a port of this machine. */
export function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
