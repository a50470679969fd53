import { readdir, readFile } from 'node:fs/promises';
import type { DurableServer } from './durable-server.ts';
import { type ServerApi, type TickCounts, tickCounts } from './server-api.ts';

const SAMPLE_MS = 1000;
const KIB = 1024;

/** What a process of the server held at a moment. */
export interface Sample {
  readonly pid: number;
  /** Since the watch began, ms. */
  readonly at: number;
  readonly residentBytes: number;
  /** Of that, what no file stands behind: heap, buffers, shared memory. */
  readonly ownBytes: number;
  /** Objects of the main thread, dead ones that were not collected included. */
  readonly heapBytes: number;
  readonly descriptors: number;
  readonly handles: number;
  readonly threads: number;
  /** How late the event loop was since the sample before, ms: 99th percentile and maximum. */
  readonly delayMs: number;
  readonly delayMaxMs: number;
}

/** Watches the server: memory, descriptors, handles, the event loop; and counts what workers skipped. */
export class ServerWatch {
  readonly samples: Sample[] = [];
  /** Ticks that dead workers skipped and full queues lost, by process. */
  readonly #counts = new Map<number, TickCounts>();
  readonly #server: DurableServer;
  readonly #api: ServerApi;
  readonly #startedAt = performance.now();
  #timer: NodeJS.Timeout | undefined;

  constructor(server: DurableServer, api: ServerApi) {
    this.#server = server;
    this.#api = api;
  }

  start(): void {
    // A server that is away is sampled when it is back.
    this.#timer = setInterval(() => void this.sample().catch(() => undefined), SAMPLE_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Ms since the watch began. */
  now(): number {
    return performance.now() - this.#startedAt;
  }

  /** Over all processes of the server. */
  total(kind: 'lapped' | 'skipped' | 'arrival'): number {
    return [...this.#counts.values()].reduce((sum, counts) => sum + counts[kind], 0);
  }

  /** @throws Error when the server is away */
  async sample(): Promise<void> {
    const { pid } = this.#server;
    const [status, descriptors, metrics] = await Promise.all([
      readFile(`/proc/${pid}/status`, 'utf8'),
      readdir(`/proc/${pid}/fd`),
      this.#api.metrics(),
    ]);
    if (pid !== this.#server.pid) return;
    this.#counts.set(pid, tickCounts(metrics));
    const kib = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1]);
    const delay = (quantile: string) =>
      (metrics.get(`tickwire_event_loop_delay_seconds{quantile="${quantile}"}`) ?? 0) * 1000;
    this.samples.push({
      pid,
      at: this.now(),
      residentBytes: kib('VmRSS') * KIB,
      ownBytes: (kib('RssAnon') + kib('RssShmem')) * KIB,
      heapBytes: metrics.get('nodejs_heap_size_used_bytes') ?? 0,
      descriptors: descriptors.length,
      handles: metrics.get('nodejs_active_handles_total') ?? 0,
      threads: kib('Threads'),
      delayMs: delay('0.99'),
      delayMaxMs: delay('1'),
    });
  }
}
