import { setTimeout as sleep } from 'node:timers/promises';
import { SymbolOracle } from '../../testkit/independent/statistics.ts';
import type { ServerApi } from './server-api.ts';

/** The symbol that only HTTP writes. */
export const POSTED_SYMBOL = 'HTTP:POSTED';

const POST_EVERY_MS = 40;
const QUERY_EVERY_MS = 100;
const TIMEOUT_MS = 10_000;
/** Of a request over a pause of the server, ms. */
const PAUSED_TIMEOUT_MS = 180_000;
const QUERIES = [
  '/api/statistics',
  '/api/prices?limit=100',
  '/api/anomalies?limit=100',
  '/healthz',
];

/**
 * Posts prices and asks questions over HTTP, one at a time each. Pauses while the server is away.
 */
export class HttpLoad {
  /** How long answers took, ms. */
  readonly answersMs: number[] = [];
  /** Prices posted, and what did not succeed although the server was there. */
  posts = 0;
  readonly faults: string[] = [];
  /** Prices refused for their times while {@link mayRefuse}: the server's clock is behind. */
  refused = 0;
  mayRefuse = false;
  /** How often the server was paused or went on: answers over that are not judged by time. */
  #pauses = 0;
  readonly #base: string;
  readonly #ending = new AbortController();
  #isAway = false;
  #loops: Promise<unknown> = Promise.resolve();
  /** Prices that the server has, or may have: the last one, while it is under way. */
  #posted: { readonly price: number; readonly time: number }[] = [];
  #acknowledged = 0;

  constructor(port: number) {
    this.#base = `http://127.0.0.1:${port}`;
  }

  start(): void {
    this.#loops = Promise.all([this.#postAll(), this.#queryAll()]);
  }

  /** The server is about to go: whatever fails from here on is no fault. */
  serverLeaves(): void {
    this.#isAway = true;
  }

  /**
   * The server is back.
   *
   * @param api of it
   * @returns how many acknowledged prices it no longer has
   * @throws Error when it has more than were posted
   */
  async serverReturned(api: ServerApi): Promise<number> {
    const count = (await api.symbol(POSTED_SYMBOL))?.updateCount ?? 0;
    if (count > this.#posted.length) {
      throw new Error(`${POSTED_SYMBOL}: ${this.#posted.length} posted, the server has ${count}`);
    }
    const lost = Math.max(0, this.#acknowledged - count);
    this.#posted.length = count;
    this.#acknowledged = count;
    this.#isAway = false;
    return lost;
  }

  /** The server is about to be paused, or goes on: what is under way takes as long as it takes. */
  serverPauses(): void {
    this.#pauses++;
  }

  async stop(): Promise<void> {
    this.#ending.abort();
    await this.#loops;
  }

  /** What the server must know of the symbol. */
  expected(): SymbolOracle {
    const expected = new SymbolOracle();
    for (const { price, time } of this.#posted) expected.apply(price, time);
    return expected;
  }

  async #postAll(): Promise<void> {
    while (await this.#goOn(POST_EVERY_MS)) {
      const [price, time] = [50 + (this.posts % 7) / 100, Date.now()];
      this.#posted.push({ price, time });
      this.posts++;
      const body = JSON.stringify({ symbol: POSTED_SYMBOL, price, timestamp: time });
      const headers = { 'content-type': 'application/json' };
      const status = await this.#send('/api/prices', { method: 'POST', body, headers });
      if (status === 202) this.#acknowledged = this.#posted.length;
      else if (status === 400 && this.mayRefuse) {
        this.#posted.pop();
        this.refused++;
      } else if (!this.#isAway) this.faults.push(`a POST was answered ${status}`);
    }
  }

  async #queryAll(): Promise<void> {
    for (let i = 0; await this.#goOn(QUERY_EVERY_MS); i++) {
      const path = QUERIES[i % QUERIES.length] as string;
      const startedAt = performance.now();
      const pauses = this.#pauses;
      const status = await this.#send(path, {});
      const isJudged = pauses === this.#pauses;
      if (status === 200 && isJudged) this.answersMs.push(performance.now() - startedAt);
      else if (status === 200) continue;
      else if (!this.#isAway) this.faults.push(`${path} was answered ${status}`);
    }
  }

  /** The status of the answer, or why there is none. */
  async #send(path: string, init: RequestInit): Promise<number | string> {
    const signal = AbortSignal.timeout(PAUSED_TIMEOUT_MS);
    const startedAt = performance.now();
    const pauses = this.#pauses;
    try {
      const response = await fetch(`${this.#base}${path}`, { ...init, signal });
      await response.arrayBuffer();
      const tookMs = performance.now() - startedAt;
      const isLate = pauses === this.#pauses && tookMs > TIMEOUT_MS;
      return isLate ? `after ${tookMs.toFixed(0)} ms` : response.status;
    } catch (error) {
      return String((error as Error).cause ?? error);
    }
  }

  /** Waits for the next turn, and while the server is away; false at the end. */
  async #goOn(everyMs: number): Promise<boolean> {
    const { signal } = this.#ending;
    do {
      await sleep(everyMs, undefined, { signal }).catch(() => undefined);
    } while (this.#isAway && !signal.aborted);
    return !signal.aborted;
  }
}
