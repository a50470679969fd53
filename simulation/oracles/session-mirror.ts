import { breakOff, expectThat } from '../core/violation.ts';
import type { EngineOracle } from './engine-oracle.ts';
import { ALL_FIELDS, type HeldWants } from './held-wants.ts';
import { isAverage } from './state-check.ts';
import type { SymbolModel, SymbolState } from './symbol-model.ts';

const FULL = 64;
const COUNT = 4;
const TIME = 8;

/** What a subscriber holds of a symbol: NaN where it does not take the field. */
interface MirrorRecord {
  /** Mask of the fields taken. */
  fields: number;
  price: number;
  average: number;
  count: number;
  time: number;
  min: number;
  max: number;
  /** A state that it fits, as an update count: none before the one of the entry before. */
  state: number;
}

const KEYS = ['price', 'average', 'count', 'time', 'min', 'max'] as const;
const view = new DataView(new ArrayBuffer(52));

/**
 * A subscriber's copy of the statistics, as it is or will be when it has read what was sent; each entry is checked against
 * the states that the symbol had.
 */
export class SessionMirror {
  readonly records = new Map<number, MirrorRecord>();
  readonly #engine: EngineOracle;
  readonly #wants: HeldWants;
  readonly #names = new Map<number, string>();

  constructor(engine: EngineOracle, wants: HeldWants) {
    this.#engine = engine;
    this.#wants = wants;
  }

  /** Takes the ids and symbols of a SYMBOLS frame. */
  name(idsAndSymbols: readonly (number | string)[]): void {
    for (let at = 0; at < idsAndSymbols.length; at += 2) {
      const symbolId = idsAndSymbols[at] as number;
      const symbol = idsAndSymbols[at + 1] as string;
      expectThat(
        this.#engine.nameOf(symbolId) === symbol,
        'ids mean the same symbols throughout an epoch',
        () => `id ${symbolId} is ${this.#engine.nameOf(symbolId)}, told was ${symbol}`,
      );
      this.#names.set(symbolId, symbol);
    }
  }

  /** The symbol of an id that was named. */
  symbolOf(symbolId: number): string {
    const symbol = this.#names.get(symbolId);
    if (symbol === undefined) breakOff('SYMBOLS names an id first', `id ${symbolId}`);
    return symbol;
  }

  /** A full entry of a symbol must be the next one. */
  forget(symbolId: number): void {
    this.records.delete(symbolId);
  }

  /** Takes the numbers of a STATS frame. */
  apply(numbers: readonly number[]): void {
    for (let at = 0; at < numbers.length; ) at = this.#applyEntry(numbers, at);
  }

  /** The digest of the symbols held with all fields, 32-bit FNV-1a over their records in ascending id; and their number. */
  digest(): { readonly value: number; readonly symbols: number } {
    let hash = 2_166_136_261;
    let symbols = 0;
    for (const symbolId of [...this.records.keys()].sort((a, b) => a - b)) {
      const record = this.records.get(symbolId) as MirrorRecord;
      if (record.fields !== ALL_FIELDS) continue;
      symbols++;
      view.setUint32(0, symbolId, true);
      KEYS.forEach((key, index) => {
        view.setFloat64(4 + 8 * index, record[key], true);
      });
      for (let i = 0; i < 52; i++) hash = Math.imul(hash ^ view.getUint8(i), 16_777_619);
    }
    return { value: hash >>> 0, symbols };
  }

  /** What keeps the copy from being the newest state, in words; undefined when it is. */
  lag(symbolId: number): string | undefined {
    const symbol = this.#engine.nameOf(symbolId);
    const model = this.#engine.model(symbolId);
    const wants = this.#wants.of(symbol);
    if (wants === undefined || wants.fields === 0 || model.last === undefined) return undefined;
    const record = this.records.get(symbolId);
    const count = model.states.length;
    if (record !== undefined && fits(record, model.last, count)) return undefined;
    return `${symbol} is at ${JSON.stringify(record)} of ${count} updates`;
  }

  #applyEntry(numbers: readonly number[], start: number): number {
    const symbolId = numbers[start] as number;
    const mask = numbers[start + 1] as number;
    const symbol = this.symbolOf(symbolId);
    const record = this.#recordFor(symbolId, symbol, mask);
    let at = start + 2;
    KEYS.forEach((key, bit) => {
      if ((mask & (1 << bit)) === 0) return;
      const value = numbers[at++] as number;
      const isIncrease = (mask & FULL) === 0 && (1 << bit === COUNT || 1 << bit === TIME);
      record[key] = isIncrease ? record[key] + value : value;
    });
    this.#checkState(symbol, this.#engine.model(symbolId), record);
    return at;
  }

  #recordFor(symbolId: number, symbol: string, mask: number): MirrorRecord {
    const wanted = this.#wants.of(symbol)?.fields ?? 0;
    const fields = mask & ~FULL;
    expectThat(
      wanted !== 0 && mask !== 0 && (fields & ~wanted) === 0,
      'entries carry what is subscribed to',
      () => `${symbol}: an entry with mask ${mask}, wanted is ${wanted}`,
    );
    const known = this.records.get(symbolId);
    if ((mask & FULL) === 0) {
      if (known !== undefined) return known;
      breakOff('the first entry of a symbol is full', `${symbol}: mask ${mask}`);
    }
    expectThat(
      fields === wanted,
      'full entries carry all that is subscribed to',
      () => `${symbol}: fields ${fields}, wanted are ${wanted}`,
    );
    const none = { price: NaN, average: NaN, count: NaN, time: NaN, min: NaN, max: NaN };
    const record: MirrorRecord = { fields, ...none, state: known?.state ?? 1 };
    this.records.set(symbolId, record);
    return record;
  }

  /** Finds the state that the record is of: one that the symbol had, and none before the last that was told. */
  #checkState(symbol: string, model: SymbolModel, record: MirrorRecord): void {
    const { states } = model;
    if ((record.fields & COUNT) !== 0) {
      const state = states[record.count - 1];
      expectThat(
        state !== undefined && record.count >= record.state && fits(record, state, record.count),
        'every state told is one that the symbol had, in order',
        () => `${symbol}: ${JSON.stringify(record)}, the symbol had ${JSON.stringify(state)}`,
      );
      record.state = record.count;
      return;
    }
    for (let count = record.state; count <= states.length; count++) {
      if (!fits(record, states[count - 1] as SymbolState, count)) continue;
      record.state = count;
      return;
    }
    const newest = JSON.stringify(model.last);
    breakOff(
      'every state told is one that the symbol had, in order',
      `${symbol}: ${JSON.stringify(record)}; the newest of ${states.length} is ${newest}`,
    );
  }
}

function fits(record: MirrorRecord, state: SymbolState, count: number): boolean {
  const { fields } = record;
  return (
    ((fields & 1) === 0 || record.price === state.price) &&
    ((fields & 2) === 0 || isAverage(record.average, state.average)) &&
    ((fields & COUNT) === 0 || record.count === count) &&
    ((fields & TIME) === 0 || record.time === state.time) &&
    ((fields & 16) === 0 || record.min === state.min) &&
    ((fields & 32) === 0 || record.max === state.max)
  );
}
