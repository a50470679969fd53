import type { AlertRecord } from './alerts/alert-event.ts';
import type { ClusterRecord } from './cluster/cluster-record.ts';
import type { RulesInForce } from './rules/rule-record.ts';

const TIMEOUT_MS = 8000;
/** A cheap request that needs a token if any is required. */
const ONE_PRICE = 'api/prices?limit=1';
const UNAUTHORIZED = 401;
const FORBIDDEN = 403;
/** Most items of a page. */
const PAGE_MAX = 1000;

/** A symbol in `GET /api/prices`. */
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

/** An anomaly of the HTTP API. */
export interface AnomalyRecord {
  readonly symbol: string;
  readonly sequence: number;
  readonly direction: 'Up' | 'Down';
  readonly referencePrice: number;
  readonly newPrice: number;
  readonly changePercent: number;
  readonly timestamp: string;
}

/** A tick of the journal. */
export interface TickRecord {
  readonly price: number;
  readonly timestamp: string;
}

/** The server looks through so much of its journal at a time: a page may have few ticks. */
interface TickRecordPage {
  readonly items: readonly TickRecord[];
  readonly next: string | null;
}

/** Which ticks of a symbol to read. */
export interface TickRange {
  /** Ms since the epoch. */
  readonly from: number;
  readonly to?: number;
  /** At most one tick, the last, in so many ms. */
  readonly every?: number;
  readonly limit: number;
}

export interface PartitionStatistics {
  readonly partition: number;
  readonly processed: number;
  readonly queueDepth: number;
  readonly queueCapacity: number;
  readonly p99LatencyMs: number | null;
  readonly restarts: number;
}

/** The part of `GET /api/statistics` that the page uses. */
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

/** The server's configuration of its computations. */
export interface Rules {
  readonly movingAverageWindow: number;
  readonly anomalyThresholdPercent: number;
  readonly slidingWindowMilliseconds: number;
}

/** The token does not permit the request, now or later. */
export class ForbiddenError extends Error {
  override readonly name = 'ForbiddenError';
}

/** The HTTP API of the page's server. */
export class HttpApi {
  /** Undefined if the server requires none. */
  readonly token: string | undefined;
  readonly #refused: (reason: string) => void;
  #isStopped = false;

  /** @param refused called when the server no longer accepts the token */
  constructor(token: string | undefined, refused: (reason: string) => void) {
    this.token = token;
    this.#refused = refused;
  }

  /**
   * The server's totals. @throws ForbiddenError without the operator role; Error if the request
   * fails
   */
  statistics(): Promise<ServerStatistics> {
    return this.#get('api/statistics');
  }

  /** A page of all symbols in order, after a symbol. @throws Error if the request fails */
  symbols(after: string): Promise<SnapshotPage> {
    return this.#get(`api/prices?limit=${PAGE_MAX}&after=${encodeURIComponent(after)}`);
  }

  /** The most recent anomalies of all symbols, newest first. @throws Error as above */
  async recentAnomalies(limit: number): Promise<readonly AnomalyRecord[]> {
    const { items } = await this.#get<{ items: AnomalyRecord[] }>(`api/anomalies?limit=${limit}`);
    return items;
  }

  /** The newest anomalies of a symbol, oldest first. @throws Error as above */
  anomaliesOf(symbol: string): Promise<readonly AnomalyRecord[]> {
    return this.#newestOf(symbol, 'anomalies');
  }

  /** The most recent alerts of all symbols, newest first. @throws Error as above */
  async recentAlerts(): Promise<readonly AlertRecord[]> {
    const { items } = await this.#get<{ items: AlertRecord[] }>(`api/alerts?limit=${PAGE_MAX}`);
    return items;
  }

  /** The newest alerts of a symbol, oldest first. @throws Error as above */
  alertsOf(symbol: string): Promise<readonly AlertRecord[]> {
    return this.#newestOf(symbol, 'alerts');
  }

  /** Members and shards of the server's cluster. @throws as {@link statistics} */
  cluster(): Promise<ClusterRecord> {
    return this.#get('api/cluster');
  }

  /** The rules in force. @throws Error as above */
  rules(): Promise<RulesInForce> {
    return this.#get('api/rules');
  }

  /**
   * Ticks of a symbol that the server's journal still has, oldest first; none without a journal.
   *
   * @throws Error as above
   */
  async ticksOf(symbol: string, { from, to, every, limit }: TickRange) {
    const items: TickRecord[] = [];
    if (symbol === '.' || symbol === '..') return items;
    const query = new URLSearchParams({ from: new Date(from).toISOString() });
    if (to !== undefined) query.set('to', new Date(to).toISOString());
    if (every !== undefined) query.set('every', `${every}`);
    for (let next: string | null = ''; next !== null && items.length < limit; ) {
      query.set('limit', `${limit - items.length}`);
      if (next !== '') query.set('after', next);
      const path = `api/prices/${encodeURIComponent(symbol)}/ticks?${query}`;
      const page: TickRecordPage = await this.#get(path);
      items.push(...page.items);
      next = page.next;
    }
    return items;
  }

  /** Checks whether the token is still accepted. */
  async tryToken(): Promise<void> {
    await this.#get(ONE_PRICE).catch(() => undefined);
  }

  /** Rejects all further requests. */
  stop(): void {
    this.#isStopped = true;
  }

  async #newestOf<Item>(symbol: string, kind: 'alerts' | 'anomalies'): Promise<readonly Item[]> {
    // URL parsers remove these segments, so no path leads to them.
    if (symbol === '.' || symbol === '..') return [];
    const path = `api/prices/${encodeURIComponent(symbol)}/${kind}?limit=${PAGE_MAX}`;
    return (await this.#get<{ items: Item[] }>(path)).items;
  }

  async #get<Body>(path: string): Promise<Body> {
    if (this.#isStopped) throw new Error('the token is not accepted');
    const response = await request(path, this.token);
    if (response.ok) return (await response.json()) as Body;
    const reason = await readReason(response);
    if (response.status === UNAUTHORIZED) this.#refused(reason);
    throw response.status === FORBIDDEN ? new ForbiddenError(reason) : new Error(reason);
  }
}

/**
 * Asks the server whether it accepts a token, or a client without one.
 *
 * @returns why not; undefined if it does
 * @throws Error if it does not answer
 */
export async function askForRefusal(token: string | undefined): Promise<string | undefined> {
  const response = await request(ONE_PRICE, token);
  if (response.status === UNAUTHORIZED) return readReason(response);
  await response.body?.cancel();
  return undefined;
}

function request(path: string, token: string | undefined): Promise<Response> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const url = new URL(path, document.baseURI);
  return fetch(url, { headers, signal: AbortSignal.timeout(TIMEOUT_MS) });
}

/** The detail of an RFC 9457 problem. */
async function readReason(response: Response): Promise<string> {
  try {
    const { detail } = (await response.json()) as { detail?: unknown };
    if (typeof detail === 'string') return detail;
  } catch {
    // Not a problem of our server: there is something in between.
  }
  return `The server answered ${response.status}.`;
}
