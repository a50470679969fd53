import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const START_TIMEOUT_MS = 15_000;
const STOP_TIMEOUT_MS = 10_000;
const POLL_MS = 50;
/** What `/readyz` answers while the server cannot serve. */
const NOT_READY = 503;
/** The end of the server's output that is kept, characters. */
const OUTPUT_MAX = 4000;

/**
 * A Tickwire server that belongs to this run: on a free port, with a store of its own that goes
 * with it.
 */
export class ServerProcess {
  readonly url: string;
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #directory: string;
  #output = '';

  /**
   * Starts the built server with flags, given as on a command line, and waits until it is ready. It listens on the
   * preferred port, or on any other where that one is taken.
   *
   * @throws Error when it ends or is not ready in time; the message has the end of its output
   */
  static async start(flags: string, preferredPort = 0): Promise<ServerProcess> {
    const port = await freePort(preferredPort);
    const directory = await mkdtemp(join(tmpdir(), 'tickwire-load-'));
    const given = splitFlags(flags);
    const own = [`--server.port=${port}`, `--store.directory=${directory}`];
    // What is given comes last, and wins.
    const server = new ServerProcess(port, directory, [...own, ...given]);
    try {
      await server.#ready();
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }

  private constructor(port: number, directory: string, flags: readonly string[]) {
    this.url = `ws://127.0.0.1:${port}`;
    this.#directory = directory;
    const entry = fileURLToPath(new URL('../src/main.js', import.meta.url));
    // In a process group of its own, so that an interrupt from the terminal ends the run before the
    // server.
    this.#child = spawn(process.execPath, [entry, ...flags], {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    this.pid = this.#child.pid ?? 0;
    // Whatever ends this process early must not leave the server behind.
    process.once('exit', () => this.#child.kill('SIGKILL'));
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output = (this.#output + text).slice(-OUTPUT_MAX);
      });
    }
  }

  /** The end of what the server wrote. */
  get output(): string {
    return this.#output;
  }

  /** The exit code, the signal's name, or undefined while it runs. */
  get ending(): number | string | undefined {
    return this.#child.exitCode ?? this.#child.signalCode ?? undefined;
  }

  /** Asks the server to end, and ends it if it does not; returns how it ended. */
  async stop(): Promise<number | string | undefined> {
    if (this.ending === undefined) {
      const exit = once(this.#child, 'exit');
      this.#child.kill('SIGTERM');
      const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_TIMEOUT_MS);
      await exit;
      clearTimeout(timer);
    }
    await rm(this.#directory, { recursive: true, force: true });
    return this.ending;
  }

  async #ready(): Promise<void> {
    const readyz = new URL('/readyz', this.url.replace('ws:', 'http:'));
    const deadline = performance.now() + START_TIMEOUT_MS;
    while (performance.now() < deadline && this.ending === undefined) {
      const response = await fetch(readyz).catch(() => undefined);
      await response?.body?.cancel();
      if (response !== undefined && response.status !== NOT_READY) return;
      await sleep(POLL_MS);
    }
    const state = this.ending === undefined ? 'is not ready' : `ended with ${this.ending}`;
    throw new Error(`the server ${state}:\n${this.#output}`);
  }
}

/** A port that nobody listens on: the preferred one where it is free. */
export async function freePort(preferred: number): Promise<number> {
  const probe = createServer().listen(preferred, '127.0.0.1');
  try {
    await once(probe, 'listening');
  } catch {
    return freePort(0);
  }
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** The words of a command line; quotes keep white space. */
export function splitFlags(text: string): string[] {
  const words = text.match(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g) ?? [];
  return words.map((word) => word.replace(/"([^"]*)"|'([^']*)'/g, '$1$2'));
}
