import { setTimeout as sleep } from 'node:timers/promises';
import type { DurableServer } from '../../loadgen/soak/durable-server.ts';
import { IndependentClient } from '../../testkit/independent/client.ts';
import { residentBytes } from '../../testkit/process-figures.ts';

const EVERY_MS = 20;

/** A loaded server as seen by others than publishers. */
export interface Seen {
  readonly answersMs: readonly number[];
  readonly answerMsP99: number;
  readonly heartbeats: number;
  /** The longest silence of a session that subscribed to nothing, ms. */
  readonly heartbeatGapMsMax: number;
  /** Age of the newest tick of the watched symbols when queried, ms. */
  readonly tickAgeMsMax: number;
  readonly queueDepthMax: number;
  /** From the second quarter of the run to its end. */
  readonly rssGrowthBytes: number;
}

interface Statistics {
  readonly totalProcessed: number;
  readonly partitions: readonly [{ readonly queueDepth: number }];
}

interface Prices {
  readonly items: readonly { readonly lastUpdateTime: string }[];
}

/** Observes a loaded server: HTTP queries, heartbeats, memory. */
export class OverloadWatch {
  readonly #server: DurableServer;
  readonly #symbols: string;
  readonly #client: IndependentClient;
  readonly #answersMs: number[] = [];
  readonly #heartbeatsAt: number[] = [];
  readonly #rssBytes: number[] = [];
  #tickAgeMs = 0;
  #queueDepth = 0;
  #processed = 0;
  #isEnding = false;
  #loop: Promise<void> = Promise.resolve();

  private constructor(server: DurableServer, symbols: string, client: IndependentClient) {
    this.#server = server;
    this.#symbols = symbols;
    this.#client = client;
    client.ws.on('message', () => this.#heartbeatsAt.push(performance.now()));
  }

  static async start(server: DurableServer, symbols: string): Promise<OverloadWatch> {
    const client = await IndependentClient.open(server.port, '/v1/stream');
    const watch = new OverloadWatch(server, symbols, client);
    watch.#loop = watch.#run();
    return watch;
  }

  async stop(): Promise<Seen> {
    this.#isEnding = true;
    await this.#loop;
    this.#client.close();
    const gaps = this.#heartbeatsAt.slice(1).map((at, i) => at - (this.#heartbeatsAt[i] ?? at));
    const answersMs = this.#answersMs.toSorted((a, b) => a - b);
    const quarter = Math.floor(this.#rssBytes.length / 4);
    const early = Math.max(...this.#rssBytes.slice(quarter, 2 * quarter));
    return {
      answersMs,
      answerMsP99: answersMs[Math.floor(0.99 * answersMs.length)] ?? Number.NaN,
      heartbeats: this.#heartbeatsAt.length,
      heartbeatGapMsMax: Math.max(...gaps),
      tickAgeMsMax: this.#tickAgeMs,
      queueDepthMax: this.#queueDepth,
      rssGrowthBytes: Math.max(...this.#rssBytes.slice(-quarter)) - early,
    };
  }

  async #run(): Promise<void> {
    while (!this.#isEnding) {
      await this.#look();
      await sleep(EVERY_MS);
    }
  }

  async #look(): Promise<void> {
    const statistics = await this.#get<Statistics>('/api/statistics');
    const { items } = await this.#get<Prices>(`/api/prices?symbols=${this.#symbols}`);
    const [{ queueDepth }] = statistics.partitions;
    this.#queueDepth = Math.max(this.#queueDepth, queueDepth);
    // While ticks are applied, one of these symbols gets some.
    const isLoaded = statistics.totalProcessed > this.#processed && this.#processed > 0;
    this.#processed = statistics.totalProcessed;
    const newest = Math.max(...items.map(({ lastUpdateTime }) => Date.parse(lastUpdateTime)));
    const ageMs = Date.now() - newest;
    if (isLoaded && ageMs > this.#tickAgeMs) this.#tickAgeMs = ageMs;
    if (isLoaded) this.#rssBytes.push(residentBytes(this.#server.pid));
  }

  async #get<Body>(path: string): Promise<Body> {
    const startedAt = performance.now();
    const response = await fetch(`http://127.0.0.1:${this.#server.port}${path}`);
    const body = (await response.json()) as Body;
    this.#answersMs.push(performance.now() - startedAt);
    return body;
  }
}
