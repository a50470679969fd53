const TIMEOUT_MS = 2000;

/** What `GET /api/statistics` answers; only totals matter here. */
export interface ServerStatistics {
  readonly totalProcessed?: number;
  readonly totalRejected?: number;
  readonly totalDropped?: number;
  readonly [key: string]: unknown;
}

/** The server's own numbers; undefined where it cannot be reached or does not have them. */
export async function fetchStatistics(url: string): Promise<ServerStatistics | undefined> {
  const address = new URL('/api/statistics', url.replace(/^ws/, 'http'));
  try {
    const response = await fetch(address, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    return response.ok ? ((await response.json()) as ServerStatistics) : undefined;
  } catch {
    return undefined;
  }
}
