import { type ConnectOptions, IndependentClient } from './client.ts';
import { type EntrySeen, StatsMirror } from './mirror.ts';
import { Op, patternRegExp } from './protocol.ts';

/** An anomaly as it came. */
export interface SeenAnomaly {
  readonly symbol: string;
  readonly sequence: number;
  readonly direction: number;
  readonly reference: number;
  readonly price: number;
  readonly changePercent: number;
  readonly time: number;
}

/** A place in a symbol's anomalies where sequences are missing. */
export interface AnomalyJump {
  readonly symbol: string;
  readonly after: number;
  readonly next: number;
}

/** The answer to VERIFY, and the own digest at the moment it came. */
export interface Verified {
  readonly digest: number;
  readonly symbolCount: number;
  readonly ownDigest: number;
  readonly ownSymbolCount: number;
}

/** A STATS frame's arrival, on the clock of `performance.now`. */
export interface SeenFlush {
  readonly at: number;
  readonly serverTime: number;
  readonly numbers: number;
}

/** A subscriber: patterns out, a mirror and anomalies in. */
export class IndependentSubscriber extends IndependentClient {
  readonly mirror = new StatsMirror();
  readonly flushes: SeenFlush[] = [];
  readonly anomalies: SeenAnomaly[] = [];
  readonly jumps: AnomalyJump[] = [];
  /** Called for each entry. */
  onEntry: EntrySeen = () => undefined;
  readonly #patterns = new Set<string>();
  readonly #released = new Map<number, readonly string[]>();
  readonly #lastAnomalies = new Map<string, number>();
  readonly #verified = new Map<number, Verified>();
  #lastRequestId = 0;

  static connect(port: number, options: ConnectOptions = {}): Promise<IndependentSubscriber> {
    const url = `ws://127.0.0.1:${port}/v1/stream`;
    const json = options.json ?? false;
    return new IndependentSubscriber(IndependentClient.socket(url, options), json).ready();
  }

  nextRequestId(): number {
    this.#lastRequestId++;
    return this.#lastRequestId;
  }

  /** Subscribes; resolves with SUBSCRIBED. */
  subscribe(
    patterns: readonly string[],
    options?: Readonly<Record<string, unknown>>,
  ): Promise<unknown[]> {
    const requestId = this.nextRequestId();
    for (const pattern of patterns) this.#patterns.add(pattern);
    for (const [symbol, since] of Object.entries(options?.since ?? {})) {
      this.#lastAnomalies.set(symbol, since as number);
    }
    this.send([Op.SUBSCRIBE, requestId, patterns, ...(options === undefined ? [] : [options])]);
    return this.answer(Op.SUBSCRIBED, requestId);
  }

  unsubscribe(patterns: readonly string[]): Promise<unknown[]> {
    const requestId = this.nextRequestId();
    this.#released.set(requestId, patterns);
    this.send([Op.UNSUBSCRIBE, requestId, patterns]);
    return this.answer(Op.UNSUBSCRIBED, requestId);
  }

  async verify(): Promise<Verified> {
    const requestId = this.nextRequestId();
    this.send([Op.VERIFY, requestId]);
    await this.answer(Op.DIGEST, requestId);
    return this.#verified.get(requestId) as Verified;
  }

  /** HISTORY_PAGE, or the ERROR that came instead. */
  async history(symbol: string, afterSequence: number, limit: number): Promise<unknown[]> {
    const requestId = this.nextRequestId();
    this.send([Op.HISTORY, requestId, symbol, afterSequence, limit]);
    const find = () =>
      this.frames.find(
        ([op, id]) => id === requestId && (op === Op.HISTORY_PAGE || op === Op.ERROR),
      );
    await this.until(() => find() !== undefined, `the history of ${symbol}`);
    return find() as unknown[];
  }

  /** Resolves when the mirror has seen `count` updates of a symbol. */
  async counted(symbol: string, count: number, timeoutMs?: number): Promise<void> {
    const isThere = () => (this.mirror.get(symbol)?.count ?? 0) >= count;
    await this.until(isThere, `${count} updates of ${symbol}`, timeoutMs);
  }

  /** The sequence of the last anomaly of a symbol that came; 0 when none did. */
  lastAnomaly(symbol: string): number {
    return this.#lastAnomalies.get(symbol) ?? 0;
  }

  anomaliesOf(symbol: string): SeenAnomaly[] {
    return this.anomalies.filter((anomaly) => anomaly.symbol === symbol);
  }

  protected override take(frame: unknown[]): void {
    super.take(frame);
    const [op, first, second] = frame as [number, never, never];
    if (op === Op.SYMBOLS) this.mirror.name(first);
    else if (op === Op.RETIRED) this.#retire(first);
    else if (op === Op.STATS) this.#takeStats(first, second);
    else if (op === Op.ANOMALY) this.#takeAnomalies(second);
    else if (op === Op.DIGEST) this.#takeDigest(frame as never);
    else if (op === Op.UNSUBSCRIBED) this.#release(first);
  }

  #retire(ids: readonly number[]): void {
    // Without a store the numbers of a symbol begin again with its next life.
    for (const id of ids) this.#lastAnomalies.delete(this.mirror.nameOf(id));
    this.mirror.retire(ids);
  }

  #takeStats(serverTime: number, numbers: readonly number[]): void {
    this.flushes.push({ at: performance.now(), serverTime, numbers: numbers.length });
    this.mirror.apply(numbers, this.onEntry);
  }

  #takeAnomalies(tuples: readonly (readonly number[])[]): void {
    for (const tuple of tuples) {
      const [id, sequence, direction, reference, price, changePercent, time] = tuple as [
        number,
        number,
        number,
        number,
        number,
        number,
        number,
      ];
      const symbol = this.mirror.nameOf(id);
      const after = this.#lastAnomalies.get(symbol);
      if (after !== undefined && sequence <= after) {
        throw new Error(`anomaly ${sequence} of ${symbol} after ${after}`);
      }
      if (after !== undefined && sequence > after + 1) {
        this.jumps.push({ symbol, after, next: sequence });
      }
      this.#lastAnomalies.set(symbol, sequence);
      this.anomalies.push({ symbol, sequence, direction, reference, price, changePercent, time });
    }
  }

  #takeDigest([, requestId, digest, symbolCount]: readonly [number, number, number, number]): void {
    const own = this.mirror.digest();
    this.#verified.set(requestId, {
      digest,
      symbolCount,
      ownDigest: own.digest,
      ownSymbolCount: own.symbolCount,
    });
  }

  #release(requestId: number): void {
    for (const pattern of this.#released.get(requestId) ?? []) this.#patterns.delete(pattern);
    const tests = [...this.#patterns].map(patternRegExp);
    this.mirror.forget((symbol) => tests.some((test) => test.test(symbol)));
  }
}
