import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import type { Logger } from 'pino';

/** The soft limit of open descriptors of this process; undefined off Linux. */
export function openFilesMax(): number | undefined {
  try {
    const limits = readFileSync('/proc/self/limits', 'utf8');
    const [, soft] = /^Max open files\s+(\S+)/m.exec(limits) ?? [];
    return soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft);
  } catch {
    return undefined;
  }
}

/** Enough to load all modules, of which Node.js opens many at once; some 130 are too few. */
export const START_DESCRIPTORS_MIN = 192;

/** Why the program cannot be loaded; undefined if it can. */
export function startFault(most = openFilesMax()): string | undefined {
  if (most === undefined || most >= START_DESCRIPTORS_MIN) return undefined;
  return (
    `only ${most} file descriptors may be open, and the program needs ${START_DESCRIPTORS_MIN} ` +
    'to start, and one more for each client; raise the limit (ulimit -n)'
  );
}

/** Left for HTTP requests, refusals, snapshots, the log and reloads. */
const SPARE_DESCRIPTORS = 48;

/**
 * Lowers a limit of connections to what the descriptors allow: without any left, a new connection
 * can be neither accepted nor refused, and the store cannot write. To be called with everything
 * else open.
 *
 * @returns the limit, and the warning if it is lower
 * @throws Error if not even one connection is possible
 */
export function fitConnections(
  connectionsMax: number,
  most = openFilesMax(),
): { max: number; warning?: string } {
  if (most === undefined) return { max: connectionsMax };
  const open = readdirSync('/proc/self/fd').length;
  const max = Math.min(connectionsMax, most - open - SPARE_DESCRIPTORS);
  if (max === connectionsMax) return { max };
  const remedy = `raise the limit (ulimit -n) to ${connectionsMax + open + SPARE_DESCRIPTORS}`;
  if (max < 1) {
    throw new Error(
      `only ${most} file descriptors may be open, and ${open} are already: no client could ` +
        `connect; ${remedy}`,
    );
  }
  const warning =
    `limits.connectionsMax is ${connectionsMax}, but only ${most} file descriptors may be open: ` +
    `further connections are refused beyond ${max}; ${remedy}`;
  return { max, warning };
}

const PROBE_MS = 1000;
const REPEAT_MS = 60_000;

/**
 * Warns, at most once a minute, while no descriptor is left: connections without a request count
 * for no limit, uWebSockets.js does not tell of them, and new ones then wait in silence.
 *
 * @returns ends the watch
 */
export function watchDescriptors(log: Pick<Logger, 'warn'>, most = openFilesMax()): () => void {
  let warnedAt = Number.NEGATIVE_INFINITY;
  const timer = setInterval(() => {
    const now = performance.now();
    if (now - warnedAt < REPEAT_MS || !areUsedUp()) return;
    warnedAt = now;
    log.warn(
      { descriptors: most },
      'all file descriptors are in use: new connections wait or are cut, and files cannot be ' +
        'opened; raise the limit (ulimit -n), or limit idle connections in a proxy',
    );
  }, PROBE_MS);
  timer.unref();
  return () => clearInterval(timer);
}

function areUsedUp(): boolean {
  try {
    closeSync(openSync('/dev/null', 'r'));
    return false;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'EMFILE' || code === 'ENFILE';
  }
}
