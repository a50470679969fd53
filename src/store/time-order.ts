import type { RaisedRecord } from '../protocol/index.ts';

/** A place in the order of a time key, without its bytes: time, then symbol, then sequence. */
export type TimePosition = RaisedRecord;

export function compareByTime(a: TimePosition, b: TimePosition): number {
  return a.time - b.time || compareSymbols(a.symbol, b.symbol) || a.sequence - b.sequence;
}

/** Compares as the bytes of UTF-8 do, which is the order of code points. */
function compareSymbols(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const left = a.charCodeAt(i);
    const right = b.charCodeAt(i);
    if (left === right) continue;
    // Half of a code point beyond all that need one unit.
    const isLeftHigh = isSurrogate(left);
    if (isLeftHigh !== isSurrogate(right)) return isLeftHigh ? 1 : -1;
    return left - right;
  }
  return a.length - b.length;
}

function isSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff;
}

/** Index of the first item at or after a position in a sorted list. */
function firstAtOrAfter(sorted: readonly RaisedRecord[], position: TimePosition): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareByTime(sorted[middle] as RaisedRecord, position) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A sorted list, and the index of its next item. */
interface Source<R extends RaisedRecord> {
  readonly items: readonly R[];
  next: number;
}

/** The first `limit` items of sorted lists from `start` on, in order; one in several lists once. */
export function mergeByTime<R extends RaisedRecord>(
  lists: readonly (readonly R[])[],
  start: TimePosition,
  limit: number,
): R[] {
  const sources: Source<R>[] = lists.map((items) => {
    return { items, next: firstAtOrAfter(items, start) };
  });
  const merged: R[] = [];
  while (merged.length < limit) {
    const least = leastOf(sources);
    const item = least?.items[least.next];
    if (least === undefined || item === undefined) break;
    least.next++;
    const last = merged.at(-1);
    if (last === undefined || compareByTime(last, item) < 0) merged.push(item);
  }
  return merged;
}

/** The source with the least next item; undefined when all are at their end. */
function leastOf<R extends RaisedRecord>(sources: readonly Source<R>[]): Source<R> | undefined {
  let least: Source<R> | undefined;
  let leastItem: R | undefined;
  for (const source of sources) {
    const item = source.items[source.next];
    if (item === undefined) continue;
    if (leastItem !== undefined && compareByTime(leastItem, item) <= 0) continue;
    least = source;
    leastItem = item;
  }
  return least;
}
