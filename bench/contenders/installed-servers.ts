import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { centrifugoWire } from '../wires/centrifugo.ts';
import { mqttWire } from '../wires/mqtt.ts';
import { natsWire } from '../wires/nats.ts';
import { ChildServer } from './child-server.ts';
import type { Contender, RunningContender } from './contender.ts';

/** Debian installs servers outside a user's PATH. */
const FOLDERS = ['', '/usr/sbin/', '/usr/local/sbin/'];
const TIMEOUT_MS = 5000;

/** A server installed on the system, started as `NAME CONFIG_FLAG FILE`. */
export interface InstalledProgram {
  readonly name: string;
  /** Environment variable that may name the program's file. */
  readonly variable?: string;
  /** How to get it. */
  readonly source: string;
  /** Flag or command that prints the version, matched by `version`. */
  readonly versionFlag: string;
  readonly version: RegExp;
  readonly configFlag: string;
  /** Ending of the configuration file. */
  readonly configEnding?: string;
  /** Configuration that listens on a port of 127.0.0.1; the folder is its own. */
  readonly config: (port: number, folder: string) => string;
}

/** The command and version; undefined where not installed. */
async function findProgram(
  program: InstalledProgram,
): Promise<{ readonly command: string; readonly version: string } | undefined> {
  const named = program.variable === undefined ? undefined : process.env[program.variable];
  const commands = named ? [named] : FOLDERS.map((folder) => folder + program.name);
  for (const command of commands) {
    const version = program.version.exec(await outputOf(command, program.versionFlag))?.[1];
    if (version !== undefined) return { command, version };
  }
  return undefined;
}

/** Output regardless of the exit code: some programs exit 1 after their help. */
function outputOf(command: string, flag: string): Promise<string> {
  return new Promise((resolve) => {
    execFile(command, [flag], { timeout: TIMEOUT_MS }, (_error, stdout, stderr) => {
      resolve(stdout + stderr);
    });
  });
}

/** A contender that relays bytes, configured in a temporary folder. */
export function installedContender(
  program: InstalledProgram,
  shown: Pick<Contender, 'name' | 'description' | 'wire'>,
): Contender {
  const { name, source } = program;
  const find = () => findProgram(program);
  return {
    ...shown,
    kinds: new Set(['fan-out']),
    unavailable: async () => ((await find()) ? undefined : `${name} is not installed (${source})`),
    version: async () => `${name} ${(await find())?.version ?? 'not installed'}`,
    start: async () => {
      const found = await find();
      if (found === undefined) throw new Error(`${name} is not installed`);
      return startConfigured(program, found.command);
    },
  };
}

async function startConfigured(
  { name, configFlag, configEnding = 'conf', config }: InstalledProgram,
  command: string,
): Promise<RunningContender> {
  const folder = mkdtempSync(join(tmpdir(), `tickwire-bench-${name}-`));
  const removeFolder = () => rmSync(folder, { recursive: true, force: true });
  const file = join(folder, `${name}.${configEnding}`);
  try {
    const server = await ChildServer.start({
      command,
      args: (port) => {
        writeFileSync(file, config(port, folder));
        return [configFlag, file];
      },
    });
    return {
      host: server.host,
      port: server.port,
      pid: server.pid,
      processed: () => Promise.resolve(undefined),
      stop: () => server.stop().finally(removeFolder),
    };
  } catch (error) {
    removeFolder();
    throw error;
  }
}

/**
 * NATS with its WebSocket listener. The TCP listener cannot be disabled, so it gets an unused port.
 * Slow-consumer limits are raised (64 MB pending, 10 s to write) so that a scheduling hiccup does
 * not end a run.
 */
export const nats = installedContender(
  {
    name: 'nats-server',
    source: 'Debian: apt-get install nats-server',
    versionFlag: '--version',
    version: /nats-server: v(\S+)/,
    configFlag: '--config',
    config: (port) => `
      host: "127.0.0.1"
      port: -1
      websocket {
        host: "127.0.0.1"
        port: ${port}
        no_tls: true
        compression: false
      }
      max_pending: 268435456
      write_deadline: "30s"
      max_connections: 100000
      max_subscriptions: 0
    `,
  },
  {
    name: 'NATS',
    description: 'passes ready bytes on by subject; written in Go, on all processors',
    wire: natsWire,
  },
);

/**
 * Mosquitto's WebSocket listener at QoS 0. Before version 2.1 that listener runs beside the main
 * event loop and may delay messages at low rates (77 ms seen): judge it by CPU time rather than
 * latency.
 *
 * It does not start with a WebSocket listener alone, so it also gets a Unix socket in its folder,
 * and keeps the user that started it to create it. Queues are unlimited so that a briefly late
 * subscriber loses nothing.
 */
export const mosquitto = installedContender(
  {
    name: 'mosquitto',
    source: 'Debian: apt-get install mosquitto',
    // No flag prints the version alone (-v: verbose); the help begins with it.
    versionFlag: '-h',
    version: /mosquitto version (\S+)/,
    configFlag: '-c',
    config: (port, folder) => `
user root
listener 0 ${folder}/unused.sock
listener ${port} 127.0.0.1
protocol websockets
socket_domain ipv4
allow_anonymous true
persistence false
max_queued_messages 0
set_tcp_nodelay true
sys_interval 0
connection_messages false
log_dest stderr
log_type error
log_type warning
`,
  },
  {
    name: 'Mosquitto',
    description: 'passes ready bytes on by topic; written in C, on one processor',
    wire: mqttWire,
  },
);

/** Sessions and channels each that no workload reaches. */
const CHANNELS_MAX = 100_000;

/** Centrifugo without tokens, history or presence: it relays what clients publish to a channel. */
export const centrifugo = installedContender(
  {
    name: 'centrifugo',
    variable: 'CENTRIFUGO',
    source: 'put its binary on the PATH, or name it by CENTRIFUGO',
    versionFlag: 'version',
    version: /Centrifugo v(\S+)/,
    configFlag: '--config',
    configEnding: 'json',
    config: (port) =>
      JSON.stringify({
        http_server: { address: '127.0.0.1', port },
        client: { insecure: true, channel_limit: CHANNELS_MAX, queue_max_size: 256 << 20 },
        channel: { max_length: 64 },
        log: { level: 'error' },
      }),
  },
  {
    name: 'Centrifugo',
    description: 'passes ready bytes on by channel, in JSON; written in Go, on all processors',
    wire: centrifugoWire,
  },
);
