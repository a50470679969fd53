import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { builtProgram, freePort, ManagedProcess } from '../testkit/managed-process.ts';
import { isServing } from '../testkit/server-process.ts';

/** A Tickwire server that belongs to this run, with a store of its own that goes with it. */
export class OwnServer extends ManagedProcess {
  readonly url: string;
  readonly #directory: string;

  /**
   * Starts the built server with flags and waits until it is ready. It listens on the preferred
   * port, or on any other where that one is taken.
   *
   * @throws Error when it ends or is not ready in time; the message has the end of its output
   */
  static async start(flags: readonly string[], preferredPort = 0): Promise<OwnServer> {
    const port = await freePort(preferredPort);
    const server = new OwnServer(port, await mkdtemp(join(tmpdir(), 'tickwire-load-')), flags);
    try {
      await server.ready(() => isServing(port));
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }

  private constructor(port: number, directory: string, flags: readonly string[]) {
    const own = [`--server.port=${port}`, `--store.directory=${directory}`];
    // What is given comes last, and wins.
    const args = [builtProgram('src/main'), ...own, ...flags];
    // An interrupt from the terminal ends the run before the server.
    super(process.execPath, args, { detached: true });
    this.url = `ws://127.0.0.1:${port}`;
    this.#directory = directory;
  }

  /** Asks it to end, kills it where it does not, and removes its store. */
  override async stop(): Promise<void> {
    await super.stop();
    await rm(this.#directory, { recursive: true, force: true });
  }
}

/** The words of a command line; quotes keep white space. */
export function splitFlags(text: string): string[] {
  const words = text.match(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g) ?? [];
  return words.map((word) => word.replace(/"([^"]*)"|'([^']*)'/g, '$1$2'));
}
