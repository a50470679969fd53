import { setTimeout as sleep } from 'node:timers/promises';

const TIMEOUT_MS = 2000;
const UNAUTHORIZED = 401;

/**
 * Asks a server whether it lets clients with this token in. One that cannot be asked is no fault
 * here: connecting says what is wrong with it.
 *
 * @throws Error when it does not
 */
export async function checkAccess(url: string, token: string | undefined): Promise<void> {
  const address = new URL('/api/prices?limit=1', url.replace(/^ws/, 'http'));
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const response = await fetch(address, { headers, signal }).catch(() => undefined);
  if (response?.status !== UNAUTHORIZED) {
    await response?.body?.cancel();
    return;
  }
  const { detail } = (await response.json()) as { readonly detail: string };
  throw new Error(`the server does not let the run in: ${detail} (--token or TICKWIRE_TOKEN)`);
}

const POLL_MS = 50;
const SETTLE_TIMEOUT_MS = 10_000;

/** What this program reads of the answer of `GET /api/statistics`. */
export interface ServerStatistics {
  readonly totalProcessed: number;
  readonly totalRejected: number;
  /** Discarded by full queues, on arrival or later. */
  readonly totalDropped: number;
  readonly anomaliesDetected: number;
  readonly partitions: readonly { readonly queueDepth: number }[];
}

/**
 * The server's own numbers once its queues are empty and nothing moves; undefined where it does not
 * tell them, as to a token that is not one of an operator.
 */
export async function settledStatistics(
  url: string,
  token: string | undefined,
): Promise<ServerStatistics | undefined> {
  const deadline = performance.now() + SETTLE_TIMEOUT_MS;
  let earlier: ServerStatistics | undefined;
  let latest = await fetchStatistics(url, token);
  while (latest !== undefined && !isSettled(earlier, latest) && performance.now() < deadline) {
    await sleep(POLL_MS);
    earlier = latest;
    latest = await fetchStatistics(url, token);
  }
  return latest;
}

function isSettled(earlier: ServerStatistics | undefined, latest: ServerStatistics): boolean {
  if (latest.partitions.some(({ queueDepth }) => queueDepth > 0)) return false;
  return earlier?.totalProcessed === latest.totalProcessed;
}

async function fetchStatistics(
  url: string,
  token: string | undefined,
): Promise<ServerStatistics | undefined> {
  const address = new URL('/api/statistics', url.replace(/^ws/, 'http'));
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  try {
    const response = await fetch(address, { headers, signal: AbortSignal.timeout(TIMEOUT_MS) });
    return response.ok ? ((await response.json()) as ServerStatistics) : undefined;
  } catch {
    return undefined;
  }
}
