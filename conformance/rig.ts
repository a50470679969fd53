import { monitorEventLoopDelay } from 'node:perf_hooks';
import { type ScriptedConnection, ScriptedServer } from '../testkit/scripted-server.ts';
import { ServerProcess, SMALL } from '../testkit/server-process.ts';
import { TcpProxy } from '../testkit/tcp-proxy.ts';
import { delay } from '../testkit/until.ts';
import type { Role } from './client.ts';
import { Client, type ConnectOptions, type SubscribeOptions } from './client.ts';
import { Broken } from './expect.ts';
import { ScriptedMarket } from './scripted/market.ts';
import { type PublishOptions, PublishSession } from './scripted/publish-session.ts';
import { type StreamOptions, StreamSession } from './scripted/stream-session.ts';

/** How long a client may take for what it does at once, and for a wait before it reconnects, ms. */
export interface Patience {
  readonly patienceMs: number;
}

/** What a check works with: clients, scripted servers and real ones. All end with it. */
export class Rig implements AsyncDisposable {
  readonly patienceMs: number;
  readonly market = new ScriptedMarket();
  readonly #command: string;
  readonly #ends: (() => unknown)[] = [];

  constructor(command: string, { patienceMs }: Patience) {
    this.#command = command;
    this.patienceMs = patienceMs;
  }

  /** A client that is not connected. */
  client(): Client {
    const client = new Client(this.#command, this.patienceMs);
    this.#ends.push(() => client.process.kill());
    return client;
  }

  async server(port = 0): Promise<ScriptedServer> {
    const server = await withPort(() => ScriptedServer.start(port));
    this.#ends.push(() => server.stop());
    return server;
  }

  /** A client that connects to a scripted server of its own. */
  async pair(
    role: Role,
    options: ConnectOptions = {},
  ): Promise<{ readonly client: Client; readonly server: ScriptedServer }> {
    const server = await this.server();
    const client = this.client();
    await client.connect(role, server.url, options);
    return { client, server };
  }

  /** The next connection of a scripted server. @throws Broken if none comes in time */
  connection(server: ScriptedServer): Promise<ScriptedConnection> {
    return this.within(server.connection(), 'a connection');
  }

  /** Serves the next connection as a stream. */
  async stream(server: ScriptedServer, options: StreamOptions = {}): Promise<StreamSession> {
    const connection = await this.connection(server);
    return new StreamSession(connection, this.market, this.patienceMs, options);
  }

  /** Serves the next connection as that of a publisher. */
  async publishing(server: ScriptedServer, options: PublishOptions = {}): Promise<PublishSession> {
    const connection = await this.connection(server);
    return new PublishSession(connection, this.patienceMs, options);
  }

  /** A subscriber of the patterns in its first session, which all are answered. */
  async subscriber(
    patterns: readonly string[],
    options: StreamOptions = {},
    asked: SubscribeOptions & { readonly connect?: ConnectOptions } = {},
  ): Promise<{
    readonly client: Client;
    readonly server: ScriptedServer;
    readonly session: StreamSession;
  }> {
    const { connect, ...subscribe } = asked;
    const { client, server } = await this.pair('subscriber', connect);
    const subscribing = later(client.subscribe(patterns, subscribe));
    const session = await this.stream(server, options);
    await session.subscribed(...patterns);
    await subscribing;
    return { client, server, session };
  }

  /** A Tickwire server, on a free port or on one that another held before. */
  async realServer(flags: readonly string[] = [], port = 0): Promise<ServerProcess> {
    return withPort(async () => {
      const server = new ServerProcess([...SMALL, `--server.port=${port}`, ...flags]);
      this.#ends.push(() => server.end());
      await server.listening();
      return server;
    });
  }

  async proxy(targetPort: number): Promise<TcpProxy> {
    const proxy = await TcpProxy.start(targetPort);
    this.#ends.push(() => proxy.close());
    return proxy;
  }

  /** Has something done at the end of the check. */
  defer(end: () => unknown): void {
    this.#ends.push(end);
  }

  /** What a promise brings. @throws Broken if it does not in time */
  async within<Value>(
    promise: Promise<Value>,
    what: string,
    timeoutMs = this.patienceMs,
  ): Promise<Value> {
    let timer: NodeJS.Timeout | undefined;
    try {
      return await Promise.race([
        promise,
        new Promise<never>((_, reject) => {
          const late = new Broken(what, `nothing in ${timeoutMs} ms`);
          timer = setTimeout(() => reject(late), timeoutMs);
        }),
      ]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Waits for what takes several reconnects. @throws Broken if that takes too long */
  patiently<Value>(promise: Promise<Value>, what: string): Promise<Value> {
    return this.within(promise, what, PATIENT * this.patienceMs);
  }

  /**
   * Plays through what depends on time, and again if that fails while this process got no processor
   * in time: then the fault may be the machine's.
   */
  async calmly(attempt: () => Promise<void>): Promise<void> {
    for (let left = CALM_ATTEMPTS; ; left--) {
      const lag = monitorEventLoopDelay({ resolution: POLL_MS });
      lag.enable();
      try {
        await attempt();
        return;
      } catch (error) {
        if (left === 1 || lag.max / NS_PER_MS < LAG_MS_MAX) throw error;
      } finally {
        lag.disable();
      }
    }
  }

  /** Resolves after some time, unless something that must not happen does. */
  async stays(
    ms: number,
    isBroken: () => boolean,
    expected: string,
    got: () => string,
  ): Promise<void> {
    const end = performance.now() + ms;
    while (performance.now() < end) {
      if (isBroken()) throw new Broken(expected, got());
      await delay(POLL_MS);
    }
    if (isBroken()) throw new Broken(expected, got());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#ends.reverse().map((end) => end()));
  }
}

const POLL_MS = 10;
const CALM_ATTEMPTS = 5;
const PORT_ATTEMPTS = 20;
const PORT_WAIT_MS = 250;
/** Less than what the checks that depend on time tell apart, ms. */
const LAG_MS_MAX = 250;
const NS_PER_MS = 1e6;
/** Reconnects that a client may wait for, with growing waits. */
const PATIENT = 3;

/** Listens, and again while a connection of another program has the port for its own end. */
async function withPort<Server>(listen: () => Promise<Server>): Promise<Server> {
  for (let left = PORT_ATTEMPTS; ; left--) {
    try {
      return await listen();
    } catch (error) {
      if (left === 1 || !String(error).includes('EADDRINUSE')) throw error;
      await delay(PORT_WAIT_MS);
    }
  }
}

/** Resolves with the close code when a connection ends. */
export function closing(rig: Rig, connection: ScriptedConnection): Promise<number> {
  return rig.within(connection.closed, 'the end of the connection');
}

/** A promise that may fail before anybody waits for it. */
export function later<Value>(promise: Promise<Value>): Promise<Value> {
  promise.catch(() => undefined);
  return promise;
}
