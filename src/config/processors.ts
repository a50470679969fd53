import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/** More partitions than this must be asked for: each costs memory, and wake-ups at low rates. */
const PARTITIONS_AUTO_MAX = 16;

/** Reads a file of the system; undefined if there is none. */
type ReadFile = (path: string) => string | undefined;

/** The partitions of `processing.partitions`: 0 means the processors that this process may use. */
export function partitionCount(configured: number): number {
  return configured || Math.min(usableProcessors(), PARTITIONS_AUTO_MAX);
}

/**
 * The processors that this process may use, at least 1: those it may be scheduled on, or the CPU
 * quota of its control group, rounded up, if that is less.
 */
export function usableProcessors(
  available = availableParallelism(),
  readFile: ReadFile = readIfPresent,
): number {
  return Math.max(1, Math.min(available, Math.ceil(cpuQuota(readFile))));
}

/**
 * The least CPU quota of the process's control group and those above it, in processors; Infinity
 * without one.
 *
 * Sources: kernel.org, "Control Group v2" (cpu.max) and "CFS Bandwidth Control" (v1).
 */
export function cpuQuota(readFile: ReadFile = readIfPresent): number {
  let least = Number.POSITIVE_INFINITY;
  for (const line of (readFile('/proc/self/cgroup') ?? '').split('\n')) {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (controllers === undefined || path === undefined) continue;
    if (controllers === '') {
      for (const folder of withParents('/sys/fs/cgroup', path)) {
        const [quota, period] = (readFile(`${folder}/cpu.max`) ?? '').split(' ');
        least = Math.min(least, ratio(quota, period));
      }
    } else if (controllers.split(',').includes('cpu')) {
      for (const folder of withParents(`/sys/fs/cgroup/${controllers}`, path)) {
        const quota = readFile(`${folder}/cpu.cfs_quota_us`);
        least = Math.min(least, ratio(quota, readFile(`${folder}/cpu.cfs_period_us`)));
      }
    }
  }
  return least;
}

/** Infinity unless both are numbers above 0: "max" and -1 mean no quota. */
function ratio(quota: string | undefined, period: string | undefined): number {
  const processors = Number(quota) / Number(period);
  return processors > 0 && Number.isFinite(processors) ? processors : Number.POSITIVE_INFINITY;
}

/** The folder of a control group and those of the groups above it. In a container: the root. */
function withParents(root: string, path: string): string[] {
  const names = path.split('/').filter((name) => name !== '');
  return [root, ...names.map((_, i) => `${root}/${names.slice(0, i + 1).join('/')}`)];
}

function readIfPresent(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
