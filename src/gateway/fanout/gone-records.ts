import type { RaisedRecord } from '../../protocol/index.ts';
import type { RecentRecords } from './recent-records.ts';

/**
 * Recent records of symbols that were retired, where no store has them but their numbers go on: by
 * name, until the symbol returns. Beyond the limit, the symbol that went first loses its own.
 */
export class GoneRecords<R extends RaisedRecord> {
  readonly #symbolsMax: number;
  readonly #byName = new Map<string, RecentRecords<R>>();

  constructor(symbolsMax: number) {
    this.#symbolsMax = symbolsMax;
  }

  get(name: string): RecentRecords<R> | undefined {
    return this.#byName.get(name);
  }

  keep(records: RecentRecords<R>): void {
    this.#byName.set(records.symbol, records);
    if (this.#byName.size <= this.#symbolsMax) return;
    for (const oldest of this.#byName.keys()) {
      this.#byName.delete(oldest);
      return;
    }
  }

  /** Removes them: the symbol has returned. */
  take(name: string): RecentRecords<R> | undefined {
    const held = this.#byName.get(name);
    this.#byName.delete(name);
    return held;
  }
}
