/*
 * What a worker keeps of a symbol beside its row, 64 bytes; touched by the worker of the symbol's partition only.
 *
 *   0       8             16     20      24     28     32     36      40     44     48          64
 *   ├ sum ──┼ correction ─┼ unit ┼ class ┼ head ┼ size ┼ unit ┼ class ┼ head ┼ size ┼──── -- ───┤
 *     of the moving average  deque of minima              deque of maxima
 *     float64                int32 each
 */
const STATE_BYTES = 64;
export const STATE_WORDS = STATE_BYTES / 4;
export const STATE_DOUBLES = STATE_BYTES / 8;

/** Doubles from the start of a state. */
export const SUM = 0;
export const CORRECTION = 1;

/** Words from the start of a state: where each deque's four words begin, and their order. */
export const MINIMA = 4;
export const MAXIMA = 8;
export const DequeWord = { UNIT: 0, CLASS: 1, HEAD: 2, SIZE: 3 } as const;

export function createSymbolStates(symbols: number): SharedArrayBuffer {
  return new SharedArrayBuffer(symbols * STATE_BYTES);
}
