import { existsSync, readdirSync, readFileSync } from 'node:fs';

/*
 * Figures of processes, from /proc (Linux). All throw where there is no such process, or no /proc.
 */

/** Clock ticks a second in /proc: 100 on every Linux of today. */
const MS_PER_CLOCK_TICK = 10;
const NS_PER_MS = 1e6;
const KIB = 1024;

/** The numbers of /proc/PID/status by name; those with a unit are in KiB. */
export function readStatus(pid: number): (name: string) => number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return (name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1]);
}

/** Resident memory, bytes. */
export function residentBytes(pid: number): number {
  return readStatus(pid)('VmRSS') * KIB;
}

/** Resident memory of all processes of a group, bytes; 0 where there is no /proc. */
export function residentBytesOfGroup(group: number): number {
  let bytes = 0;
  for (const name of existsSync('/proc/self/stat') ? readdirSync('/proc') : []) {
    if (!/^\d+$/.test(name)) continue;
    const stat = readIfThere(`/proc/${name}/stat`) ?? '';
    // Behind the name: state, parent, group.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (Number(fields[2]) === group) bytes += residentBytes(Number(name)) || 0;
  }
  return bytes;
}

/** Proportional set size, bytes: pages shared with other processes count in part. */
export function proportionalBytes(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  return Number(/^Pss:\s+(\d+) kB$/m.exec(rollup)?.[1]) * KIB;
}

/** File descriptors open now. */
export function openDescriptors(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/**
 * CPU time since the start, user and system, of all threads that live, ms: to the nanosecond where
 * the kernel keeps `schedstat`, else to 10 ms.
 */
export function preciseCpuMs(pid: number): number {
  const tasks = `/proc/${pid}/task`;
  let nanoseconds = 0;
  for (const task of readdirSync(tasks)) {
    const ran = readIfThere(`${tasks}/${task}/schedstat`);
    if (ran === undefined) return cpuMs(pid);
    nanoseconds += Number(ran.split(' ', 1)[0]);
  }
  return nanoseconds / NS_PER_MS;
}

/** CPU time since the start, of all threads ever, to 10 ms. */
export function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The second field, the name, may hold anything: count from the bracket that closes it. utime is
  // 14th, stime 15th.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * MS_PER_CLOCK_TICK;
}

/** How long the main thread was ready and waited for a processor, ms; 0 where it is not kept. */
export function processorWaitMs(pid: number): number {
  const text = readIfThere(`/proc/${pid}/schedstat`) ?? '';
  return Number(text.split(' ')[1] ?? 0) / NS_PER_MS;
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
