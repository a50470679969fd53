import { connect } from 'node:net';
import { builtProgram, freePort, ManagedProcess } from '../../testkit/managed-process.ts';

const HOST = '127.0.0.1';
const START_TIMEOUT_MS = 15_000;

/** Printed by our server programs once they accept connections. */
const READY = /^ready (\d+)$/m;

/** A server that is not in bench/servers. */
export interface ServerCommand {
  readonly command: string;
  readonly args: (port: number) => readonly string[];
  /** Polled until true. Default: the port accepts a TCP connection. */
  readonly isReady?: (port: number) => Promise<boolean>;
}

/** A server in a process of its own, on a free port of 127.0.0.1. */
export class ChildServer extends ManagedProcess {
  readonly host = HOST;
  port = 0;

  /**
   * Starts `bench/servers/NAME`, which picks a port and prints `ready PORT`.
   *
   * @throws Error with the end of its output when it exits or is not ready in time
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
   * Starts any other server on a given free port.
   *
   * @throws Error with the end of its output when it exits or is not ready in time
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
