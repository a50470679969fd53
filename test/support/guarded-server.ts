import { pino } from 'pino';
import { afterAll, beforeAll, expect, onTestFinished } from 'vitest';
import { parseConfig } from '../../src/config/parse-config.ts';
import type { ConfigInput } from '../../src/config/schema.ts';
import { type Server, startServer } from '../../src/server.ts';
import { SECRET, signed } from './tokens.ts';

/** What a token's `tickwire` claim may say. */
export interface Permissions {
  readonly tenant?: string;
  readonly publish?: readonly string[];
  readonly read?: readonly string[];
  readonly operator?: boolean;
}

/** A permission to do everything. */
export const EVERYTHING: Permissions = { publish: ['*'], read: ['*'], operator: true };

const ERROR_LEVEL = 50;

/** A server that demands tokens, all of whose log lines are kept. */
export class GuardedServer {
  readonly port: number;
  /** Every line, from `trace` on. */
  readonly lines: readonly string[];
  readonly #server: Server;

  private constructor(server: Server, lines: readonly string[]) {
    this.port = server.port;
    this.lines = lines;
    this.#server = server;
  }

  /** Starts one that knows {@link SECRET}; the caller stops it. */
  static async start(config: ConfigInput = {}): Promise<GuardedServer> {
    const lines: string[] = [];
    const log = pino({ level: 'trace' }, { write: (line: string) => lines.push(line) });
    const server = await startServer(
      parseConfig({
        ...config,
        auth: { jwtSecret: SECRET, clockToleranceMs: 0, ...config.auth },
        server: { port: 0, drainMs: 200, ...config.server },
        processing: { partitions: 1, maxSymbols: 8192, ...config.processing },
        store: { directory: '', ...config.store },
      }),
      log,
    );
    return new GuardedServer(server, lines);
  }

  /** Starts one that ends with its test. */
  static async startForTest(config?: ConfigInput): Promise<GuardedServer> {
    const server = await GuardedServer.start(config);
    onTestFinished(() => server.stop());
    return server;
  }

  /** One for all tests of a suite. */
  static forSuite(config?: ConfigInput): Pick<GuardedServer, 'port' | 'lines'> {
    let server: GuardedServer | undefined;
    beforeAll(async () => {
      server = await GuardedServer.start(config);
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

  /** Has it read keys again, as at a SIGHUP; it does so a moment later. */
  reload(): void {
    this.#server.reload();
  }

  /** Stops it; fails where it logged an error. */
  async stop(): Promise<void> {
    await this.#server.stop();
    expect(this.lines.filter((line) => JSON.parse(line).level >= ERROR_LEVEL)).toEqual([]);
  }
}

/** A signed token that allows this; `claims` come beside it. */
export function tokenFor(tickwire: Permissions, claims: object = {}): Promise<string> {
  return signed({ tickwire, ...claims });
}

/** The `exp` of a token that ends soon. */
export function endingIn(ms: number): { readonly exp: number } {
  return { exp: (Date.now() + ms) / 1000 };
}
