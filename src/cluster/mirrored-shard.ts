import { type EndCause, type RecordNumbers, type RemoteEngine, RowValue } from '../engine/index.ts';
import {
  type Removal,
  type RowsHeader,
  readRemovals,
  readRows,
  readRowsHeader,
} from './row-codec.ts';

/** What a message of rows turned out to be. */
export type RowsTaken =
  | 'in step'
  /** From an owner that was replaced. */
  | 'stale'
  /** A message before it is missing, or it is older than a retirement that is known. */
  | 'gap'
  /** The rows here are not those that the owner has. */
  | 'mismatch';

/** What is known while all rows are asked for, answer by answer. */
class Asking {
  /** Ids of the symbols that had a row. */
  readonly seen = new Set<number>();
  /** Position of the first answer. */
  from = Number.POSITIVE_INFINITY;
}

/**
 * The rows of one shard at an edge. Those of a life are absolute and count up, so they may come
 * twice and in any order. A message that is older than a retirement may have rows of the life that
 * ended: nothing of it is taken. Once all rows were asked for, a symbol that was not among them is
 * gone.
 */
export class MirroredShard {
  /** Of the owner heard last; 0: none. */
  epoch = 0;
  /** When it was heard last, on the clock of `performance.now`; 0: not yet. */
  heardAt = 0;
  /** Whether the rows are all here. */
  isSynced = false;
  readonly #engine: RemoteEngine;
  #n = 0;
  /** Of the newest message taken, and of the newest retirement. */
  #position = 0;
  #removedAt = 0;
  /** Ticks of the rows here. */
  #ticks = 0;
  /** By symbol id: where the life of its row began; NaN: the owner did not say it. */
  readonly #lives = new Map<number, number>();

  constructor(engine: RemoteEngine) {
    this.#engine = engine;
  }

  /** Where the life of a symbol began; undefined: it has no row. */
  lifeOf(symbolId: number): number | undefined {
    return this.#lives.get(symbolId);
  }

  /** Takes a message of rows that changed. */
  take(payload: Uint8Array): RowsTaken {
    const header = readRowsHeader(payload);
    const { epoch, n, position } = header;
    if (epoch < this.epoch) return 'stale';
    this.heardAt = performance.now();
    const isNext = epoch === this.epoch && n <= this.#n + 1;
    this.epoch = epoch;
    this.#n = n;
    const isOld = position < this.#removedAt;
    if (!isOld) this.#apply(payload, position);
    if (isOld || !isNext) return 'gap';
    return this.isSynced && !this.#isEqual(header) ? 'mismatch' : 'in step';
  }

  /** All rows will be asked for, maybe not for the only time at present. */
  ask(): Asking {
    return new Asking();
  }

  /**
   * Takes an answer. Returns from where on to ask next; 0: the rows are all here.
   *
   * @throws Error if it is of an owner before, or older than what is known
   */
  takeAnswer(asking: Asking, payload: Uint8Array): number {
    const { epoch, n, next, position } = readRowsHeader(payload);
    if (epoch < this.epoch || position < this.#removedAt) throw new Error('an older answer');
    if (epoch > this.epoch) this.#n = n;
    this.epoch = epoch;
    this.#n = Math.max(this.#n, n);
    this.heardAt = performance.now();
    asking.from = Math.min(asking.from, position);
    this.#apply(payload, position, asking);
    if (next === 0) {
      this.#endUnseen(asking);
      this.isSynced = true;
    }
    return next;
  }

  #apply(payload: Uint8Array, position: number, asking?: Asking): void {
    for (const removal of readRemovals(payload)) this.#remove(removal);
    readRows(payload, (start, end, row, since) => {
      const symbolId = this.#engine.symbolId(payload, start, end);
      if (symbolId < 0) return;
      this.#takeRow(symbolId, row, since);
      asking?.seen.add(symbolId);
    });
    if (position > this.#position) this.#position = position;
  }

  #takeRow(symbolId: number, row: Float64Array, since: number): void {
    const known = this.#lives.get(symbolId);
    if (known !== undefined && since > known) this.#end(symbolId, 'missing');
    this.#ticks += this.#engine.mirrorRow(symbolId, row);
    this.#lives.set(symbolId, since);
  }

  #remove({ at, isIdle, symbol, ...numbers }: Removal): void {
    this.#removedAt = Math.max(this.#removedAt, at);
    const symbolId = this.#engine.symbols.findName(symbol);
    const known = this.#lives.get(symbolId);
    if (known === undefined || known > at) return;
    this.#end(symbolId, isIdle ? 'idle' : 'operator', numbers);
  }

  /** Ends those that had a row before the first answer, and are in none. */
  #endUnseen({ from, seen }: Asking): void {
    for (const [symbolId, since] of this.#lives) {
      if (!seen.has(symbolId) && since <= from) this.#end(symbolId, 'missing');
    }
  }

  #end(symbolId: number, cause: EndCause, numbers?: RecordNumbers): void {
    this.#ticks -= this.#engine.statistics.value(symbolId, RowValue.COUNT);
    this.#lives.delete(symbolId);
    this.#engine.endLife(symbolId, cause, numbers);
  }

  /** Whether the rows here are those of the owner, as far as can be said. */
  #isEqual({ position, symbols, ticks }: RowsHeader): boolean {
    // Where symbols did not fit, there is nothing to compare.
    if (Number.isNaN(ticks) || this.#engine.unmirrored > 0) return true;
    if (this.#ticks === ticks && this.#lives.size === symbols) return true;
    // Ahead of this message: by an answer, or an owner before.
    return Number.isNaN(position) ? this.#ticks > ticks : position < this.#position;
  }
}
