import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeMachine } from '../../loadgen/machine.ts';
import { tickwireVersion } from '../../src/config/version.ts';
import { builtProgram } from '../../testkit/managed-process.ts';
import { isServing } from '../../testkit/server-process.ts';
import { type TickwireWireOptions, tickwireWire } from '../wires/tickwire.ts';
import { ChildServer } from './child-server.ts';
import type { Contender, ContenderSetting, RunningContender } from './contender.ts';

const DEFAULT_SYMBOLS_MAX = 65_536;
const CONFLATE_MS = 100;

export const tickwire = tickwireAs('Tickwire', 'statistics and anomalies, MessagePack');
export const tickwireJson = tickwireAs('Tickwire JSON', 'the same as JSON text', { json: true });
export const tickwireConflated = tickwireAs(
  `Tickwire conflateMs ${CONFLATE_MS}`,
  `the same, one message a session every ${CONFLATE_MS} ms at most`,
  { conflateMs: CONFLATE_MS },
);
export const tickwireStored: Contender = {
  ...tickwireAs('Tickwire with a store', 'the same with journal, snapshots and history on disk'),
  start: startStored,
};

function tickwireAs(name: string, description: string, options?: TickwireWireOptions): Contender {
  return {
    name,
    description,
    wire: tickwireWire(options),
    kinds: new Set(['ingest', 'fan-out']),
    unavailable: async () => undefined,
    version: async () => {
      const { commit, node } = describeMachine();
      return `Tickwire ${tickwireVersion()} (${commit}), Node ${node}`;
    },
    start: (setting) => start(setting),
  };
}

/** In a folder of its own, which the stop removes. */
async function startStored(setting: ContenderSetting): Promise<RunningContender> {
  const folder = mkdtempSync(join(tmpdir(), 'tickwire-bench-'));
  const removeFolder = () => rmSync(folder, { recursive: true, force: true });
  try {
    const server = await start(setting, folder);
    return { ...server, stop: () => server.stop().finally(removeFolder) };
  } catch (error) {
    removeFolder();
    throw error;
  }
}

/** @param directory of the store; empty: none */
async function start(setting: ContenderSetting, directory = ''): Promise<RunningContender> {
  const server = await ChildServer.start({
    command: process.execPath,
    args: (port) => [builtProgram('src/main'), ...flags(port, setting, directory)],
    isReady: isServing,
  });
  const { host, port, pid } = server;
  return { host, port, pid, processed: () => processed(port), stop: () => server.stop() };
}

/** `wait` drops nothing: all that is sent is processed. */
function flags(
  port: number,
  { symbols, conflateMs }: ContenderSetting,
  directory: string,
): string[] {
  const given = [
    `--server.port=${port}`,
    '--processing.overflow=wait',
    `--store.directory=${directory}`,
    '--log.level=warn',
  ];
  if (symbols.length > DEFAULT_SYMBOLS_MAX) {
    given.push(`--processing.maxSymbols=${2 ** Math.ceil(Math.log2(symbols.length))}`);
  }
  if (conflateMs !== undefined) given.push(`--stream.conflateMs=${conflateMs}`);
  return given;
}

async function processed(port: number): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${port}/api/statistics`);
  return ((await response.json()) as { totalProcessed: number }).totalProcessed;
}
