import type { ChangeSet } from './memory/change-set.ts';
import type { PlaceArena } from './memory/place-arena.ts';
import { RowValue, type StatisticsTable } from './memory/statistics-table.ts';
import type { BlockReclaimer, MonotonicDeque } from './sliding-window.ts';
import { TickDouble, type TickScratch } from './tick-scratch.ts';

/** Symbols looked at in one call: some ms. */
const LOOKS_MAX = 65_536;
/** After a round that found too little, the next begins after this part of a window. */
const ROUNDS_PER_WINDOW = 16;

/** The parts of a partition that symbols have blocks in. */
export interface WindowParts {
  readonly arena: PlaceArena;
  readonly table: StatisticsTable;
  readonly minima: MonotonicDeque;
  readonly maxima: MonotonicDeque;
  /** Symbols that the next capture copies; undefined if none are made. */
  readonly changes: ChangeSet | undefined;
  /** Windows of rules may be longer than that of the tick. */
  readonly ruled: { readonly longestMs: number } | undefined;
}

/**
 * Takes blocks from symbols whose windows have passed, when the arena has none left. A symbol
 * without ticks does no work, so it would keep its block for ever.
 *
 * A window has passed if the symbol's newest tick is older than the window of the tick that needs a
 * block. The symbol keeps its newest place: with it, a tick that comes in spite of that, with a
 * time inside the old window, finds out that places are missing, and counts them.
 *
 * One thread only; never allocates. A worker that dies in here leaves the symbol in the arena's
 * `reclaiming`.
 */
export class IdleWindows implements BlockReclaimer {
  readonly #parts: WindowParts;
  /** The next symbol to look at, and how many are left of this round. */
  #next = 0;
  #left = 0;
  /** Time of the tick from which on a new round may begin. */
  #notBefore = Number.NEGATIVE_INFINITY;

  constructor(parts: WindowParts) {
    this.#parts = parts;
  }

  /** Frees blocks until there is one of the class, or no more symbols are to be looked at. */
  free(sizeClass: number, except: number, tick: TickScratch): void {
    const { arena, ruled } = this.#parts;
    const time = tick[TickDouble.TIME] as number;
    const oldest = Math.min(tick[TickDouble.OLDEST] as number, time - (ruled?.longestMs ?? 0));
    if (this.#left === 0 && !this.#begin(time, oldest)) return;
    for (let looks = 0; looks < LOOKS_MAX && this.#left > 0; looks++) {
      const symbolId = this.#next;
      this.#next = symbolId + 1 < arena.symbols ? symbolId + 1 : 0;
      this.#left--;
      if (symbolId !== except && this.#hasPassed(symbolId, oldest)) this.#trim(symbolId);
      if (arena.hasFree(sizeClass)) {
        // The next round may find more.
        this.#left = arena.symbols;
        return;
      }
    }
  }

  /** Begins a round; false if the last one, which found too little, is not long past. */
  #begin(time: number, oldest: number): boolean {
    if (time < this.#notBefore) return false;
    this.#notBefore = time + (time - oldest) / ROUNDS_PER_WINDOW;
    this.#left = this.#parts.arena.symbols;
    return true;
  }

  #hasPassed(symbolId: number, oldest: number): boolean {
    const { maxima, minima, table } = this.#parts;
    if (!minima.hasBlock(symbolId) && !maxima.hasBlock(symbolId)) return false;
    return table.value(symbolId, RowValue.TIME) < oldest;
  }

  #trim(symbolId: number): void {
    const { arena, changes, maxima, minima } = this.#parts;
    changes?.mark(symbolId);
    arena.reclaiming = symbolId;
    if (minima.hasBlock(symbolId)) minima.trim(symbolId);
    if (maxima.hasBlock(symbolId)) maxima.trim(symbolId);
    arena.reclaiming = -1;
  }
}
