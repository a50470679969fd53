import { type DequeKind, MAXIMA, MINIMA, readPlaces } from './memory/deque-places.ts';
import { PLACES_MIN, type PlaceArena } from './memory/place-arena.ts';
import { RowValue, type StatisticsTable } from './memory/statistics-table.ts';
import type { SymbolRecords } from './memory/symbol-records.ts';
import type { MonotonicDeque, PlaceBudget } from './sliding-window.ts';
import { TickDouble, type TickScratch } from './tick-scratch.ts';

/** Times from which on windows count as passed are so many in a window. */
const STEPS_PER_WINDOW = 16;

/** The parts of a partition that symbols have places in. */
export interface BudgetParts {
  readonly arena: PlaceArena;
  readonly records: SymbolRecords;
  readonly table: StatisticsTable;
  readonly minima: MonotonicDeque;
  readonly maxima: MonotonicDeque;
  /** Windows of rules may be longer than that of the tick. */
  readonly ruled: { readonly longestMs: number } | undefined;
}

/** What a deque has of the budget: the places in its record are its own. */
const weight = (places: number) => (places > PLACES_MIN ? places : 0);

/**
 * Bounds the places of all windows of a shard together, `placesMax` of the arena, such that who may
 * grow is a function of what the windows hold, and so of the log: block sizes, fragmentation and
 * what was looked at before are not in a snapshot, and must not matter. The arena is large enough
 * for any deques with so many places, once their blocks are moved together.
 *
 * At the bound, all symbols give up their windows whose newest tick is older than the window of the
 * tick that needs a place. They keep the newest place, so that a later tick with a time inside the
 * old window counts what is missing.
 *
 * One thread only, and no successor: nothing here survives the thread.
 */
export class WindowBudget implements PlaceBudget {
  readonly #parts: BudgetParts;
  #places = 0;
  /** No symbol with places of the budget has a newest tick before this. */
  #earliest = Number.NEGATIVE_INFINITY;

  constructor(parts: BudgetParts) {
    this.#parts = parts;
    const { arena, maxima, minima } = parts;
    for (let id = 0; id < arena.symbols; id++) {
      this.#places += weight(minima.size(id)) + weight(maxima.size(id));
    }
  }

  admits(symbolId: number, before: number, after: number, tick: TickScratch): boolean {
    const more = weight(after) - weight(before);
    const { placesMax } = this.#parts.arena;
    if (more <= 0 || this.#places + more <= placesMax) return true;
    this.#trimIdle(symbolId, tick);
    return this.#places + more <= placesMax;
  }

  changed(before: number, after: number, time: number): void {
    this.#places += weight(after) - weight(before);
    if (weight(before) === 0 && time < this.#earliest) this.#earliest = time;
  }

  /**
   * Copies all places out, frees the blocks, and takes new ones, as small as will do. Without a gap
   * between them, what is left free is one block, or a few that are each half the next.
   */
  compact(): void {
    const { arena, maxima, minima, records } = this.#parts;
    const held: { deque: MonotonicDeque; id: number; places: Float64Array }[] = [];
    const collect = (deque: MonotonicDeque, kind: DequeKind, id: number) => {
      if (!deque.hasBlock(id)) return;
      held.push({ deque, id, places: readPlaces(records, arena.doubles, id, kind) });
    };
    for (let id = 0; id < arena.symbols; id++) {
      collect(minima, MINIMA, id);
      collect(maxima, MAXIMA, id);
    }
    const places = this.#places;
    for (const { deque, id } of held) deque.release(id);
    for (const { deque, id, places: own } of held) deque.restore(id, own);
    this.#places = places;
  }

  #trimIdle(except: number, tick: TickScratch): void {
    const time = tick[TickDouble.TIME] as number;
    const { arena, maxima, minima, ruled, table } = this.#parts;
    const oldest = Math.min(tick[TickDouble.OLDEST] as number, time - (ruled?.longestMs ?? 0));
    // In steps, since a look at all symbols takes a while.
    const step = Math.max(1, (time - oldest) / STEPS_PER_WINDOW);
    const since = Math.floor(oldest / step) * step;
    if (this.#earliest >= since) return;
    let earliest = time;
    for (let id = 0; id < arena.symbols; id++) {
      const hasMinima = weight(minima.size(id)) > 0;
      const hasMaxima = weight(maxima.size(id)) > 0;
      if (!hasMinima && !hasMaxima) continue;
      const newest = table.value(id, RowValue.TIME);
      if (id === except || newest >= since) {
        earliest = Math.min(earliest, newest);
        continue;
      }
      if (hasMinima) minima.trim(id);
      if (hasMaxima) maxima.trim(id);
    }
    this.#earliest = earliest;
  }
}
