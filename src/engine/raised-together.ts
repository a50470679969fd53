import type { RaisedRecord } from '../protocol/index.ts';

/** Places of the kinds of a symbol. */
export const RAISED_FIRST = 0;
export const RAISED_SECOND = 1;

interface Held {
  readonly symbol: string;
  readonly kind: number;
  readonly pass: () => void;
}

/**
 * Puts what one event raises of several symbols into the order of their names. Ids would do within
 * a process, but they are given anew by a snapshot, and after a retirement otherwise than before.
 */
export class RaisedTogether {
  #held: Held[] | undefined;

  /** Passes a record on: at once, or in its order at the end of {@link hold}. */
  take<R extends RaisedRecord>(kind: number, record: R, sink: (record: R) => void): void {
    if (this.#held === undefined) sink(record);
    else this.#held.push({ symbol: record.symbol, kind, pass: () => sink(record) });
  }

  hold(raise: () => void): void {
    const held: Held[] = [];
    this.#held = held;
    raise();
    this.#held = undefined;
    held.sort((a, b) => byText(a.symbol, b.symbol) || a.kind - b.kind);
    for (const { pass } of held) pass();
  }
}

function byText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
