import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import {
  freePort,
  ManagedProcess,
  preloadArgs,
  programArgs,
} from '../../testkit/managed-process.ts';
import { isServing } from '../../testkit/server-process.ts';
import type { DiskFault } from './faults/controls.ts';
import type { LiveMemory, NumberedRequest, ServerAnswer, ServerRequest } from './server-api.ts';

const READY_TIMEOUT_MS = 60_000;
const ANSWER_TIMEOUT_MS = 10_000;
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
  /** While it has a fault: the error lines that are a part of it. They count in {@link excused}. */
  excuse: RegExp | undefined;
  excused = 0;
  /** What its wall clock is ahead, ms: {@link setClock}; a process that starts has it at once. */
  #clockOffsetMs = 0;
  #requests = 0;
  readonly #flags: readonly string[];
  #process: ManagedProcess | undefined;

  private constructor(port: number, directory: string, flags: readonly string[]) {
    this.port = port;
    this.directory = directory;
    this.#flags = flags;
  }

  /** Chooses a port and a directory for the store; {@link start} starts it. */
  static async create(flags: readonly string[]): Promise<DurableServer> {
    const directory = await realpath(await mkdtemp(join(tmpdir(), 'tickwire-soak-')));
    return new DurableServer(await freePort(), join(directory, 'store'), flags);
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  /** How its newest process ended; undefined while it runs. */
  get exit(): number | string | undefined {
    return this.#process?.exit;
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
    const faults = { store: this.directory, clock: String(this.#clockOffsetMs) };
    const preload = preloadArgs('loadgen/soak/faults/preload', faults);
    const args = [...preload, ...programArgs('loadgen/soak-server'), ...all];
    // An interrupt from the terminal leaves it to the run.
    const options = { hasChannel: true, detached: true };
    const server = new ManagedProcess(process.execPath, args, options);
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
  async killWorker(partition: number): Promise<void> {
    await this.#ask({ call: 'killWorker', partition });
  }

  /**
   * Sets its wall clock so far ahead of the machine's, ms; below 0: behind. Resolves when it is.
   *
   * @throws Error when it goes meanwhile, or does not answer
   */
  async setClock(offsetMs: number): Promise<void> {
    this.#clockOffsetMs = offsetMs;
    await this.#ask({ call: 'setClock', offsetMs });
  }

  /**
   * Has its disk fail, until it is told otherwise or ends.
   *
   * @throws Error when it goes meanwhile, or does not answer
   */
  async failDisk(fault: DiskFault): Promise<void> {
    await this.#ask({ call: 'failDisk', fault });
  }

  /**
   * Has it collect the garbage of its main thread, and returns what is left.
   *
   * @throws Error when it goes meanwhile, or does not answer
   */
  async collect(): Promise<LiveMemory> {
    const { memory } = await this.#ask({ call: 'collect' });
    return memory as LiveMemory;
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

  #ask(request: ServerRequest): Promise<ServerAnswer> {
    const child = this.#process?.child;
    if (child?.connected !== true) return Promise.reject(new Error('the server is away'));
    const id = ++this.#requests;
    return new Promise((resolve, reject) => {
      const settle = () => {
        clearTimeout(timer);
        child.off('message', onMessage);
        child.off('disconnect', onGone);
      };
      const onMessage = (answer: ServerAnswer) => {
        if (answer.id !== id) return;
        settle();
        resolve(answer);
      };
      const onGone = () => {
        settle();
        reject(new Error(`the server did not answer ${request.call}`));
      };
      const timer = setTimeout(onGone, ANSWER_TIMEOUT_MS);
      child.on('message', onMessage).on('disconnect', onGone);
      child.send({ ...request, id } satisfies NumberedRequest, (error) => {
        if (error !== null) onGone();
      });
    });
  }

  #read(line: string): void {
    if (!ERROR_LINE.test(line) || DRILLED.test(line)) return;
    if (this.excuse?.test(line)) this.excused++;
    else this.errors.push(line.slice(0, LINE_MAX));
  }
}
