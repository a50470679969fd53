import { readFileSync } from 'node:fs';
import { loadUws } from '../../src/gateway/transport/uws-loader.ts';
import { recordsWire } from '../wires/records.ts';
import { socketIoWire } from '../wires/socket-io.ts';
import { tickwireWire } from '../wires/tickwire.ts';
import { ChildServer } from './child-server.ts';
import type { Contender, RunningContender } from './contender.ts';

/** Starts a program of bench/servers; each serves its processed count at `/processed`. */
async function startOwnServer(
  name: string,
  args: readonly string[] = [],
): Promise<RunningContender> {
  const server = await ChildServer.startOwn(name, args);
  const { host, port, pid } = server;
  return {
    host,
    port,
    pid,
    processed: async () => {
      const response = await fetch(`http://${host}:${port}/processed`);
      return Number(await response.text());
    },
    stop: () => server.stop(),
  };
}

/** Why uWebSockets.js does not run here; undefined if it does. */
async function withoutUws(): Promise<string | undefined> {
  const load = loadUws();
  return load.loaded ? undefined : `uWebSockets.js: ${load.reasons.join('; ')}`;
}

/** `name 1.2.3` of an installed package; the name alone if not installed. */
function packageVersion(name: string): string {
  let folder = new URL('.', import.meta.url);
  for (;;) {
    const version = versionIn(new URL(`node_modules/${name}/package.json`, folder));
    if (version !== undefined) return `${name} ${version}`;
    const parent = new URL('..', folder);
    if (parent.href === folder.href) return name;
    folder = parent;
  }
}

function versionsOf(...names: readonly string[]): string {
  return [...names.map(packageVersion), `Node ${process.version}`].join(', ');
}

function versionIn(file: URL): string | undefined {
  try {
    return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
  } catch {
    return undefined;
  }
}

/** Servers on uWebSockets.js. */
const onUws = {
  unavailable: withoutUws,
  version: async () => versionsOf('uWebSockets.js'),
} as const;

/** Honest baseline: a single-threaded script. */
export const inline: Contender = {
  ...onUws,
  name: 'inline (uWebSockets.js + msgpackr)',
  description:
    'one thread: decodes, keeps the same statistics in plain objects, publishes each tick natively',
  wire: tickwireWire({ hasWelcome: false }),
  kinds: new Set(['ingest', 'fan-out']),
  version: async () => versionsOf('uWebSockets.js', 'msgpackr'),
  start: () => startOwnServer('inline'),
};

/** The same without publishing to nobody: decoding and arithmetic remain. */
export const inlineHeardOnly: Contender = {
  ...inline,
  name: 'inline, heard only',
  description: 'the same, but publishes only symbols with subscribers',
  kinds: new Set(['ingest']),
  start: () => startOwnServer('inline', ['heard-only']),
};

/** Upper bound: what uWebSockets.js itself can do. */
export const ceiling: Contender = {
  ...onUws,
  name: 'ceiling (uWebSockets.js)',
  description: 'native publish of ready bytes, one message an update; nothing is computed',
  wire: recordsWire,
  kinds: new Set(['fan-out']),
  start: () => startOwnServer('ceiling'),
};

/** Least work of a batching server: the reference for delivery latency. */
export const relay: Contender = {
  ...onUws,
  name: 'relay (uWebSockets.js)',
  description:
    'forwards what a publisher message holds for a session as one message, at once; ' +
    'computes nothing',
  wire: recordsWire,
  kinds: new Set(['fan-out']),
  start: () => startOwnServer('relay'),
};

const tickwireFrames = tickwireWire({ hasWelcome: false });

/** Ingest floor. Publishers declare no aliases: every counted message holds ticks. */
export const counter: Contender = {
  ...onUws,
  name: 'counter (uWebSockets.js)',
  description:
    "counts messages and does not look inside; takes the very bytes of Tickwire's publishers",
  wire: { ...tickwireFrames, publisher: () => tickwireFrames.publisher({ symbols: [] }) },
  kinds: new Set(['ingest']),
  start: () => startOwnServer('counter'),
};

/** Node's most used WebSocket package. */
export const ws: Contender = {
  name: 'ws',
  description: 'one `send` of ready bytes an update and subscriber; nothing is computed',
  wire: recordsWire,
  kinds: new Set(['fan-out']),
  unavailable: async () => undefined,
  version: async () => versionsOf('ws'),
  start: () => startOwnServer('ws'),
};

/** The most used WebSocket framework, on its bundled `ws`. */
export const socketIo: Contender = {
  name: 'socket.io',
  description: 'passes ready bytes on by room, an attachment each; nothing is computed',
  wire: socketIoWire,
  kinds: new Set(['fan-out']),
  // A version follows the name only where the package is installed.
  unavailable: async () =>
    versionsOf('socket.io').startsWith('socket.io ')
      ? undefined
      : 'socket.io is not installed (npm install)',
  version: async () => versionsOf('socket.io'),
  start: () => startOwnServer('socket-io'),
};
