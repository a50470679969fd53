import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../server-process.ts';
import { forkHere } from './fork-here.ts';
import type { LiveMemory, ServerRequest } from './server-requests.ts';

const READY_TIMEOUT_MS = 20_000;
const COLLECT_TIMEOUT_MS = 10_000;
const POLL_MS = 5;
/** The end of the server's output that is kept, characters. */
const OUTPUT_MAX = 8000;
/** What the server logs from error on; and what a killed worker makes it say. */
const ERROR_LINE = /"level":"(?:error|fatal)"/;
const DRILLED = /"the worker ended"/;
const LINE_MAX = 500;

/** How a run of the server ended. */
export interface Ending {
  /** The exit code, or the name of the signal. */
  readonly exit: number | string;
  readonly durationMs: number;
}

/** A server that is stopped, killed and started again: on the same port, with the same store. */
export class DurableServer {
  readonly port: number;
  readonly directory: string;
  output = '';
  /** Lines of its log that tell of errors, but for those that drills bring about. */
  readonly errors: string[] = [];
  readonly #flags: readonly string[];
  #child: ChildProcess | undefined;

  private constructor(port: number, directory: string, flags: readonly string[]) {
    this.port = port;
    this.directory = directory;
    this.#flags = flags;
    process.once('exit', () => this.#child?.kill('SIGKILL'));
  }

  /** Chooses a port and a directory for the store; {@link start} starts it. */
  static async create(flags: readonly string[]): Promise<DurableServer> {
    const directory = await mkdtemp(join(tmpdir(), 'tickwire-soak-'));
    return new DurableServer(await freePort(0), join(directory, 'store'), flags);
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /**
   * Starts it and waits until it is ready; returns how long that took, ms.
   *
   * @param flags of this time, beside those that it always has
   * @throws Error when it ends or is not ready in time; the message has the end of its output
   */
  async start(flags: readonly string[] = []): Promise<number> {
    const startedAt = performance.now();
    const own = [`--server.port=${this.port}`, `--store.directory=${this.directory}`];
    const all = [...own, '--log.format=json', ...this.#flags, ...flags];
    const child = forkHere('../soak-server', all, {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      // In a process group of its own, so that an interrupt from the terminal leaves it to the run.
      detached: true,
    });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      if (stream !== null)
        createInterface({ input: stream }).on('line', (line) => this.#read(line));
    }
    await this.#ready(child);
    return performance.now() - startedAt;
  }

  /** Sends a signal. */
  signal(name: NodeJS.Signals): void {
    this.#child?.kill(name);
  }

  /** Has it kill a partition worker; partitions beyond the last count from the first again. */
  killWorker(partition: number): void {
    this.#ask({ call: 'killWorker', partition });
  }

  /**
   * Has it collect the garbage of its main thread, and returns what is left.
   *
   * @throws Error when it goes meanwhile, or does not answer
   */
  async collect(): Promise<LiveMemory> {
    const child = this.#child;
    if (child?.connected !== true) throw new Error('the server is away');
    const answered = once(child, 'message', { signal: AbortSignal.timeout(COLLECT_TIMEOUT_MS) });
    this.#ask({ call: 'collect' });
    const [memory] = (await answered) as [LiveMemory];
    return memory;
  }

  /** Ends it by a signal, and waits until it is gone. */
  async end(signal: NodeJS.Signals): Promise<Ending> {
    const child = this.#child;
    const startedAt = performance.now();
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      const exited = once(child, 'exit');
      child.kill(signal);
      await exited;
    }
    const exit = child?.exitCode ?? child?.signalCode ?? 'never started';
    return { exit, durationMs: performance.now() - startedAt };
  }

  /** Ends it at once, and removes its store. */
  async remove(): Promise<void> {
    await this.end('SIGKILL');
    await rm(join(this.directory, '..'), { recursive: true, force: true });
  }

  #ask(request: ServerRequest): void {
    if (this.#child?.connected) this.#child.send(request);
  }

  #read(line: string): void {
    this.output = `${this.output}${line}\n`.slice(-OUTPUT_MAX);
    if (ERROR_LINE.test(line) && !DRILLED.test(line)) this.errors.push(line.slice(0, LINE_MAX));
  }

  async #ready(child: ChildProcess): Promise<void> {
    const readyz = `http://127.0.0.1:${this.port}/readyz`;
    const deadline = performance.now() + READY_TIMEOUT_MS;
    while (performance.now() < deadline && child.exitCode === null && child.signalCode === null) {
      const response = await fetch(readyz).catch(() => undefined);
      await response?.body?.cancel();
      if (response?.ok === true) return;
      await sleep(POLL_MS);
    }
    throw new Error(`the server is not ready (exit ${child.exitCode ?? 'none'}):\n${this.output}`);
  }
}
