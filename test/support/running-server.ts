import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, onTestFinished } from 'vitest';
import { parseConfig } from '../../src/config/parse-config.ts';
import type { ConfigInput } from '../../src/config/schema.ts';
import { loadUws } from '../../src/gateway/transport/uws-loader.ts';
import { type Server, startServer } from '../../src/server.ts';
import { residentBytes } from '../../testkit/process-figures.ts';

export type TransportName = 'node' | 'uws';

const load = loadUws();
const missing = load.loaded ? '' : ` (does not load: ${load.reasons.join('; ')})`;

const DEFAULT: TransportName = load.loaded ? 'uws' : 'node';
const OTHER: TransportName = load.loaded ? 'node' : 'uws';
/** Chosen by the lane: see vitest.config.ts. */
const transports = { default: [DEFAULT], other: [OTHER], both: [DEFAULT, OTHER] }[
  process.env.TEST_TRANSPORTS ?? 'both'
];

/**
 * Declares a suite for the transport that a server takes by itself, the other, or both, as the lane
 * says. Where its binary does not load, uws is left out, but not in CI.
 */
export function onTransports(suite: (transport: TransportName) => void): void {
  for (const transport of transports ?? []) {
    const isMissing = transport === 'uws' && !load.loaded;
    describe.skipIf(isMissing && !process.env.CI)(
      `on ${transport}${isMissing ? missing : ''}`,
      () => suite(transport),
    );
  }
}

/** A server in this process, whose log must stay free of errors. */
export interface TestServer extends Server {
  readonly faults: readonly string[];
}

/**
 * Starts a server in this process on a free port. The caller stops it.
 *
 * @param publicFolder what browsers load; if not given, what was built
 */
export async function startTestServer(
  config: ConfigInput = {},
  publicFolder?: string,
): Promise<TestServer> {
  const faults: string[] = [];
  const log = pino({ level: 'error' }, { write: (line: string) => faults.push(line) });
  const server = await startServer(
    parseConfig({
      ...config,
      server: { port: 0, drainMs: 200, ...config.server },
      processing: { partitions: 1, maxSymbols: 8192, ...config.processing },
      store: { directory: '', ...config.store },
    }),
    log,
    publicFolder,
  );
  let stopped: Promise<void> | undefined;
  return {
    ...server,
    faults,
    stop: async () => {
      stopped ??= server.stop();
      await stopped;
      if (faults.length > 0) throw new Error(`the server logged: ${faults.join('')}`);
    },
  };
}

/** A server for one test, stopped when that is over. */
export async function serverForTest(
  config: ConfigInput = {},
  publicFolder?: string,
): Promise<TestServer> {
  const server = await startTestServer(config, publicFolder);
  onTestFinished(() => server.stop());
  return server;
}

/** A server for all tests of a suite. */
export function serverForSuite(config: ConfigInput = {}): { readonly port: number } {
  let server: TestServer | undefined;
  beforeAll(async () => {
    server = await startTestServer(config);
  });
  afterAll(() => server?.stop());
  return {
    get port() {
      return server?.port ?? 0;
    },
  };
}

const SMALL = ['--server.port=0', '--processing.partitions=1'];

/** A server in a process of its own, from the source. */
export class ServerProcess {
  readonly child: ChildProcessByStdio<null, Readable, Readable>;
  output = '';
  port = 0;
  /** The exit code, or the signal that ended it. */
  readonly exited: Promise<number | string>;
  exit: number | string | undefined;

  private constructor(flags: readonly string[]) {
    const main = new URL('../../src/main.ts', import.meta.url).pathname;
    const args = ['--import', 'tsx', main, '--log.format=json', '--store.directory=', ...flags];
    this.child = spawn(process.execPath, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env.PATH },
    });
    this.child.stdout.on('data', (chunk: Buffer) => this.#read(chunk));
    this.child.stderr.on('data', (chunk: Buffer) => this.#read(chunk));
    this.exited = new Promise((resolve) => {
      this.child.on('exit', (code, signal) => {
        this.exit = code ?? signal ?? 'unknown';
        resolve(this.exit);
      });
    });
  }

  /** Starts one for a test and waits until it listens; it is killed when the test is over, also if it never did. */
  static async startForTest(flags: readonly string[] = []): Promise<ServerProcess> {
    const server = ServerProcess.spawnForTest([...SMALL, ...flags]);
    await server.#listening();
    return server;
  }

  /** Starts one and waits until it listens. The caller ends it. */
  static async start(flags: readonly string[] = []): Promise<ServerProcess> {
    const server = new ServerProcess([...SMALL, ...flags]);
    await server.#listening();
    return server;
  }

  /** Starts one for a test without waiting for anything. */
  static spawnForTest(flags: readonly string[]): ServerProcess {
    const server = new ServerProcess(flags);
    onTestFinished(() => server.end());
    return server;
  }

  /** Ends it at once, in whatever state it is. */
  async end(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.exited;
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** See {@link residentBytes}. */
  rssBytes(): number {
    return residentBytes(this.child.pid ?? 0);
  }

  async #listening(): Promise<void> {
    const deadline = performance.now() + 60_000;
    while (this.port === 0) {
      if (this.exit !== undefined || performance.now() > deadline) {
        const state = this.exit === undefined ? 'in time' : `and ended with ${this.exit}`;
        throw new Error(`the server did not start ${state}: ${this.output}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  #read(chunk: Buffer): void {
    this.output += chunk.toString();
    this.port ||= Number(/"url":"https?:\/\/[^"]*:(\d+)"/.exec(this.output)?.[1] ?? 0);
  }
}
