import { int32s, sharedMemory } from '../../threads/shared-memory.ts';

/*
 * A bounded queue of ticks in shared memory: one producer (the gateway), one consumer (the worker
 * of the partition).
 *
 *   header, 64 bytes a line, each written by one end only
 *   ┌──────────────────┬───────────────────────────────────────────────┬──────────────────┐
 *   │ producer         │ consumer                                      │ both             │
 *   │  TAIL  INTENT    │  HEAD  APPLYING  APPLYING_SYMBOL  START       │  HOLDER  STOP    │
 *   │  OFFERED float64 │  RELEASED float64                             │                  │
 *   └──────────────────┴───────────────────────────────────────────────┴──────────────────┘
 *   slots, 32 bytes each, `capacity` of them (a power of two)
 *   ┌──────────┬────────────┬───────────────┬───────────────┬───────────────┐
 *   │ symbolId │ receivedUs │ price         │ time          │ receivedAt    │
 *   │ int32    │ int32      │ float64       │ float64       │ float64       │
 *   └──────────┴────────────┴───────────────┴───────────────┴───────────────┘
 *
 * Positions are int32, because only these can be atomic, and wrap. Their difference, as int32, is
 * exact while it is below 2^31. OFFERED and RELEASED are TAIL and HEAD as counts of ticks since the
 * ring was made, which do not wrap; each is written before its position. A consumer that stood
 * still may be lapped by more than 2^31 ticks: where the counts are {@link FAR_APART}, both ends go
 * by them alone.
 *
 * The producer never moves HEAD. Where it may overwrite (dropOldest), it announces each overwrite
 * in INTENT before it writes the slot. The consumer copies a batch, then reads INTENT and discards
 * what may have been overwritten (as in Agrona's broadcast buffer). All other slots are written
 * only after the consumer has released them.
 *
 * HEAD follows the partition's counters: START plus the ticks applied, lapped and skipped, each
 * counted before HEAD moves past it. A consumer that dies in between leaves HEAD behind; its
 * successor moves HEAD to where the counters are.
 */
const LINE_WORDS = 16;

const HEADER_WORDS = 3 * LINE_WORDS;
const SLOT_WORDS = 8;

/** Words of the header. */
export const RingWord = {
  TAIL: 0,
  INTENT: 1,
  HEAD: LINE_WORDS,
  APPLYING: LINE_WORDS + 1,
  APPLYING_SYMBOL: LINE_WORDS + 2,
  START: LINE_WORDS + 3,
  /** See `partition-holder.ts`. */
  HOLDER: 2 * LINE_WORDS,
  STOP: 2 * LINE_WORDS + 1,
} as const;

/** Doubles of the header. */
export const RingDouble = { OFFERED: 1, RELEASED: LINE_WORDS / 2 + 2 } as const;

/** Ticks from HEAD to TAIL beyond which positions are not subtracted. */
export const FAR_APART = 2 ** 30;

/** Sizes. Both ends copy them to constants of their own: V8 does not fold imported ones. */
export const RingSize = {
  HEADER_WORDS,
  HEADER_DOUBLES: HEADER_WORDS / 2,
  SLOT_WORDS,
  SLOT_DOUBLES: SLOT_WORDS / 2,
} as const;

export function tickRingBytes(capacity: number): number {
  return HEADER_WORDS * 4 + capacity * SLOT_WORDS * 4;
}

/**
 * Shared memory for a ring.
 *
 * @param capacity ticks, a power of two
 * @param start the first position; other than 0 only in tests of wrapping
 */
export function createTickRing(capacity: number, start = 0): SharedArrayBuffer {
  const memory = sharedMemory(tickRingBytes(capacity));
  const words = int32s(memory);
  words[RingWord.TAIL] = start;
  words[RingWord.INTENT] = start;
  words[RingWord.HEAD] = start;
  words[RingWord.APPLYING] = (start - 1) | 0;
  words[RingWord.START] = start;
  return memory;
}

export function capacityOf(memory: SharedArrayBuffer): number {
  return (memory.byteLength - HEADER_WORDS * 4) / (SLOT_WORDS * 4);
}

/** The ticks of a frame, in columns. */
export interface ReceivedTicks {
  readonly prices: Float64Array;
  readonly times: Float64Array;
  /**
   * When the frame was received by the server's clock, ms since the epoch: what decides about its
   * ticks, whenever they are applied.
   */
  readonly receivedAt: number;
  /** The same by `monotonicUs`; `UNMEASURED`: their latency is not counted. */
  readonly receivedUs: number;
}

/** A batch of ticks copied out of a ring, in the consumer's own memory. */
export class TickColumns {
  readonly symbolIds: Int32Array;
  readonly prices: Float64Array;
  readonly times: Float64Array;
  /** See {@link ReceivedTicks}. */
  readonly receivedAt: Float64Array;
  readonly receivedUs: Int32Array;

  constructor(capacity: number) {
    this.symbolIds = new Int32Array(capacity);
    this.prices = new Float64Array(capacity);
    this.times = new Float64Array(capacity);
    this.receivedAt = new Float64Array(capacity);
    this.receivedUs = new Int32Array(capacity);
  }
}
