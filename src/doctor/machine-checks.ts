import { availableParallelism, totalmem } from 'node:os';
import { cpuQuota, partitionCount } from '../config/processors.ts';
import type { Config } from '../config/schema.ts';
import { openFilesMax } from '../descriptors.ts';
import { limitation, uwsBuild } from '../gateway/transport/abilities.ts';
import { loadUws, UWS_BINARIES } from '../gateway/transport/uws-loader.ts';
import type { Finding } from './finding.ts';

const NODE_MIN = [20, 19] as const;
/** Descriptors for the store, the log, workers and requests. */
const RESERVED_DESCRIPTORS = 64;
const MIB = 1024 * 1024;
/** Less memory than this is too little for the defaults. */
const MEMORY_MIN = 256 * MIB;

export function checkNode(): Finding[] {
  const subject = 'Node';
  const found = process.version;
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const isNewEnough = major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1]);
  if (isNewEnough) return [{ verdict: 'ok', subject, found }];
  return [{ verdict: 'fault', subject, found, remedy: `use Node ${NODE_MIN.join('.')} or newer` }];
}

export function checkTransport({ server }: Config): Finding[] {
  const subject = 'transport';
  const system = `${process.platform} ${process.arch}${libc()}`;
  if (server.transport === 'node') {
    return [{ verdict: 'ok', subject, found: `node, as configured; ${system}` }];
  }
  const load = loadUws();
  if (load.loaded) {
    const found = `uws ${load.version} ${limitation(uwsBuild(load.version))}; ${system}`;
    const remedy = 'read "Unusual requests" in docs/PROXIES.md, or set server.transport=node';
    if (uwsBuild(load.version) === 'uws 20.57') return [{ verdict: 'ok', subject, found }];
    return [{ verdict: 'warning', subject, found, remedy }];
  }
  const found = `uWebSockets.js does not load on ${system}: ${load.reasons.join('; ')}`;
  return server.transport === 'uws'
    ? [{ verdict: 'fault', subject, found, remedy: `${UWS_BINARIES}; or server.transport=auto` }]
    : [{ verdict: 'warning', subject, found: `node, slower: ${found}`, remedy: UWS_BINARIES }];
}

/** The C library that decides which native binaries load. */
function libc(): string {
  const report = process.report?.getReport() as
    | { header?: { glibcVersionRuntime?: string } }
    | undefined;
  const version = report?.header?.glibcVersionRuntime;
  if (version !== undefined) return `, glibc ${version}`;
  return process.platform === 'linux' ? ', no glibc' : '';
}

export function checkDescriptors({ limits }: Config): Finding[] {
  const subject = 'descriptors';
  const most = openFilesMax();
  if (most === undefined) {
    return [{ verdict: 'ok', subject, found: 'the limit is not known on this system' }];
  }
  const needed = limits.connectionsMax + RESERVED_DESCRIPTORS;
  const found = `${most} may be open; limits.connectionsMax needs ${needed}`;
  if (most >= needed) return [{ verdict: 'ok', subject, found }];
  const remedy =
    `raise the limit (ulimit -n ${needed}; systemd: LimitNOFILE; Docker: --ulimit nofile), or ` +
    `set limits.connectionsMax=${Math.max(1, most - RESERVED_DESCRIPTORS)}`;
  return [{ verdict: 'warning', subject, found, remedy }];
}

export function checkProcessors({ processing }: Config): Finding[] {
  const subject = 'processors';
  const [available, quota] = [availableParallelism(), cpuQuota()];
  const partitions = partitionCount(processing.partitions);
  const limit = Number.isFinite(quota) ? `, CPU quota ${quota}` : '';
  const found = `${available}${limit}; ${partitions} partitions`;
  if (partitions <= Math.max(1, Math.ceil(Math.min(available, quota)))) {
    return [{ verdict: 'ok', subject, found }];
  }
  const remedy = 'set processing.partitions=0: more workers than processors only cost memory';
  return [{ verdict: 'warning', subject, found, remedy }];
}

export function checkMemory(): Finding[] {
  const subject = 'memory';
  // Node counts the limit of the control group.
  const limit = process.constrainedMemory();
  const bytes = limit > 0 && limit < totalmem() ? limit : totalmem();
  const found = `${Math.floor(bytes / MIB)} MiB`;
  if (bytes >= MEMORY_MIN) return [{ verdict: 'ok', subject, found }];
  const remedy = 'give it more, or lower processing.maxSymbols and processing.channelCapacity';
  return [{ verdict: 'warning', subject, found, remedy }];
}
