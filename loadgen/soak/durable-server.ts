import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { freePort, ManagedProcess, programArgs } from '../../testkit/managed-process.ts';
import { isServing } from '../../testkit/server-process.ts';
import type { LiveMemory, ServerRequest } from './server-api.ts';

const READY_TIMEOUT_MS = 20_000;
const COLLECT_TIMEOUT_MS = 10_000;
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
  /** Lines of its log that tell of errors, but for those that drills bring about. */
  readonly errors: string[] = [];
  readonly #flags: readonly string[];
  #process: ManagedProcess | undefined;

  private constructor(port: number, directory: string, flags: readonly string[]) {
    this.port = port;
    this.directory = directory;
    this.#flags = flags;
  }

  /** Chooses a port and a directory for the store; {@link start} starts it. */
  static async create(flags: readonly string[]): Promise<DurableServer> {
    const directory = await mkdtemp(join(tmpdir(), 'tickwire-soak-'));
    return new DurableServer(await freePort(), join(directory, 'store'), flags);
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  /** The end of what its newest process wrote. */
  get output(): string {
    return this.#process?.output ?? '';
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
    const args = [...programArgs('loadgen/soak-server'), ...all];
    // An interrupt from the terminal leaves it to the run.
    const server = new ManagedProcess(process.execPath, args, { hasChannel: true, detached: true });
    this.#process = server;
    for (const input of [server.child.stdout, server.child.stderr]) {
      if (input !== null) createInterface({ input }).on('line', (line) => this.#read(line));
    }
    await server.ready(() => isServing(this.port), READY_TIMEOUT_MS);
    return performance.now() - startedAt;
  }

  /** Sends a signal. */
  signal(name: NodeJS.Signals): void {
    this.#process?.kill(name);
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
    const child = this.#process?.child;
    if (child?.connected !== true) throw new Error('the server is away');
    const answered = once(child, 'message', { signal: AbortSignal.timeout(COLLECT_TIMEOUT_MS) });
    this.#ask({ call: 'collect' });
    const [memory] = (await answered) as [LiveMemory];
    return memory;
  }

  /** Ends it by a signal, and waits until it is gone. */
  async end(signal: NodeJS.Signals): Promise<Ending> {
    const startedAt = performance.now();
    this.#process?.kill(signal);
    const exit = (await this.#process?.exited) ?? 'never started';
    return { exit, durationMs: performance.now() - startedAt };
  }

  /** Ends it at once, and removes its store. */
  async remove(): Promise<void> {
    await this.end('SIGKILL');
    await rm(join(this.directory, '..'), { recursive: true, force: true });
  }

  #ask(request: ServerRequest): void {
    const child = this.#process?.child;
    if (child?.connected) child.send(request);
  }

  #read(line: string): void {
    if (ERROR_LINE.test(line) && !DRILLED.test(line)) this.errors.push(line.slice(0, LINE_MAX));
  }
}
