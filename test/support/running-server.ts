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
 * Declares a suite for the default transport, the other, or both, according to the lane. Skips uws
 * where its binary does not load, but not in CI.
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

/** An in-process server whose log must stay free of errors. */
export interface TestServer extends Omit<Server, 'stop'> {
  stop(): Promise<void>;
  /** Log lines. */
  readonly lines: readonly string[];
  /** Error lines. */
  readonly faults: readonly string[];
}

export interface TestServerOptions {
  /** The page's folder; the built one by default. */
  readonly publicFolder?: string;
  /** Lowest level recorded; `error` by default. */
  readonly logLevel?: 'trace' | 'error';
  /** Where sinks find their secrets. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts an in-process server on a free port. The caller stops it. */
export async function startTestServer(
  config: ConfigInput = {},
  { publicFolder, logLevel = 'error', env }: TestServerOptions = {},
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
    env,
  );
  return {
    ...server,
    lines,
    faults,
    stop: async () => {
      await server.stop();
      if (faults.length > 0) throw new Error(`the server logged: ${faults.join('')}`);
    },
  };
}

/** A server stopped at the end of the test. */
export async function serverForTest(
  config: ConfigInput = {},
  options: TestServerOptions = {},
): Promise<TestServer> {
  const server = await startTestServer(config, options);
  onTestFinished(() => server.stop());
  return server;
}

/** A server for a whole suite. */
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

/** A server in a child process, which may fail to start; killed at the end of the test. */
export function spawnServerForTest(flags: readonly string[]): ServerProcess {
  const server = new ServerProcess(flags);
  onTestFinished(async () => {
    await server.end();
  });
  return server;
}

/** The same with a small configuration, once it listens. */
export async function serverProcessForTest(flags: readonly string[] = []): Promise<ServerProcess> {
  const server = spawnServerForTest([...SMALL, ...flags]);
  await server.listening();
  return server;
}
