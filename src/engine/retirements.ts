import { RETIRED_MAX, RetireRequester } from './memory/retire-request.ts';
import type { TickProducer } from './memory/tick-producer.ts';
import type { SymbolTable } from './symbol-table.ts';

/** A symbol to retire. */
export interface Retiree {
  readonly symbolId: number;
  /** It is kept if it has another number of ticks by then; -1: in any case retired. */
  readonly count: number;
}

/**
 * The gateway's end: has the workers forget symbols, in order with the ticks of the symbols: every
 * tick offered before belongs to the old life, every later one to the next. One batch at a time.
 */
export class Retirements {
  readonly #requesters: readonly RetireRequester[];
  readonly #producers: readonly TickProducer[];
  readonly #symbols: SymbolTable;
  /** Whether symbols are to be retired that are not yet. */
  isPending = false;

  /** @param producers by partition, as `memory` is */
  constructor(
    memory: readonly { readonly retirements: SharedArrayBuffer }[],
    producers: readonly TickProducer[],
    symbols: SymbolTable,
  ) {
    this.#requesters = memory.map(({ retirements }) => new RetireRequester(retirements));
    this.#producers = producers;
    this.#symbols = symbols;
  }

  /**
   * Requests that live symbols are forgotten, and wakes the workers that sleep. Resolves when the
   * last worker has reached the cut, which needs every tick offered so far to be published. The
   * symbols then take no ticks, unless they were revived, until `SymbolTable.endRetiring`.
   *
   * @param retirees at most {@link RETIRED_MAX}
   * @returns by index of the retirees, whether it was forgotten, not kept
   */
  async request(retirees: readonly Retiree[]): Promise<readonly boolean[]> {
    if (this.isPending) throw new Error('the previous symbols are not retired yet');
    if (retirees.length > RETIRED_MAX) throw new RangeError(`${retirees.length} symbols to retire`);
    this.isPending = true;
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
      requester.requestAll(counts[partition] as number, producer.offered);
      producer.wake();
    }
    await Promise.all(this.#requesters.map((requester) => requester.done()));
    this.isPending = false;
    return places.map(({ requester, index }) => requester.isForgotten(index));
  }
}
