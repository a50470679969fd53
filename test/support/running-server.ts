import { pino } from 'pino';
import { afterAll, beforeAll, describe, onTestFinished } from 'vitest';
import { parseConfig } from '../../src/config/parse-config.ts';
import type { ConfigInput } from '../../src/config/schema.ts';
import { loadUws } from '../../src/gateway/transport/uws-loader.ts';
import { type Server, startServer } from '../../src/server.ts';
import { ServerProcess, SMALL } from '../../testkit/server-process.ts';

const ERROR_LEVEL = 50;

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
  /** What it logged. */
  readonly lines: readonly string[];
  /** Of these, errors. */
  readonly faults: readonly string[];
}

export interface TestServerOptions {
  /** What browsers load; if not given, what was built. */
  readonly publicFolder?: string;
  /** From where on log lines are kept; `error` by default. */
  readonly logLevel?: 'trace' | 'error';
}

/** Starts a server in this process on a free port. The caller stops it. */
export async function startTestServer(
  config: ConfigInput = {},
  { publicFolder, logLevel = 'error' }: TestServerOptions = {},
): Promise<TestServer> {
  const lines: string[] = [];
  const faults: string[] = [];
  const write = (line: string) => {
    lines.push(line);
    if (JSON.parse(line).level >= ERROR_LEVEL) faults.push(line);
  };
  const server = await startServer(
    parseConfig({
      ...config,
      server: { port: 0, drainMs: 200, ...config.server },
      processing: { partitions: 1, maxSymbols: 8192, ...config.processing },
      store: { directory: '', ...config.store },
    }),
    pino({ level: logLevel }, { write }),
    publicFolder,
  );
  let stopped: Promise<void> | undefined;
  return {
    ...server,
    lines,
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
  options: TestServerOptions = {},
): Promise<TestServer> {
  const server = await startTestServer(config, options);
  onTestFinished(() => server.stop());
  return server;
}

/** A server for all tests of a suite. */
export function serverForSuite(
  config: ConfigInput = {},
  options: TestServerOptions = {},
): Pick<TestServer, 'port' | 'lines'> {
  let server: TestServer | undefined;
  beforeAll(async () => {
    server = await startTestServer(config, options);
  });
  afterAll(() => server?.stop());
  return {
    get port() {
      return server?.port ?? 0;
    },
    get lines() {
      return server?.lines ?? [];
    },
  };
}

/** A server in a process of its own, which need not start; it is killed when the test is over. */
export function spawnServerForTest(flags: readonly string[]): ServerProcess {
  const server = new ServerProcess(flags);
  onTestFinished(async () => {
    await server.end();
  });
  return server;
}

/** The same, small, once it listens. */
export async function serverProcessForTest(flags: readonly string[] = []): Promise<ServerProcess> {
  const server = spawnServerForTest([...SMALL, ...flags]);
  await server.listening();
  return server;
}
