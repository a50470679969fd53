import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const HOST = '127.0.0.1';
const START_TIMEOUT_MS = 15_000;
const STOP_TIMEOUT_MS = 5000;
const POLL_MS = 20;
/** The end of a server's output that is kept, characters. */
const OUTPUT_MAX = 4000;

/** How a server program of ours says that it takes connections, and on which port. */
const READY = /^ready (\d+)$/m;

/** A server that is not a program of bench/servers: what to run, and how to tell that it is ready. */
export interface ServerCommand {
  readonly command: string;
  /** The arguments, given the free port that was found for it. */
  readonly args: (port: number) => readonly string[];
  /** Whether it is ready; asked again and again. Without it: whether it accepts a TCP connection. */
  readonly isReady?: (port: number) => Promise<boolean>;
}

/**
 * The path of a built program, named from the project's directory without its ending (`bench/servers/ws`): child
 * processes run from dist even where this file itself runs as it is written.
 */
export function builtProgram(name: string): string {
  const root = import.meta.url.endsWith('.ts') ? '../../dist/' : '../../';
  return fileURLToPath(new URL(`${root}${name}.js`, import.meta.url));
}

/** A server in a process of its own, on a free port of 127.0.0.1; it never outlives this process. */
export class ChildServer {
  readonly host = HOST;
  readonly #child: ChildProcess;
  readonly #kill = () => this.#child.kill('SIGKILL');
  #port: number;
  #output = '';
  #startFault: Error | undefined;

  /**
   * Starts a server program of ours: `bench/servers/NAME`, which finds a port itself and writes `ready PORT`.
   *
   * @throws Error with the end of its output when it ends or is not ready in time
   */
  static async startOwn(name: string, args: readonly string[] = []): Promise<ChildServer> {
    const program = builtProgram(`bench/servers/${name}`);
    const server = new ChildServer(process.execPath, [program, ...args], 0);
    await server.#waitUntil(async () => {
      server.#port = Number(READY.exec(server.#output)?.[1] ?? 0);
      return server.#port !== 0;
    });
    return server;
  }

  /**
   * Starts any other server, on a free port that it is told.
   *
   * @throws Error with the end of its output when it ends or is not ready in time
   */
  static async start({ command, args, isReady = accepts }: ServerCommand): Promise<ChildServer> {
    const port = await freePort();
    const server = new ChildServer(command, args(port), port);
    await server.#waitUntil(() => isReady(port));
    return server;
  }

  private constructor(command: string, args: readonly string[], port: number) {
    this.#port = port;
    this.#child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child.once('error', (error) => {
      this.#startFault = error;
    });
    process.once('exit', this.#kill);
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output = (this.#output + text).slice(-OUTPUT_MAX);
      });
    }
  }

  get port(): number {
    return this.#port;
  }

  /** Of the process that was started. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** The end of what it wrote. */
  get output(): string {
    return this.#output;
  }

  /** The exit code or the signal's name; undefined while it runs. */
  get ending(): number | string | undefined {
    return this.#child.exitCode ?? this.#child.signalCode ?? undefined;
  }

  /** Asks it to end (SIGTERM), and ends it after 5 s if it did not. */
  async stop(): Promise<void> {
    if (this.#startFault === undefined && this.ending === undefined) {
      const exit = once(this.#child, 'exit');
      this.#child.kill('SIGTERM');
      const timer = setTimeout(this.#kill, STOP_TIMEOUT_MS);
      await exit;
      clearTimeout(timer);
    }
    process.off('exit', this.#kill);
  }

  async #waitUntil(isReady: () => Promise<boolean>): Promise<void> {
    const deadline = performance.now() + START_TIMEOUT_MS;
    while (performance.now() < deadline) {
      if (this.#startFault !== undefined || this.ending !== undefined) break;
      if (await isReady()) return;
      await sleep(POLL_MS);
    }
    const state = this.ending === undefined ? 'is not ready' : `ended with ${this.ending}`;
    await this.stop();
    if (this.#startFault !== undefined) throw this.#startFault;
    const command = this.#child.spawnargs.join(' ');
    throw new Error(`the server ${state}: ${command}\n${this.#output}`);
  }
}

/** A port of 127.0.0.1 that nothing listens on at this moment. */
async function freePort(): Promise<number> {
  const probe = createServer().listen(0, HOST);
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, HOST, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
