import { execFile } from 'node:child_process';
import { rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Random } from '../../../testkit/random.ts';
import type { DrillContext } from '../drill-targets.ts';
import type { DurableServer } from '../durable-server.ts';
import { DISK_ERRORS, type DiskFault, NO_DISK_FAULT } from './controls.ts';

const run = promisify(execFile);

const FAULT_MS_MIN = 500;
const FAULT_MS_MAX = 8000;
/** One fault of so many lasts longer. */
const FAULTS_PER_LONG = 6;
const LONG_MS = 20_000;
/** One server of so many is killed while its disk fails. */
const FAULTS_PER_KILL = 4;
/** After a fault the server is ready, and has saved all that waited and a snapshot, within this. */
const MENDED_MS_MAX = 10_000;
/** A fault this long must have let the server take ticks meanwhile, ms. */
const SERVES_MS = 2000;
const POLL_MS = 50;
/** A commit that was under way is over after this, ms. */
const COMMIT_MS = 250;
/** Below any page that is new in a database, above a snapshot. */
const SMALL_FILE_BYTES = 262_144;
/** Error lines that are part of the fault. */
const LOGGED = /store|snapshot|anomal/;

/** Begins a fault of the disk, and ends it. */
interface FailingDisk {
  readonly name: string;
  readonly begin: () => Promise<void>;
  readonly end: () => Promise<void>;
}

/** What was seen of faults of the disk. */
export interface DiskFindings {
  /** Faults, and how many of them `/readyz` told of. */
  faults: number;
  noticed: number;
  /** The longest time from the end of a fault until all that waited was saved, ms. */
  mendedMs: number;
}

/**
 * Has the disk of the server fail: the kernel refuses its writes (RLIMIT_FSIZE), an operation on
 * files fails or stalls, or the directory is away. Meanwhile it must go on taking ticks; afterwards
 * everything must reach the disk. Only a server killed meanwhile may lose anything: what it took
 * since the last snapshot.
 *
 * @returns what failed
 */
export async function failDisk(context: DrillContext, findings: DiskFindings): Promise<string> {
  const { server, api, random, publishers, violate } = context;
  const disk = drawFault(server, random);
  const isLong = random.below(FAULTS_PER_LONG) === 0;
  const isKilled = !context.isServerSpared && random.below(FAULTS_PER_KILL) === 0;
  const faultMs = isLong ? LONG_MS : FAULT_MS_MIN + random.below(FAULT_MS_MAX - FAULT_MS_MIN);
  const taken = () => publishers.reduce((sum, { lineage }) => sum + lineage.next, 0);
  const takenBefore = taken();
  server.excuse = LOGGED;
  const beganAt = performance.now();
  await disk.begin();
  try {
    await sleep(faultMs);
    findings.faults++;
    if (!(await api.readiness()).startsWith('200')) findings.noticed++;
    if (faultMs >= SERVES_MS && taken() === takenBefore) {
      violate(`no tick was taken for ${faultMs} ms while the disk failed: ${disk.name}`);
    }
    if (isKilled) {
      const unsavedMs = performance.now() - beganAt;
      await context.takeAway('kill', { meanwhile: disk.end, unsavedMs });
    }
  } finally {
    if (!isKilled) await disk.end();
  }
  findings.mendedMs = Math.max(findings.mendedMs, await mended(context, disk.name));
  server.excuse = undefined;
  return `disk ${disk.name}${isKilled ? ', killed meanwhile' : ''}`;
}

/** Waits until the store has saved everything; returns how long that took, ms. */
async function mended({ api, violate }: DrillContext, name: string): Promise<number> {
  const endedAt = performance.now();
  const before = await api.metrics();
  const savedBefore = before.get(SAVED) ?? 0;
  const raisedBefore = raised(before);
  let isSaved = false;
  let hasWritten = false;
  for (;;) {
    const metrics = await api.metrics();
    // Those of the last ms always wait, for their ticks' journal: once all that wait are newer than
    // the fault, those before are on disk.
    const waiting = metrics.get('tickwire_store_waiting_anomalies') ?? 0;
    hasWritten ||= raised(metrics) - waiting >= raisedBefore;
    isSaved ||= (metrics.get(SAVED) ?? 0) > savedBefore;
    const readiness = await api.readiness();
    const tookMs = performance.now() - endedAt;
    if (hasWritten && isSaved && readiness.startsWith('200')) return tookMs;
    if (tookMs > MENDED_MS_MAX) {
      const has = `${hasWritten ? '' : 'anomalies wait; '}${isSaved ? '' : 'no snapshot; '}`;
      violate(`the store is not well ${MENDED_MS_MAX} ms after: ${name} (${has}${readiness})`);
      return tookMs;
    }
    await sleep(POLL_MS);
  }
}

function raised(metrics: ReadonlyMap<string, number>): number {
  const of = (direction: string) =>
    metrics.get(`tickwire_anomalies_total{direction="${direction}"}`) ?? 0;
  return of('up') + of('down');
}

const SAVED = 'tickwire_snapshots_total{result="saved"}';

function drawFault(server: DurableServer, random: Random): FailingDisk {
  const kind = random.below(10);
  if (kind < 3) return limitFiles(server, random);
  if (kind < 4) return takeDirectory(server);
  return failOperation(server, random);
}

/**
 * The kernel itself refuses what LMDB and Node write beyond a size, with EFBIG. It begins between
 * two commits: lmdb 3.5.6 overruns the buffer of its error message when a write fails, and ends
 * the process by that (`store/reserve.ts`).
 */
function limitFiles(server: DurableServer, random: Random): FailingDisk {
  const limits: readonly (readonly [name: string, bytes: () => number | Promise<number>])[] = [
    ['every write', () => 0],
    ['writes beyond 256 KiB', () => SMALL_FILE_BYTES],
    ['growth of the database', () => databaseBytes(server)],
  ];
  const [name, bytes] = random.pick(limits);
  const limit = async (soft: number | 'unlimited'): Promise<void> => {
    await run('prlimit', ['--pid', String(server.pid), `--fsize=${soft}:unlimited`]);
  };
  return {
    name: `limit: ${name}`,
    begin: async () => {
      await server.failDisk({ operation: 'commit' });
      await sleep(COMMIT_MS);
      await limit(await bytes());
      await server.failDisk(NO_DISK_FAULT);
    },
    // Goes with a process that was killed.
    end: () => limit('unlimited').catch(() => undefined),
  };
}

async function databaseBytes({ directory }: DurableServer): Promise<number> {
  return (await stat(join(directory, 'data.mdb'))).size;
}

function takeDirectory({ directory }: DurableServer): FailingDisk {
  const away = `${directory}.away`;
  return {
    name: 'directory away',
    begin: () => rename(directory, away),
    end: () => rename(away, directory),
  };
}

function failOperation(server: DurableServer, random: Random): FailingDisk {
  const operation = random.pick([
    'open',
    'write',
    'sync',
    'rename',
    'unlink',
    'readdir',
    'commit',
  ] as const);
  // LMDB's own errors come by limits; a directory is read in no time or not at all.
  const stalls = operation === 'commit' || (operation !== 'readdir' && random.chance(0.4));
  const error = random.pick(DISK_ERRORS);
  const fault: DiskFault = stalls ? { operation } : { operation, error };
  return {
    name: stalls ? `${operation} stalls` : `${operation} fails (${error})`,
    begin: () => server.failDisk(fault),
    end: () => server.failDisk(NO_DISK_FAULT).catch(() => undefined),
  };
}
