const TIMEOUT_MS = 8000;
const PAGE_SYMBOLS = 1000;

/** What `GET /api/prices` says of a symbol. */
export interface SymbolSnapshot {
  readonly symbol: string;
  readonly currentPrice: number;
  readonly movingAverage: number;
  readonly updateCount: number;
  readonly lastUpdateTime: string;
  readonly minPrice: number;
  readonly maxPrice: number;
  readonly anomaliesDetected: number;
}

interface SnapshotPage {
  readonly items: readonly SymbolSnapshot[];
  readonly next: string | null;
}

/** What the HTTP API says of an anomaly. */
export interface AnomalyRecord {
  readonly symbol: string;
  readonly sequence: number;
  readonly direction: 'Up' | 'Down';
  readonly referencePrice: number;
  readonly newPrice: number;
  readonly changePercent: number;
  readonly timestamp: string;
}

export interface PartitionStatistics {
  readonly partition: number;
  readonly processed: number;
  readonly queueDepth: number;
  readonly queueCapacity: number;
  readonly p99LatencyMs: number | null;
  readonly restarts: number;
}

/** What the page reads of `GET /api/statistics`. */
export interface ServerStatistics {
  readonly version: string;
  readonly epoch: string;
  readonly uptimeSeconds: number;
  readonly totalProcessed: number;
  readonly totalRejected: number;
  readonly totalDropped: number;
  readonly totalLate: number;
  readonly anomaliesDetected: number;
  readonly symbols: number;
  readonly sessions: {
    readonly publishers: number;
    readonly subscribers: number;
    readonly subscriptions: number;
    readonly slow: number;
  };
  readonly sent: { readonly bytes: number; readonly entries: number };
  readonly latencyMs: {
    readonly p50: number | null;
    readonly p90: number | null;
    readonly p99: number | null;
    readonly p999: number | null;
  };
  readonly rules: Rules;
  readonly partitions: readonly PartitionStatistics[];
}

/** The server's configuration of what it computes. */
export interface Rules {
  readonly movingAverageWindow: number;
  readonly anomalyThresholdPercent: number;
  readonly slidingWindowMilliseconds: number;
}

/** The server's totals. @throws Error when it does not answer, or with a problem */
export function fetchStatistics(): Promise<ServerStatistics> {
  return getJson('api/statistics');
}

/** A page of all symbols, in their order, beginning after one. @throws Error as above */
export function fetchSymbols(after: string): Promise<SnapshotPage> {
  return getJson(`api/prices?limit=${PAGE_SYMBOLS}&after=${encodeURIComponent(after)}`);
}

/** The most recent anomalies of all symbols, newest first. @throws Error as above */
export async function fetchRecentAnomalies(limit: number): Promise<readonly AnomalyRecord[]> {
  const { items } = await getJson<{ items: AnomalyRecord[] }>(`api/anomalies?limit=${limit}`);
  return items;
}

/** The newest anomalies of a symbol, oldest first. @throws Error as above */
export async function fetchAnomaliesOf(symbol: string): Promise<readonly AnomalyRecord[]> {
  // No path leads to these: every URL parser takes them out.
  if (symbol === '.' || symbol === '..') return [];
  const path = `api/prices/${encodeURIComponent(symbol)}/anomalies?limit=${PAGE_SYMBOLS}`;
  return (await getJson<{ items: AnomalyRecord[] }>(path)).items;
}

async function getJson<Body>(path: string): Promise<Body> {
  const url = new URL(path, document.baseURI);
  const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (!response.ok) throw new Error(`${url.pathname} answered ${response.status}`);
  return (await response.json()) as Body;
}
