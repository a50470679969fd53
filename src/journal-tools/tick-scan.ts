import { NameSpace, shownName } from '../engine/index.ts';
import { EntryKind, JournalReader, type SegmentFiles } from '../journal/index.ts';
import { patternMatcher } from '../protocol/index.ts';

/** Which ticks of a journal are wanted. */
export interface TickSelection {
  /** Ticks with these times, ms since the epoch; `to` is exclusive. */
  readonly from: number | undefined;
  readonly to: number | undefined;
  /** Symbols and patterns; undefined: all. */
  readonly symbols: readonly string[] | undefined;
  /**
   * The only tenant, empty: the default one. Symbols are then as it knows them. Undefined: all
   * tenants, with symbols as `tenant/symbol`.
   */
  readonly tenant: string | undefined;
}

/** Selected ticks of an entry: row i of each column is one tick. Valid until the next. */
export interface SelectedTicks {
  count: number;
  /** Ms since the epoch. */
  receiptTime: number;
  /** As the selection names them. */
  readonly symbols: string[];
  readonly prices: number[];
  readonly times: number[];
}

/** Reads the ticks of a journal in order, a server may be writing it. */
export class TickScan {
  readonly ticks: SelectedTicks = { count: 0, receiptTime: 0, symbols: [], prices: [], times: [] };
  readonly #reader: JournalReader;
  readonly #from: number;
  readonly #to: number;
  readonly #nameSpace: NameSpace | undefined;
  readonly #matchers: readonly ((symbol: string) => boolean)[] | undefined;
  /** By id in the segment at hand; undefined: not wanted. */
  #names: (string | undefined)[] = [];

  /** @throws JournalError if the journal cannot be read; RangeError for what names no tenant */
  constructor(files: SegmentFiles, { from, to, symbols, tenant }: TickSelection) {
    const kinds = [EntryKind.SEGMENT, EntryKind.SYMBOL, EntryKind.TICKS];
    this.#reader = new JournalReader(files, { kinds, mayStartLater: true });
    this.#from = from ?? Number.NEGATIVE_INFINITY;
    this.#to = to ?? Number.POSITIVE_INFINITY;
    this.#nameSpace = tenant === undefined ? undefined : new NameSpace(tenant);
    this.#matchers = symbols?.map(patternMatcher);
  }

  /** Position that was reached. */
  get position(): number {
    return this.#reader.end;
  }

  /**
   * Goes to the next entry with selected ticks; false at the end.
   *
   * @throws JournalError for damage
   */
  next(): boolean {
    const reader = this.#reader;
    while (reader.next()) {
      if (reader.kind === EntryKind.SEGMENT) this.#names = [];
      else if (reader.kind === EntryKind.SYMBOL) this.#names[reader.id] = this.#select(reader.name);
      else if (this.#take() > 0) return true;
    }
    return false;
  }

  close(): void {
    this.#reader.close();
  }

  #select(name: string): string | undefined {
    const nameSpace = this.#nameSpace;
    if (nameSpace?.has(name) === false) return undefined;
    const shown = nameSpace?.symbolOf(name) ?? shownName(name);
    const isWanted = this.#matchers?.some((matches) => matches(shown)) ?? true;
    return isWanted ? shown : undefined;
  }

  #take(): number {
    const { ticks } = this;
    const { doubles, words, pricesAt, timesAt, idsAt, count, receiptTime } = this.#reader;
    ticks.count = 0;
    ticks.receiptTime = receiptTime;
    for (let i = 0; i < count; i++) {
      const symbol = this.#names[words[idsAt + i] as number];
      const time = doubles[timesAt + i] as number;
      if (symbol === undefined || !(time >= this.#from && time < this.#to)) continue;
      ticks.symbols[ticks.count] = symbol;
      ticks.prices[ticks.count] = doubles[pricesAt + i] as number;
      ticks.times[ticks.count] = time;
      ticks.count++;
    }
    return ticks.count;
  }
}
