import { ManagedProcess, type ProcessOptions, programArgs } from './managed-process.ts';

/** Flags of a server with one partition on a free port. */
export const SMALL = ['--server.port=0', '--processing.partitions=1'];

/** A Tickwire server in a process of its own, which logs JSON and has no store unless told to. */
export class ServerProcess extends ManagedProcess {
  #port = 0;

  /** @param flags behind the defaults: the last of a name counts */
  constructor(flags: readonly string[], options: ProcessOptions = {}) {
    const args = [...programArgs('src/main'), '--log.format=json', '--store.directory=', ...flags];
    super(process.execPath, args, { env: { PATH: process.env.PATH }, ...options });
  }

  /** Starts one with one partition on a free port, and waits until it listens. */
  static async start(flags: readonly string[] = []): Promise<ServerProcess> {
    const server = new ServerProcess([...SMALL, ...flags]);
    await server.listening();
    return server;
  }

  /** @throws Error with the end of its output when it ends or does not listen in time */
  listening(): Promise<void> {
    return this.ready(() => this.port !== 0);
  }

  /** The port that it listens on; 0 until it does. */
  get port(): number {
    this.#port ||= Number(/"url":"https?:\/\/[^"]*:(\d+)"/.exec(this.output)?.[1] ?? 0);
    return this.#port;
  }
}

/** Whether a server on this machine says that it is ready; one that asks for a token is, too. */
export async function isServing(port: number): Promise<boolean> {
  const response = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined);
  await response?.body?.cancel();
  return response !== undefined && response.status !== 503;
}
