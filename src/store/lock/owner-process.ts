import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import type { Owner } from './claim.ts';

/** Indexes in /proc/PID/stat after the name: the state, and the start time of the process. */
const STATE = 0;
const BEGIN = 19;

/** This process, as a lock names it. */
export function describeProcess(): Pick<Owner, 'pid' | 'began' | 'realm' | 'host'> {
  return {
    pid: process.pid,
    began: beginOf(process.pid),
    realm: `${readText('/proc/sys/kernel/random/boot_id') ?? hostname()} ${readNamespace()}`,
    host: hostname(),
  };
}

/** Whether both run under one kernel, whose files and sockets are the same for both. */
export function isSameKernel(one: Pick<Owner, 'realm'>, other: Pick<Owner, 'realm'>): boolean {
  const [boot, namespace] = one.realm.split(' ');
  // Without a namespace there is no boot id either, but a host name, which others may have too.
  return namespace !== '' && namespace !== undefined && other.realm.split(' ')[0] === boot;
}

/** Whether an owner of this realm, but not of this process, still runs. */
export function isRunning(other: Owner): boolean {
  if (other.pid === process.pid) return false;
  try {
    process.kill(other.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  if (wordsOf(other.pid)?.[STATE] === 'Z') return false;
  const began = beginOf(other.pid);
  return began === undefined || other.began === undefined || began === other.began;
}

function beginOf(pid: number): string | undefined {
  return wordsOf(pid)?.[BEGIN];
}

/** Fields of /proc/PID/stat after the name, which may hold anything; undefined without /proc. */
function wordsOf(pid: number): string[] | undefined {
  const stat = readText(`/proc/${pid}/stat`);
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function readNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}
