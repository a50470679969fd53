import { Mirror } from '../../client-sdk/src/subscriber/mirror.ts';
import { ALL_FIELDS, type SymbolValues } from '../../src/protocol/index.ts';

/** The SDK's mirror with the protocol's names of the values, and a symbol for every id. */
export class SdkMirror {
  readonly #mirror = new Mirror();

  /**
   * Applies the entries of a STATS frame.
   *
   * @returns for each entry the id, the mask, and the values after the frame
   * @throws RangeError as the SDK does
   */
  apply(entries: readonly number[]): [symbolId: number, mask: number, values: SymbolValues][] {
    this.#mirror.learnNames(idsOf(entries).flatMap((id) => [id, `S${id}`]));
    const changes = this.#mirror.apply(entries);
    return changes.map((change) => [change.symbolId, change.changed, valuesOf(change)]);
  }

  /** The values of all symbols, by id. */
  get values(): Map<number, SymbolValues> {
    return new Map([...this.#mirror.symbols()].map((row) => [row.symbolId, valuesOf(row)]));
  }
}

function idsOf(entries: readonly number[]): number[] {
  const ids: number[] = [];
  for (let at = 0; at < entries.length; ) {
    ids.push(entries[at] as number);
    const fields = (entries[at + 1] ?? 0) & ALL_FIELDS;
    at += 2 + fields.toString(2).replaceAll('0', '').length;
  }
  return ids;
}

function valuesOf(row: ReturnType<Mirror['apply']>[number]): SymbolValues {
  return {
    price: row.currentPrice,
    average: row.movingAverage,
    count: row.updateCount,
    time: row.lastUpdateTime,
    min: row.minPrice,
    max: row.maxPrice,
  };
}
