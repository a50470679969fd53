import { parseMetrics } from '../../testkit/metrics.ts';
import { eventually } from '../../testkit/until.ts';
import type { DiskFault } from './faults/controls.ts';

const PAGE = 1000;
const TIMEOUT_MS = 10_000;

/** The statistics of a symbol in the HTTP API. */
export interface ServedSymbol {
  readonly symbol: string;
  readonly currentPrice: number;
  readonly movingAverage: number;
  readonly updateCount: number;
  /** RFC 3339. */
  readonly lastUpdateTime: string;
  readonly minPrice: number;
  readonly maxPrice: number;
  readonly anomaliesDetected: number;
}

/** An anomaly in the HTTP API. */
export interface ServedAnomaly {
  readonly symbol: string;
  readonly sequence: number;
  readonly direction: 'Up' | 'Down';
  readonly referencePrice: number;
  readonly newPrice: number;
  /** RFC 3339. */
  readonly timestamp: string;
}

/** The counters of a process of the server, in ticks. */
export interface TickCounts {
  readonly accepted: number;
  readonly applied: number;
  /** Discarded on arrival. */
  readonly arrival: number;
  readonly lapped: number;
  readonly skipped: number;
}

interface Page<Item> {
  readonly items: readonly Item[];
  readonly next: string | number | null;
}

/** The HTTP API of a server, as far as checks need it. */
export class ServerApi {
  readonly #base: string;

  constructor(port: number) {
    this.#base = `http://127.0.0.1:${port}`;
  }

  /** The epoch of the process that runs now. */
  async epoch(): Promise<string> {
    const statistics = await (await this.#get('/api/statistics')).json();
    return (statistics as { readonly epoch: string }).epoch;
  }

  /** The status of `/readyz`, and what it says. */
  async readiness(): Promise<string> {
    const response = await this.#get('/readyz');
    return `${response.status} ${await response.text()}`;
  }

  /** The statistics of all symbols. */
  symbols(): Promise<ServedSymbol[]> {
    return this.#all('/api/prices', '');
  }

  /** The statistics of a symbol; undefined where it has none. */
  async symbol(symbol: string): Promise<ServedSymbol | undefined> {
    const response = await this.#get(`/api/prices/${encodeURIComponent(symbol)}`);
    if (response.status === 404) return undefined;
    return (await response.json()) as ServedSymbol;
  }

  /** All anomalies of a symbol that are held, oldest first. */
  anomalies(symbol: string): Promise<ServedAnomaly[]> {
    return this.#all(`/api/prices/${encodeURIComponent(symbol)}/anomalies`, '0');
  }

  /** The metrics, by name and labels as they are written. */
  async metrics(): Promise<Map<string, number>> {
    return parseMetrics(await (await this.#get('/metrics')).text());
  }

  /**
   * The counts once every accepted tick is applied or lost.
   *
   * @throws Error when some are missing for too long
   */
  async settled(): Promise<TickCounts> {
    return eventually(
      async () => tickCounts(await this.metrics()),
      ({ accepted, applied, lapped, skipped }) => accepted === applied + lapped + skipped,
    );
  }

  async #all<Item>(path: string, first: string): Promise<Item[]> {
    const all: Item[] = [];
    for (let after: string | number | null = first; after !== null; ) {
      const query = new URLSearchParams({ limit: String(PAGE), after: String(after) });
      const response = await this.#get(`${path}?${query.toString()}`);
      if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
      const page = (await response.json()) as Page<Item>;
      all.push(...page.items);
      after = page.next;
    }
    return all;
  }

  #get(path: string): Promise<Response> {
    const init = () => ({ signal: AbortSignal.timeout(TIMEOUT_MS) });
    const url = `${this.#base}${path}`;
    // A kept connection that the server closed while this process was busy fails once; a new one
    // does not.
    return fetch(url, init()).catch(() => fetch(url, init()));
  }
}

/** Reads the counts out of metrics. */
export function tickCounts(metrics: ReadonlyMap<string, number>): TickCounts {
  let applied = 0;
  for (const [line, value] of metrics) {
    if (line.startsWith('tickwire_ticks_applied_total')) applied += value;
  }
  const dropped = (where: string) => metrics.get(`tickwire_ticks_dropped_total{where="${where}"}`);
  return {
    accepted: metrics.get('tickwire_ticks_accepted_total') ?? 0,
    applied,
    arrival: dropped('arrival') ?? 0,
    lapped: dropped('lapped') ?? 0,
    skipped: dropped('skipped') ?? 0,
  };
}

/** What a soak asks of its server's process, beside what every server does. */
export type ServerRequest =
  | { readonly call: 'killWorker'; readonly partition: number }
  | { readonly call: 'collect' }
  | { readonly call: 'setClock'; readonly offsetMs: number }
  | { readonly call: 'failDisk'; readonly fault: DiskFault };

/** A request with its number, which the answer repeats. */
export type NumberedRequest = ServerRequest & { readonly id: number };

export interface ServerAnswer {
  readonly id: number;
  /** After `collect`. */
  readonly memory?: LiveMemory;
}

/**
 * What is alive on the main thread after all garbage was collected, bytes: the answer to `collect`.
 */
export interface LiveMemory {
  readonly heapBytes: number;
  /** Buffers, and what objects hold outside the heap. */
  readonly externalBytes: number;
  /** Pages of all threads' heaps in which nothing is alive. */
  readonly freeHeapBytes: number;
}
