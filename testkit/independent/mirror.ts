import { FIELDS, FULL } from './protocol.ts';

/** What a subscriber holds of one symbol; undefined where the session does not take the field. */
export type MirrorRecord = { [Field in (typeof FIELDS)[number]]: number | undefined };

const INCREASES: ReadonlySet<string> = new Set(['count', 'time']);

const NOTHING: MirrorRecord = {
  price: undefined,
  average: undefined,
  count: undefined,
  time: undefined,
  min: undefined,
  max: undefined,
};

/** Called for each entry once it is applied. */
export type EntrySeen = (
  symbol: string,
  record: Readonly<MirrorRecord>,
  mask: number,
  id: number,
) => void;

/** A subscriber's copy of the statistics. Every breach of the protocol's guarantees throws. */
export class StatsMirror {
  readonly names = new Map<number, string>();
  readonly records = new Map<number, MirrorRecord>();
  /** Ids that must not come again. */
  readonly retired = new Set<number>();
  entries = 0;
  fullEntries = 0;

  /** Takes the ids and symbols of a SYMBOLS frame. */
  name(idsAndSymbols: readonly unknown[]): void {
    for (let at = 0; at < idsAndSymbols.length; at += 2) {
      const [id, symbol] = idsAndSymbols.slice(at, at + 2) as [number, string];
      if (this.retired.has(id)) throw new Error(`id ${id} was retired and is ${symbol} again`);
      const known = this.names.get(id);
      if (known !== undefined && known !== symbol) {
        throw new Error(`id ${id} was ${known} and is now ${symbol}`);
      }
      this.names.set(id, symbol);
    }
  }

  /** Takes the ids of a RETIRED frame. */
  retire(ids: readonly number[]): void {
    for (const id of ids) {
      this.nameOf(id);
      this.retired.add(id);
      this.names.delete(id);
      this.records.delete(id);
    }
  }

  nameOf(id: number): string {
    const name = this.names.get(id);
    if (name === undefined) throw new Error(`id ${id} is used before SYMBOLS names it`);
    return name;
  }

  /** Applies the numbers of a STATS frame. */
  apply(numbers: readonly number[], seen: EntrySeen): void {
    for (let at = 0; at < numbers.length; ) {
      const id = numbers[at++] as number;
      const mask = numbers[at++] as number;
      const record = this.#recordFor(id, (mask & FULL) !== 0);
      FIELDS.forEach((field, bit) => {
        if ((mask & (1 << bit)) === 0) return;
        const value = numbers[at++];
        if (typeof value !== 'number') throw new Error(`the entry of id ${id} is cut off`);
        record[field] = value + this.#base(record, field, mask);
      });
      this.entries++;
      if ((mask & FULL) !== 0) this.fullEntries++;
      else if (mask === 0) throw new Error(`the entry of id ${id} says nothing`);
      seen(this.nameOf(id), record, mask, id);
    }
  }

  get(symbol: string): Readonly<MirrorRecord> | undefined {
    for (const [id, name] of this.names) if (name === symbol) return this.records.get(id);
    return undefined;
  }

  /** Forgets the symbols that `isHeld` does not hold any more. */
  forget(isHeld: (symbol: string) => boolean): void {
    for (const id of this.records.keys()) if (!isHeld(this.nameOf(id))) this.records.delete(id);
  }

  /** 32-bit FNV-1a over the records with all fields, in ascending id; and how many those are. */
  digest(): { readonly digest: number; readonly symbolCount: number } {
    let digest = 2_166_136_261;
    let symbolCount = 0;
    const bytes = Buffer.alloc(52);
    for (const id of [...this.records.keys()].sort((a, b) => a - b)) {
      const record = this.records.get(id) as MirrorRecord;
      const values = FIELDS.map((field) => record[field]).filter((value) => value !== undefined);
      if (values.length < FIELDS.length) continue;
      symbolCount++;
      bytes.writeUInt32LE(id, 0);
      for (const [index, value] of values.entries()) bytes.writeDoubleLE(value, 4 + 8 * index);
      for (const byte of bytes) digest = Math.imul(digest ^ byte, 16_777_619);
    }
    return { digest: digest >>> 0, symbolCount };
  }

  #recordFor(id: number, isFull: boolean): MirrorRecord {
    let record = this.records.get(id);
    if (record === undefined) {
      if (!isFull) throw new Error(`a delta of ${this.nameOf(id)} before its full entry`);
      record = { ...NOTHING };
      this.records.set(id, record);
    } else if (isFull) {
      Object.assign(record, NOTHING);
    }
    return record;
  }

  /** What an increase is added to. */
  #base(record: MirrorRecord, field: (typeof FIELDS)[number], mask: number): number {
    if ((mask & FULL) !== 0 || !INCREASES.has(field)) return 0;
    const old = record[field];
    if (old === undefined) throw new Error(`an increase of ${field}, which no full entry carried`);
    return old;
  }
}
