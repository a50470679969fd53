import type { ChangeSet } from './memory/change-set.ts';
import { Counter, type Counters } from './memory/counters.ts';
import {
  ReorderBuffers,
  ReorderDouble,
  type ReorderMemory,
  ReorderWord,
  waitingSymbols,
} from './memory/reorder-memory.ts';
import { TickDouble, type TickScratch } from './tick-scratch.ts';

/**
 * Holds ticks back until earlier ones can no longer be expected, sorted by time, and by arrival
 * among equals. One thread only; never allocates.
 *
 * `Counter.HELD` follows the sizes of all buffers; a successor counts anew.
 */
export class ReorderBuffer {
  readonly #buffers: ReorderBuffers;
  readonly #waiting: ChangeSet;
  readonly #counters: Counters;
  readonly #ticksMax: number;

  constructor(memory: ReorderMemory, counters: Counters) {
    this.#buffers = new ReorderBuffers(memory.buffers, memory.ticks);
    this.#waiting = waitingSymbols(memory);
    this.#counters = counters;
    this.#ticksMax = memory.ticks;
    let held = 0;
    this.#waiting.forEach((symbolId) => {
      held += this.#buffers.size(symbolId);
    });
    counters.add(Counter.HELD, held - counters.get(Counter.HELD));
  }

  /** Ticks that wait, of all symbols. */
  get held(): number {
    return this.#counters.get(Counter.HELD);
  }

  /** Ticks of a symbol that wait. */
  size(symbolId: number): number {
    return this.#buffers.size(symbolId);
  }

  /** Whether a symbol has more ticks than may wait: the oldest has to leave. */
  isOverfull(symbolId: number): boolean {
    return this.size(symbolId) > this.#ticksMax;
  }

  /** Puts the tick where it belongs. The symbol is not overfull. */
  hold(symbolId: number, tick: TickScratch): void {
    const buffers = this.#buffers;
    const { doubles, words } = buffers;
    const base = symbolId * buffers.doublesEach;
    const size = words[2 * base + ReorderWord.SIZE] as number;
    if (size === 0) this.#waiting.mark(symbolId);
    doubles[base + ReorderDouble.ARRIVED] = tick[TickDouble.ARRIVED] as number;
    const time = tick[TickDouble.TIME] as number;
    let place = buffers.placeAt(base, size);
    for (let i = size; i > 0; i--) {
      const before = buffers.placeAt(base, i - 1);
      if ((doubles[before] as number) <= time) break;
      doubles[place] = doubles[before] as number;
      doubles[place + 1] = doubles[before + 1] as number;
      place = before;
    }
    doubles[place] = time;
    doubles[place + 1] = tick[TickDouble.PRICE] as number;
    words[2 * base + ReorderWord.SIZE] = size + 1;
    this.#counters.add(Counter.HELD, 1);
  }

  /**
   * Takes the oldest tick of a symbol if its time is at or below the tick's WATERMARK, and writes
   * it to the tick. Returns whether there was one.
   */
  tryTake(symbolId: number, tick: TickScratch): boolean {
    const buffers = this.#buffers;
    const { doubles, words } = buffers;
    const base = symbolId * buffers.doublesEach;
    const size = words[2 * base + ReorderWord.SIZE] as number;
    if (size === 0) return false;
    const place = buffers.placeAt(base, 0);
    const time = doubles[place] as number;
    if (time > (tick[TickDouble.WATERMARK] as number)) return false;
    tick[TickDouble.TIME] = time;
    tick[TickDouble.PRICE] = doubles[place + 1] as number;
    const next = (words[2 * base + ReorderWord.HEAD] as number) + 1;
    words[2 * base + ReorderWord.HEAD] = next === buffers.places ? 0 : next;
    words[2 * base + ReorderWord.SIZE] = size - 1;
    if (size === 1) this.#waiting.clear(symbolId);
    this.#counters.add(Counter.HELD, -1);
    return true;
  }

  /** Whether a tick of the symbol was released before. */
  hasStarted(symbolId: number): boolean {
    const { doublesEach, words } = this.#buffers;
    return words[2 * symbolId * doublesEach + ReorderWord.STARTED] !== 0;
  }

  /**
   * Whether a released tick is older than one that was released before, which is then written to
   * the tick's NEWEST; else it is the newest now.
   */
  isBehind(symbolId: number, tick: TickScratch): boolean {
    const { doubles, doublesEach, words } = this.#buffers;
    const base = symbolId * doublesEach;
    const newest = doubles[base + ReorderDouble.NEWEST_TIME] as number;
    const isStarted = words[2 * base + ReorderWord.STARTED] !== 0;
    if (isStarted && (tick[TickDouble.TIME] as number) < newest) {
      tick[TickDouble.NEWEST_TIME] = newest;
      tick[TickDouble.NEWEST_PRICE] = doubles[base + ReorderDouble.NEWEST_PRICE] as number;
      return true;
    }
    doubles[base + ReorderDouble.NEWEST_TIME] = tick[TickDouble.TIME] as number;
    doubles[base + ReorderDouble.NEWEST_PRICE] = tick[TickDouble.PRICE] as number;
    words[2 * base + ReorderWord.STARTED] = 1;
    return false;
  }

  /**
   * Calls `visit` for each symbol with ticks whose last one was received at or before a moment, ms
   * since the epoch. It may take them.
   */
  forEachQuiet(arrivedBy: number, visit: (symbolId: number) => void): void {
    const { doubles, doublesEach } = this.#buffers;
    this.#waiting.forEach((symbolId) => {
      const arrived = doubles[symbolId * doublesEach + ReorderDouble.ARRIVED] as number;
      if (arrived <= arrivedBy) visit(symbolId);
    });
  }

  /** Times run back: what comes next is the newest. */
  startOver(symbolId: number): void {
    const { doublesEach, words } = this.#buffers;
    words[2 * symbolId * doublesEach + ReorderWord.STARTED] = 0;
  }

  /** Drops the ticks of a symbol, whose buffer may have been left half written. */
  clear(symbolId: number): void {
    const { doublesEach, words } = this.#buffers;
    const base = 2 * symbolId * doublesEach;
    this.#counters.add(Counter.HELD, -(words[base + ReorderWord.SIZE] as number));
    words[base + ReorderWord.SIZE] = 0;
    words[base + ReorderWord.HEAD] = 0;
    this.#waiting.clear(symbolId);
  }
}
