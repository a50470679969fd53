import { float64s, int32s, sharedMemory } from '../../threads/shared-memory.ts';

/*
 * All that the engine holds of one symbol, in adjacent cache lines of one page instead of five
 * lines in five tables. One record a symbol, by symbol id. Single writer: the worker of the
 * symbol's partition.
 *
 *   0            64           128          192          256
 *   ├ row ───────┼ state ─────┼ minima ────┼ maxima ────┼ prices ──────────────┐
 *     statistics   sum and      the first PLACES_MIN      the moving average's
 *     that others  deques       places of each deque      ring: `window` float64,
 *     read                                                filled up to a line
 *
 *   state, from its start
 *   0     8            16     20      24     28     32     36      40     44     48      56    64
 *   ├ sum ┼ correction ┼ unit ┼ class ┼ head ┼ size ┼ unit ┼ class ┼ head ┼ size ┼ since ┼ peak ┤
 *     of the moving      deque of minima              deque of maxima              float64
 *     average, float64   int32 each
 *
 * `peak` is the greatest sum since it was last rebuilt, negative while `sum` is scaled:
 * `moving-average.ts`.
 *
 * `since` counts the symbol's ticks before the first one in the ring of prices: 0 except for a
 * symbol restored with a longer window than before, until its ring is full.
 *
 * `statistics-table.ts` draws the row, `place-arena.ts` the places. Only the row is read by other
 * threads while its writer runs; the rest is for the writer's successor, which starts after it
 * ended.
 */
const LINE_BYTES = 64;
const PRICES_BYTES_FROM = 4 * LINE_BYTES;

/** Doubles from the start of a record. */
export const RecordDouble = {
  COUNT: 3,
  ANOMALIES: 7,
  SUM: 8,
  CORRECTION: 9,
  SINCE: 14,
  PEAK: 15,
  MINIMA: 16,
  MAXIMA: 24,
  PRICES: 32,
} as const;

/** Words from the start of a record: where each deque's four words begin; then their order. */
export const RecordWord = { MINIMA: 20, MAXIMA: 24 } as const;
export const DequeWord = { UNIT: 0, CLASS: 1, HEAD: 2, SIZE: 3 } as const;

const LINE_WORDS = LINE_BYTES / 4;

function recordBytes(window: number): number {
  return PRICES_BYTES_FROM + Math.ceil((window * 8) / LINE_BYTES) * LINE_BYTES;
}

export function symbolRecordsBytes(symbols: number, window: number): number {
  return symbols * recordBytes(window);
}

/** Shared memory for the records of `symbols` symbols with a moving average of `window` ticks. */
export function createSymbolRecords(symbols: number, window: number): SharedArrayBuffer {
  return sharedMemory(symbolRecordsBytes(symbols, window));
}

/**
 * The records as words and as doubles: record i begins at `i * wordsEach` and `i * doublesEach`.
 */
export class SymbolRecords {
  readonly words: Int32Array;
  readonly doubles: Float64Array;
  readonly wordsEach: number;
  readonly doublesEach: number;
  readonly symbols: number;

  /** @param window ticks in the moving average, as when the memory was made */
  constructor(memory: SharedArrayBuffer, window: number) {
    this.words = int32s(memory);
    this.doubles = float64s(memory);
    this.wordsEach = recordBytes(window) / 4;
    this.doublesEach = recordBytes(window) / 8;
    this.symbols = memory.byteLength / recordBytes(window);
  }

  /** Zeroes the state of a symbol, whose deques are in its record. Single writer. */
  clearState(symbolId: number): void {
    const state = symbolId * this.doublesEach + LINE_BYTES / 8;
    for (let i = state; i < state + LINE_BYTES / 8; i++) this.doubles[i] = 0;
  }

  /**
   * Prefetches the first four lines of a record, so that several cache misses overlap. The result
   * only defeats dead-code elimination.
   */
  prefetch(symbolId: number): number {
    const { words } = this;
    const at = symbolId * this.wordsEach;
    return (
      (words[at] as number) ^
      (words[at + LINE_WORDS] as number) ^
      (words[at + 2 * LINE_WORDS] as number) ^
      (words[at + 3 * LINE_WORDS] as number)
    );
  }
}
