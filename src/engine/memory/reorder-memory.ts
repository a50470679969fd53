import { float64s, int32s, sharedMemory } from '../../threads/shared-memory.ts';
/*
 * Ticks that wait for earlier ones (`processing.allowedLatenessMs`): a buffer a symbol, by symbol
 * id, and for each partition the set of its symbols whose buffer holds any. Single writer: the
 * worker of the symbol's partition.
 *
 *   0      4      8         16            24             32          64
 *   ├ head ┼ size ┼ started ┼ newest time ┼ newest price ┼ arrived ─┼ places: time, price … ─┤
 *     int32  int32  int32 −   float64       float64        float64    float64 each
 *
 * A buffer is a ring of `ticks` + 1 places, sorted by time, ticks of one time as they arrived. A
 * tick is put in before the oldest leaves, thus the one place more.
 *
 * `newest` is the tick with the greatest time that was released, if `started`; `arrived` when the
 * symbol's last tick was received. The system backs pages with memory when they are first written.
 */
import { ChangeSet, createChangeSet } from './change-set.ts';
import { PLACE_DOUBLES } from './place-arena.ts';

const LINE_DOUBLES = 8;

/** Words, and doubles, from the start of a buffer. */
export const ReorderWord = { HEAD: 0, SIZE: 1, STARTED: 2 } as const;
export const ReorderDouble = { NEWEST_TIME: 2, NEWEST_PRICE: 3, ARRIVED: 4, PLACES: 8 } as const;

/** A partition's part; all partitions share the buffers. */
export interface ReorderMemory {
  readonly buffers: SharedArrayBuffer;
  /** The partition's symbols whose buffer holds ticks. */
  readonly waiting: SharedArrayBuffer;
  /** Ticks that a buffer may hold. */
  readonly ticks: number;
}

/** What a symbol's detection has come to while ticks wait. */
export interface DetectionState {
  /** The newest tick that was released; undefined if none. */
  readonly newest: { readonly time: number; readonly price: number } | undefined;
  /** When its last tick was received, ms since the epoch. */
  readonly arrivedAt: number;
  /** Ticks that wait, oldest first: time and price each. */
  readonly held: Float64Array;
}

/** Bytes of the buffers of `symbols` symbols, for `ticks` ticks each. */
export function reorderBytes(symbols: number, ticks: number): number {
  return symbols * doublesEach(ticks) * 8;
}

export function createReorderBuffers(symbols: number, ticks: number): SharedArrayBuffer {
  return sharedMemory(reorderBytes(symbols, ticks));
}

export function createReorderMemory(
  buffers: SharedArrayBuffer,
  symbols: number,
  ticks: number,
): ReorderMemory {
  return { buffers, waiting: createChangeSet(symbols), ticks };
}

function doublesEach(ticks: number): number {
  const doubles = ReorderDouble.PLACES + (ticks + 1) * PLACE_DOUBLES;
  return Math.ceil(doubles / LINE_DOUBLES) * LINE_DOUBLES;
}

/** The buffers as words and as doubles. */
export class ReorderBuffers {
  readonly words: Int32Array;
  readonly doubles: Float64Array;
  readonly doublesEach: number;
  /** Places of a ring. */
  readonly places: number;

  constructor(memory: SharedArrayBuffer, ticks: number) {
    this.words = int32s(memory);
    this.doubles = float64s(memory);
    this.doublesEach = doublesEach(ticks);
    this.places = ticks + 1;
  }

  size(symbolId: number): number {
    return this.words[2 * symbolId * this.doublesEach + ReorderWord.SIZE] as number;
  }

  /** Copies a buffer to the same offset of other memory of this layout. */
  copyTo(to: ReorderBuffers, symbolId: number): void {
    const base = symbolId * this.doublesEach;
    for (let i = base; i < base + ReorderDouble.PLACES; i++)
      to.doubles[i] = this.doubles[i] as number;
    const size = this.size(symbolId);
    for (let i = 0; i < size; i++) {
      const place = this.placeAt(base, i);
      to.doubles[place] = this.doubles[place] as number;
      to.doubles[place + 1] = this.doubles[place + 1] as number;
    }
  }

  read(symbolId: number): DetectionState {
    const { doubles, words } = this;
    const base = symbolId * this.doublesEach;
    const held = new Float64Array(this.size(symbolId) * PLACE_DOUBLES);
    for (let i = 0; i < held.length; i += PLACE_DOUBLES) {
      const place = this.placeAt(base, i / PLACE_DOUBLES);
      held[i] = doubles[place] as number;
      held[i + 1] = doubles[place + 1] as number;
    }
    const newest = {
      time: doubles[base + ReorderDouble.NEWEST_TIME] as number,
      price: doubles[base + ReorderDouble.NEWEST_PRICE] as number,
    };
    return {
      newest: words[2 * base + ReorderWord.STARTED] === 0 ? undefined : newest,
      arrivedAt: doubles[base + ReorderDouble.ARRIVED] as number,
      held,
    };
  }

  /** Writes the state of a symbol whose buffer is empty; `held` fits. */
  write(symbolId: number, { newest, arrivedAt, held }: DetectionState): void {
    const { doubles, words } = this;
    const base = symbolId * this.doublesEach;
    doubles[base + ReorderDouble.NEWEST_TIME] = newest?.time ?? 0;
    doubles[base + ReorderDouble.NEWEST_PRICE] = newest?.price ?? 0;
    doubles[base + ReorderDouble.ARRIVED] = arrivedAt;
    words[2 * base + ReorderWord.STARTED] = newest === undefined ? 0 : 1;
    words[2 * base + ReorderWord.HEAD] = 0;
    doubles.set(held, base + ReorderDouble.PLACES);
    words[2 * base + ReorderWord.SIZE] = held.length / PLACE_DOUBLES;
  }

  /** Index in {@link doubles} of place number `index` from the head of the buffer at `base`. */
  placeAt(base: number, index: number): number {
    let place = (this.words[2 * base + ReorderWord.HEAD] as number) + index;
    if (place >= this.places) place -= this.places;
    return base + ReorderDouble.PLACES + place * PLACE_DOUBLES;
  }
}

/** The set of a partition's symbols whose buffer holds ticks. */
export function waitingSymbols({ waiting }: ReorderMemory): ChangeSet {
  return new ChangeSet(waiting);
}
