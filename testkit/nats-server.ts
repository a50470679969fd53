import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, isListening, ManagedProcess } from './managed-process.ts';

/** Names the program's file, where it is not on the PATH. */
const VARIABLE = 'NATS_SERVER';
const FOLDERS = ['', '/usr/sbin/', '/usr/local/sbin/', '/usr/local/bin/'];
/** The oldest version with what a cluster needs. */
const VERSION_MIN = [2, 12] as const;
const TIMEOUT_MS = 5000;

/** How to get it. */
export const NATS_SOURCE =
  'nats-server 2.12 or newer: https://nats.io/download, or ' +
  `go install github.com/nats-io/nats-server/v2@latest; ${VARIABLE} may name its file`;

/** The command of a nats-server that is new enough; undefined if none is installed. */
export async function findNatsServer(): Promise<string | undefined> {
  const named = process.env[VARIABLE];
  const commands = named ? [named] : FOLDERS.map((folder) => `${folder}nats-server`);
  for (const command of commands) {
    const version = /v(\d+)\.(\d+)/.exec(await natsVersion(command));
    if (version === null) continue;
    const [major, minor] = [Number(version[1]), Number(version[2])];
    if (major > VERSION_MIN[0] || (major === VERSION_MIN[0] && minor >= VERSION_MIN[1])) {
      return command;
    }
  }
  return undefined;
}

/** What a nats-server says that it is; empty where it does not start. */
export function natsVersion(command: string): Promise<string> {
  return new Promise((resolve) => {
    execFile(command, ['--version'], { timeout: TIMEOUT_MS }, (_error, stdout) => resolve(stdout));
  });
}

/** One of a group of NATS servers on this machine. */
interface Broker {
  readonly port: number;
  readonly configFile: string;
  process: ManagedProcess;
}

/** NATS servers with JetStream on this machine: one, or several that keep each log together. */
export class NatsServers {
  readonly #command: string;
  readonly #folder: string;
  readonly #brokers: Broker[] = [];

  private constructor(command: string, folder: string) {
    this.#command = command;
    this.#folder = folder;
  }

  /**
   * Starts some, and waits until they take connections; several elect a leader meanwhile.
   *
   * @param settings of their configuration, besides
   * @throws Error with the end of their output if they do not start
   */
  static async start(command: string, count = 1, settings = ''): Promise<NatsServers> {
    const folder = mkdtempSync(join(tmpdir(), 'tickwire-nats-'));
    const servers = new NatsServers(command, folder);
    const ports = await freePorts(2 * count);
    const routes = ports.slice(count).map((port) => `nats://127.0.0.1:${port}`);
    for (let i = 0; i < count; i++) {
      const configFile = join(folder, `${i}.conf`);
      const group =
        count === 1
          ? ''
          : `cluster { name: group, listen: "127.0.0.1:${ports[count + i]}", ` +
            `routes: ${JSON.stringify(routes)} }\n`;
      writeFileSync(
        configFile,
        `listen: "127.0.0.1:${ports[i]}"\nserver_name: "n${i}"\n` +
          `jetstream { store_dir: "${join(folder, String(i))}", sync_interval: always }\n${group}` +
          settings,
      );
      const port = ports[i] as number;
      servers.#brokers.push({ port, configFile, process: servers.#run(configFile) });
    }
    try {
      await Promise.all(servers.#brokers.map((_, i) => servers.#listening(i)));
    } catch (error) {
      await servers.stop();
      throw error;
    }
    return servers;
  }

  /** For `cluster.servers`. */
  get addresses(): string {
    return this.#brokers.map(({ port }) => `nats://127.0.0.1:${port}`).join(',');
  }

  /** Ids of their processes. */
  get pids(): readonly number[] {
    return this.#brokers.map(({ process }) => process.pid);
  }

  /** Kills one of them. */
  async kill(index: number): Promise<void> {
    await this.#brokers[index]?.process.end();
  }

  /** Starts one again that was killed. */
  async restart(index: number): Promise<void> {
    const broker = this.#brokers[index] as Broker;
    broker.process = this.#run(broker.configFile);
    await this.#listening(index);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#brokers.map(({ process }) => process.end()));
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #run(configFile: string): ManagedProcess {
    return new ManagedProcess(this.#command, ['--config', configFile]);
  }

  #listening(index: number): Promise<void> {
    const { port, process } = this.#brokers[index] as Broker;
    return process.ready(() => isListening(port));
  }
}

/** Different free ports. */
async function freePorts(count: number): Promise<readonly number[]> {
  const ports = new Set<number>();
  while (ports.size < count) ports.add(await freePort());
  return [...ports];
}
