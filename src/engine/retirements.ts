import type { AnomalyConsumer } from './memory/anomaly-ring.ts';
import { RETIRED_MAX, RetireRequester } from './memory/retire-request.ts';
import type { TickProducer } from './memory/tick-producer.ts';
import type { SymbolTable } from './symbol-table.ts';

/** A symbol to retire. */
export interface Retiree {
  readonly symbolId: number;
  /** It is kept if it has another number of ticks by then; -1: in any case retired. */
  readonly count: number;
}

/** Symbols that the workers have forgotten, or kept. */
export interface RetiredBatch {
  /** By index of the retirees: whether it was forgotten, not kept. */
  readonly areForgotten: readonly boolean[];
  /** Whether every anomaly of the forgotten symbols was taken from the rings. */
  areAnomaliesTaken(): boolean;
}

/**
 * The gateway's end: has the workers forget symbols, in order with the ticks of the symbols: every
 * tick offered before belongs to the old life, every later one to the next. One batch at a time.
 */
export class Retirements {
  readonly #requesters: readonly RetireRequester[];
  readonly #producers: readonly TickProducer[];
  readonly #anomalies: readonly AnomalyConsumer[];
  readonly #symbols: SymbolTable;
  #isFree = true;

  /** All arrays are by partition. */
  constructor(
    memory: readonly { readonly retirements: SharedArrayBuffer }[],
    producers: readonly TickProducer[],
    anomalies: readonly AnomalyConsumer[],
    symbols: SymbolTable,
  ) {
    this.#requesters = memory.map(({ retirements }) => new RetireRequester(retirements));
    this.#producers = producers;
    this.#anomalies = anomalies;
    this.#symbols = symbols;
  }

  /**
   * Requests that live symbols are forgotten, and wakes the workers that sleep. The caller has
   * published every offered tick. Resolves when the last worker has reached the cut. The symbols
   * then take no ticks, unless they were revived, until `SymbolTable.endRetiring`.
   *
   * @param retirees at most {@link RETIRED_MAX}
   */
  async request(retirees: readonly Retiree[]): Promise<RetiredBatch> {
    if (!this.#isFree) throw new Error('the previous symbols are not retired yet');
    if (retirees.length > RETIRED_MAX) throw new RangeError(`${retirees.length} symbols to retire`);
    this.#isFree = false;
    const counts = this.#requesters.map(() => 0);
    const places = retirees.map(({ symbolId, count }) => {
      const partition = this.#symbols.partition(symbolId);
      const index = counts[partition] as number;
      counts[partition] = index + 1;
      this.#requesters[partition]?.add(index, symbolId, count);
      this.#symbols.beginRetiring(symbolId);
      return { requester: this.#requesters[partition] as RetireRequester, index };
    });
    for (const [partition, requester] of this.#requesters.entries()) {
      if (counts[partition] === 0) continue;
      const producer = this.#producers[partition] as TickProducer;
      requester.request(counts[partition] as number, producer.offered);
      producer.wake();
    }
    await Promise.all(this.#requesters.map((requester) => requester.done()));
    const areForgotten = places.map(({ requester, index }) => requester.isForgotten(index));
    const asked = [...this.#requesters.entries()].filter(([partition]) => counts[partition] !== 0);
    const ends = asked.map(([partition, { anomaliesEnd }]) => {
      return { ring: this.#anomalies[partition] as AnomalyConsumer, anomaliesEnd };
    });
    this.#isFree = true;
    return {
      areForgotten,
      areAnomaliesTaken: () => ends.every(({ ring, anomaliesEnd }) => ring.isPast(anomaliesEnd)),
    };
  }
}
