import { type MirrorRecord, StatsMirror } from '../../testkit/independent/mirror.ts';
import { FULL } from '../../testkit/independent/protocol.ts';
import { breakOff, expectThat, Violation } from '../core/violation.ts';
import type { EngineOracle } from './engine-oracle.ts';
import type { SessionInterest } from './interest.ts';

/**
 * A subscriber's copy of the statistics once it has read what was sent; each entry is checked
 * against the states that the symbol had.
 */
export class SessionMirror {
  readonly #mirror = new StatsMirror();
  readonly #engine: EngineOracle;
  readonly #interest: SessionInterest;
  /**
   * By symbol id, an update count whose state the last entry fits: none before that of the one
   * before.
   */
  readonly #counts = new Map<number, number>();

  constructor(engine: EngineOracle, interest: SessionInterest) {
    this.#engine = engine;
    this.#interest = interest;
  }

  /** Takes the ids and symbols of a SYMBOLS frame. */
  name(idsAndSymbols: readonly (number | string)[]): void {
    for (let at = 0; at < idsAndSymbols.length; at += 2) {
      const name = this.#engine.nameOf(idsAndSymbols[at] as number);
      expectThat(
        name === idsAndSymbols[at + 1],
        'ids mean the same symbols throughout an epoch',
        () => `id ${idsAndSymbols[at]} is ${name}, sent was ${idsAndSymbols[at + 1]}`,
      );
    }
    this.#mirror.name(idsAndSymbols);
  }

  /** The symbol of an id that was named. */
  symbolOf(symbolId: number): string {
    const symbol = this.#mirror.names.get(symbolId);
    if (symbol === undefined) breakOff('SYMBOLS names an id first', `id ${symbolId}`);
    return symbol;
  }

  /** Updates of a symbol that the session was sent. */
  count(symbolId: number): number {
    return this.#mirror.records.get(symbolId)?.count ?? 0;
  }

  /** A full entry of a symbol must be the next one. */
  forget(symbolId: number): void {
    this.#mirror.records.delete(symbolId);
    this.#counts.delete(symbolId);
  }

  /** Takes the numbers of a STATS frame. Returns the ids of its symbols. */
  apply(numbers: readonly number[]): number[] {
    const symbolIds: number[] = [];
    try {
      this.#mirror.apply(numbers, (symbol, record, mask, symbolId) => {
        this.#checkMask(symbol, mask);
        this.#checkState(symbol, symbolId, record);
        symbolIds.push(symbolId);
      });
    } catch (error) {
      if (error instanceof Violation) throw error;
      breakOff('entries follow the protocol', String(error));
    }
    return symbolIds;
  }

  digest(): { readonly digest: number; readonly symbolCount: number } {
    return this.#mirror.digest();
  }

  /** What keeps the copy from being the newest state, in words; undefined when it is. */
  lag(symbolId: number): string | undefined {
    const symbol = this.#engine.nameOf(symbolId);
    const model = this.#engine.model(symbolId);
    const interest = this.#interest.of(symbol);
    if (interest === undefined || interest.fields === 0) return undefined;
    if (model.last === undefined) return undefined;
    const record = this.#mirror.records.get(symbolId);
    const count = model.states.length;
    if (record !== undefined && model.isState(count, record)) return undefined;
    return `${symbol} is at ${JSON.stringify(record)} of ${count} updates`;
  }

  #checkMask(symbol: string, mask: number): void {
    const wanted = this.#interest.of(symbol)?.fields ?? 0;
    const fields = mask & ~FULL;
    expectThat(
      wanted !== 0 && (fields & ~wanted) === 0,
      'entries carry what is subscribed to',
      () => `${symbol}: an entry with mask ${mask}, wanted is ${wanted}`,
    );
    expectThat(
      fields === mask || fields === wanted,
      'full entries carry all that is subscribed to',
      () => `${symbol}: fields ${fields}, wanted are ${wanted}`,
    );
  }

  /**
   * Finds the state that the record is of: one that the symbol had, and none before the last one
   * sent.
   */
  #checkState(symbol: string, symbolId: number, record: Readonly<MirrorRecord>): void {
    const model = this.#engine.model(symbolId);
    const before = this.#counts.get(symbolId) ?? 1;
    const last = record.count ?? model.states.length;
    let count = Math.max(before, record.count ?? before);
    while (count <= last && !model.isState(count, record)) count++;
    expectThat(
      count <= last,
      'every state sent is one that the symbol had, in order',
      () =>
        `${symbol}: ${JSON.stringify(record)} after ${before} updates, ` +
        `the symbol had ${model.describe(last)}`,
    );
    this.#counts.set(symbolId, count);
  }
}
