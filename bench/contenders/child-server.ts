import { connect } from 'node:net';
import { builtProgram, freePort, ManagedProcess } from '../../testkit/managed-process.ts';

const HOST = '127.0.0.1';
const START_TIMEOUT_MS = 15_000;

/** How a server program of ours says that it takes connections, and on which port. */
const READY = /^ready (\d+)$/m;

/**
 * A server that is not a program of bench/servers: what to run, and how to tell that it is ready.
 */
export interface ServerCommand {
  readonly command: string;
  /** The arguments, given the free port that was found for it. */
  readonly args: (port: number) => readonly string[];
  /**
   * Whether it is ready; asked again and again. Without it: whether it accepts a TCP connection.
   */
  readonly isReady?: (port: number) => Promise<boolean>;
}

/** A server in a process of its own, on a free port of 127.0.0.1. */
export class ChildServer extends ManagedProcess {
  readonly host = HOST;
  port = 0;

  /**
   * Starts a server program of ours: `bench/servers/NAME`, which finds a port itself and writes
   * `ready PORT`.
   *
   * @throws Error with the end of its output when it ends or is not ready in time
   */
  static async startOwn(name: string, args: readonly string[] = []): Promise<ChildServer> {
    const program = builtProgram(`bench/servers/${name}`);
    const server = new ChildServer(process.execPath, [program, ...args]);
    await server.ready(() => {
      server.port = Number(READY.exec(server.output)?.[1] ?? 0);
      return server.port !== 0;
    }, START_TIMEOUT_MS);
    return server;
  }

  /**
   * Starts any other server, on a free port that it is told.
   *
   * @throws Error with the end of its output when it ends or is not ready in time
   */
  static async start({ command, args, isReady = accepts }: ServerCommand): Promise<ChildServer> {
    const port = await freePort();
    const server = new ChildServer(command, args(port));
    server.port = port;
    await server.ready(() => isReady(port), START_TIMEOUT_MS);
    return server;
  }
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
