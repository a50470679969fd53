import type { Retirement, ShardPartition } from '../engine/index.ts';
import { type GatewayLog, IdleSweep } from '../gateway/index.ts';

/** Retirements in one entry of a log. */
const PROPOSED_MAX = 256;

export interface IdleSettings {
  /** A symbol without a tick for so long is retired, ms. */
  readonly idleMs: number;
  readonly log: GatewayLog;
}

/** On its way through the log. */
interface Proposed extends Retirement {
  readonly done: (isRetired: boolean) => void;
}

/**
 * Retires symbols of an owned shard that had no tick for long: proposes it in the shard's log, with
 * the number of ticks seen. Whoever folds the entry keeps a symbol that has had another by then.
 */
export class IdleSymbols {
  readonly #shard: Pick<ShardPartition, 'served' | 'since'>;
  readonly #propose: (retire: readonly Retirement[]) => Promise<boolean>;
  readonly #sweep: IdleSweep;
  /** Asked for in this turn of the event loop. */
  #asked: Proposed[] = [];
  readonly #proposed = new Map<string, Proposed>();

  /** @param propose puts an entry into the log; resolves to false if it may not be there */
  constructor(
    { idleMs, log }: IdleSettings,
    shard: Pick<ShardPartition, 'served' | 'since'>,
    propose: (retire: readonly Retirement[]) => Promise<boolean>,
  ) {
    this.#shard = shard;
    this.#propose = propose;
    this.#sweep = new IdleSweep(idleMs, {
      engine: shard.served,
      retirement: { retire: (symbolId, _cause, count) => this.#retire(symbolId, count) },
      log,
    });
  }

  start(): void {
    this.#sweep.start();
  }

  stop(): void {
    this.#sweep.stop();
    for (const { done } of [...this.#asked, ...this.#proposed.values()]) done(false);
    this.#asked = [];
    this.#proposed.clear();
  }

  /** A retirement of the log, of this owner or another, was applied or not. */
  decided({ symbol, since }: Retirement, isRetired: boolean): void {
    const proposed = this.#proposed.get(symbol);
    if (proposed === undefined || proposed.since !== since) return;
    this.#proposed.delete(symbol);
    proposed.done(isRetired);
  }

  #retire(symbolId: number, count?: number): Promise<boolean> {
    const symbol = this.#shard.served.symbols.name(symbolId);
    const since = this.#shard.since(symbolId);
    return new Promise((done) => {
      if (this.#asked.length === 0) setImmediate(() => void this.#send());
      this.#asked.push({ symbol, since, count: count ?? -1, done });
    });
  }

  async #send(): Promise<void> {
    const asked = this.#asked;
    this.#asked = [];
    for (let from = 0; from < asked.length; from += PROPOSED_MAX) {
      const batch = asked.slice(from, from + PROPOSED_MAX);
      for (const each of batch) this.#proposed.set(each.symbol, each);
      const entry = batch.map(({ symbol, since, count }) => ({ symbol, since, count }));
      if (await this.#propose(entry)) continue;
      // The next pass asks again, unless the entry is there all the same.
      for (const each of batch) this.decided(each, false);
    }
  }
}
