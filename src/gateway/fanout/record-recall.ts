import type { RaisedRecord } from '../../protocol/index.ts';
import type { RecordStore } from '../../store/index.ts';
import type { RecentRecords } from './recent-records.ts';

/** Symbols read in one call: some ms of the reader's time. */
const SYMBOLS_MAX = 256;

/**
 * Takes what was recalled of a symbol.
 *
 * @param older the records before those in memory, without a gap
 */
type OnRecalled<R extends RaisedRecord> = (
  symbolId: number,
  held: RecentRecords<R>,
  older: readonly R[],
) => void;

/**
 * Reads from the store what memory lacks of symbols after a start: the records of earlier runs.
 * Once a symbol, many symbols in one call, one call at a time.
 */
export class RecordRecall<R extends RaisedRecord> {
  readonly #store: Pick<RecordStore<R>, 'ranges'>;
  readonly #perSymbolMax: number;
  readonly #onRecalled: OnRecalled<R>;
  readonly #flush: () => void;
  #asked: { readonly symbolId: number; readonly held: RecentRecords<R> }[] = [];
  #isReading = false;

  /** @param flush called after `onRecalled` was for some symbols */
  constructor(
    store: Pick<RecordStore<R>, 'ranges'>,
    perSymbolMax: number,
    onRecalled: OnRecalled<R>,
    flush: () => void,
  ) {
    this.#store = store;
    this.#perSymbolMax = perSymbolMax;
    this.#onRecalled = onRecalled;
    this.#flush = flush;
  }

  /** Whether a symbol is still to be recalled. */
  get isBusy(): boolean {
    return this.#isReading;
  }

  /** Whether older records of a symbol are on their way; asks for them the first time. */
  isAwaited(symbolId: number, held: RecentRecords<R>): boolean {
    if (held.recall === 'not yet') {
      held.recall = this.#spaceOf(held) > 0 && held.first > 1 ? 'awaited' : 'done';
      if (held.recall === 'awaited') {
        this.#asked.push({ symbolId, held });
        // What is asked for in this turn of the event loop makes one call.
        if (!this.#isReading) setImmediate(() => void this.#read());
        this.#isReading = true;
      }
    }
    return held.recall === 'awaited';
  }

  async #read(): Promise<void> {
    while (this.#asked.length > 0) {
      const asked = this.#asked.splice(0, SYMBOLS_MAX);
      const ranges = asked.map(({ held }) => {
        const from = Math.max(1, held.first - this.#spaceOf(held));
        return { symbol: held.symbol, from, limit: held.first - from };
      });
      const recalled = await this.#store.ranges(ranges);
      for (const [index, { symbolId, held }] of asked.entries()) {
        held.recall = 'done';
        this.#onRecalled(symbolId, held, this.#fitting(held, recalled[index] ?? []));
      }
      this.#flush();
    }
    this.#isReading = false;
  }

  #spaceOf({ first, last }: RecentRecords<R>): number {
    return this.#perSymbolMax - (last - first + 1);
  }

  /** Those right before the ones in memory, to which some may have been added meanwhile. */
  #fitting(held: RecentRecords<R>, recalled: readonly R[]): readonly R[] {
    const known = recalled.filter(({ sequence }) => sequence < held.first);
    // A full disk or a crash may have left a gap: drop those before it.
    const adjacent = known.filter(
      ({ sequence }, index) => sequence === held.first - known.length + index,
    );
    const space = Math.max(0, this.#spaceOf(held));
    return space === 0 ? [] : adjacent.slice(-space);
  }
}
