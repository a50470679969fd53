import { openDescriptors, processorWaitMs, readStatus } from '../../testkit/process-figures.ts';
import type { DurableServer } from './durable-server.ts';
import { type ServerApi, type TickCounts, tickCounts } from './server-api.ts';

const SAMPLE_MS = 1000;
/** A collection stops the main thread for some 50 ms: seldom enough to leave the run what it is. */
const COLLECTION_MS = 10_000;
const KIB = 1024;

/** What a process of the server held at a moment. */
export interface Sample {
  readonly pid: number;
  /** Since the watch began, ms. */
  readonly at: number;
  /** Resident, with no file behind it: heaps, buffers, memory that threads share. */
  readonly ownBytes: number;
  /**
   * Resident, with a file behind it: code, and the pages of the database that were looked at. Linux
   * counts those as `RssShmem` where the file system is in memory.
   */
  readonly fileBytes: number;
  readonly descriptors: number;
  readonly handles: number;
  readonly threads: number;
  /**
   * How late the event loop was since the sample before, ms: 99th percentile and maximum, each the
   * upper bound of its bucket.
   */
  readonly delayMs: number;
  readonly delayMaxMs: number;
}

/** What a process of the server held once the garbage of its main thread was collected. */
export interface Collection {
  readonly pid: number;
  /** Since the watch began, ms. */
  readonly at: number;
  /** On the main thread, heap and outside of it. */
  readonly liveBytes: number;
  /**
   * As {@link Sample.ownBytes}, without the main thread's heap as far as nothing in it is alive:
   * V8 takes and returns up to 30 MiB of such pages as it pleases.
   */
  readonly ownBytes: number;
}

/**
 * Watches the server: memory, descriptors, handles, the event loop; and counts what workers
 * skipped.
 */
export class ServerWatch {
  readonly samples: Sample[] = [];
  readonly collections: Collection[] = [];
  /** When each process was last {@link stretched}, as {@link now}. */
  readonly stretches = new Map<number, number>();
  /** Ticks that dead workers skipped and full queues lost, by process. */
  readonly #counts = new Map<number, TickCounts>();
  /** Delays of the event loop when last sampled, by process. */
  readonly #delays = new Map<number, DelayCounts>();
  /**
   * How long main threads waited for a processor, ms, by process: those of the server, and this
   * one.
   */
  readonly #waitsMs = new Map<number, number>();
  readonly #server: DurableServer;
  readonly #api: ServerApi;
  readonly #startedAt = performance.now();
  #timer: NodeJS.Timeout | undefined;
  #collector: NodeJS.Timeout | undefined;

  constructor(server: DurableServer, api: ServerApi) {
    this.#server = server;
    this.#api = api;
  }

  start(): void {
    // A server that is away is sampled when it is back.
    this.#timer = setInterval(() => void this.sample().catch(() => undefined), SAMPLE_MS);
    this.#collector = setInterval(() => void this.#collect().catch(() => undefined), COLLECTION_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
    clearInterval(this.#collector);
  }

  /** Ms since the watch began. */
  now(): number {
    return performance.now() - this.#startedAt;
  }

  /**
   * The server has met the most that a run sends at once: everything that came during a long pause,
   * a rush of subscribers. What it needs for that it keeps, so growth is judged from then on.
   */
  stretched(): void {
    this.stretches.set(this.#server.pid, this.now());
  }

  /** Over all processes of the server. */
  total(kind: 'lapped' | 'skipped' | 'arrival'): number {
    return [...this.#counts.values()].reduce((sum, counts) => sum + counts[kind], 0);
  }

  /**
   * How long the main threads of the server and of this process were ready and had no processor, of
   * the time so far.
   */
  get waitingShare(): number {
    const waitedMs = [...this.#waitsMs.values()].reduce((sum, ms) => sum + ms, 0);
    return waitedMs / this.now();
  }

  /** @throws Error when the server is away */
  async sample(): Promise<void> {
    const { pid } = this.#server;
    const kib = readStatus(pid);
    const descriptors = openDescriptors(pid);
    const metrics = await this.#api.metrics();
    if (pid !== this.#server.pid) return;
    this.#counts.set(pid, tickCounts(metrics));
    for (const each of [pid, process.pid]) this.#waitsMs.set(each, processorWaitMs(each));
    const delays = delayCounts(metrics);
    const delay = delaysSince(this.#delays.get(pid), delays);
    this.#delays.set(pid, delays);
    this.samples.push({
      pid,
      at: this.now(),
      ownBytes: kib('RssAnon') * KIB,
      fileBytes: (kib('RssFile') + kib('RssShmem')) * KIB,
      descriptors,
      handles: metrics.get('nodejs_active_handles_total') ?? 0,
      threads: kib('Threads'),
      delayMs: delay(0.99),
      delayMaxMs: delay(1),
    });
  }

  async #collect(): Promise<void> {
    const { pid } = this.#server;
    const { heapBytes, externalBytes, freeHeapBytes } = await this.#server.collect();
    const kib = readStatus(pid);
    if (pid !== this.#server.pid) return;
    this.collections.push({
      pid,
      at: this.now(),
      liveBytes: heapBytes + externalBytes,
      ownBytes: kib('RssAnon') * KIB - freeHeapBytes,
    });
  }
}

/** Timers that were at most so late, ms: pairs of bound and count, ascending. */
type DelayCounts = readonly (readonly [boundMs: number, count: number])[];

function delayCounts(metrics: ReadonlyMap<string, number>): DelayCounts {
  return [...metrics].flatMap(([line, count]) => {
    const bound = /^tickwire_event_loop_delay_seconds_bucket\{le="(.*)"\}$/.exec(line)?.[1];
    if (bound === undefined) return [];
    const boundMs = bound === '+Inf' ? Number.POSITIVE_INFINITY : Number(bound) * 1000;
    return [[boundMs, count] as const];
  });
}

/** Reads the bound, ms, that a share of the delays between two readings did not exceed. */
function delaysSince(before: DelayCounts | undefined, now: DelayCounts): (share: number) => number {
  const since = now.map(
    ([boundMs, count], i) => [boundMs, count - (before?.[i]?.[1] ?? 0)] as const,
  );
  const total = since.at(-1)?.[1] ?? 0;
  return (share) => since.find(([, count]) => count >= total * share)?.[0] ?? 0;
}
