import { readdirSync, readFileSync } from 'node:fs';

/** Clock ticks a second in /proc: 100 on every Linux of today. */
const MS_PER_CLOCK_TICK = 10;
const NS_PER_MS = 1e6;
const KIB = 1024;

/**
 * CPU time of a process since its start, user and system, all threads, ms. To the nanosecond where the kernel keeps
 * `schedstat`, else to 10 ms.
 *
 * @throws Error when there is no such process, or no /proc
 */
export function readCpuMs(pid: number): number {
  const tasks = `/proc/${pid}/task`;
  let nanoseconds = 0;
  for (const task of readdirSync(tasks)) {
    const ran = readIfThere(`${tasks}/${task}/schedstat`);
    if (ran === undefined) return readStatMs(pid);
    nanoseconds += Number(ran.split(' ', 1)[0]);
  }
  return nanoseconds / NS_PER_MS;
}

/**
 * Memory of a process, bytes: its proportional set size (pages shared with other processes count in part), from
 * `smaps_rollup`.
 *
 * @throws Error when there is no such process, or no /proc
 */
export function readMemoryBytes(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  return Number(/^Pss:\s+(\d+) kB$/m.exec(rollup)?.[1]) * KIB;
}

function readStatMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The second field, the name, may hold anything: count from the bracket that closes it. utime is 14th, stime 15th.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * MS_PER_CLOCK_TICK;
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
