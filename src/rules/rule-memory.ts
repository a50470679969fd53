import { float64s, sharedMemory, uint32s } from '../threads/shared-memory.ts';
import { RULES_PER_SYMBOL_MAX } from './rule-types.ts';

/*
 * What rules remember, in shared memory that the system backs only where it is written. Single
 * writer: the worker of the symbol's partition, then its successor.
 *
 *   heads       64 bytes a symbol
 *               ├ sequence ┼ time ┼ price ┼ arrival ┼ version ┼ owner ┼ current ┼ quiet┤
 *                 of the     of the newest   of the    of rules   parti-  price   float64 each
 *                 newest     tick that took  newest    that the   tion,
 *                 alert      part; price 0:  tick      slots      from 1
 *                            none                      belong to
 *
 * and for each of the RULES_PER_SYMBOL_MAX slots, a slot a rule in the order of the symbol's plan:
 *
 *   states      64 bytes a symbol
 *   0      4        8        16        24       32     40          48        56      64
 *   ├ flags ┼ count ┼ episode ┼ restart ┼ origin ┼ peak ┼ announced ┼ beyond ┼ start ┤
 *     uint32  uint32  float64 each                                    last time beyond, or
 *                     of the newest                                   the end of a closed episode
 *
 *   samples     32 bytes a symbol, of rules with sigma
 *               ├ last sample ┼ samples taken ┼ v ┼ -- ┤
 *
 *   histories   416 bytes a symbol
 *               a drift: ├ newest bucket ┼ first bucket ┼ price at the end of bucket b mod 17 … ┤
 *               sigma by mad, from MAD_FROM: the last 31 |r| / √m
 *               a module: its own state
 */

export const HEAD_DOUBLES = 8;
export const Head = {
  SEQUENCE: 0,
  TIME: 1,
  PRICE: 2,
  /** 0: none was noted, and CURRENT is 0 too. */
  ARRIVAL: 3,
  VERSION: 4,
  OWNER: 5,
  /** Of the symbol; where ticks wait, that is not the PRICE of the last one that took part. */
  CURRENT: 6,
  /** 1: nothing is open or new in the slots of the plan's shared zone. 0: look. */
  QUIET: 7,
} as const;

export const STATE_DOUBLES = 8;
export const STATE_WORDS = 16;
/** Words of a state; then its doubles. */
export const StateWord = { FLAGS: 0, COUNT: 1 } as const;
export const State = {
  EPISODE: 1,
  RESTART: 2,
  ORIGIN: 3,
  PEAK: 4,
  ANNOUNCED: 5,
  /** Open: the last time beyond. Closed: when the last episode ended. */
  BEYOND: 6,
  START: 7,
} as const;

/** The word FLAGS. */
export const Flag = {
  /** Two bits: 0 closed, or the direction of the open episode, see {@link Open}. */
  OPEN: 3,
  /** Two bits, shifted by LEVEL_SHIFT: of the open or the last episode. */
  LEVEL: 12,
  /** There was an episode: BEYOND and LEVEL are valid. */
  ENDED: 16,
  /** A band was inside. */
  ARMED: 32,
  /** The rule has seen a tick. */
  BEGUN: 64,
  /** A module threw. */
  DISABLED: 128,
  /** A stale without episodes has spoken. */
  SPOKEN: 256,
} as const;
export const LEVEL_SHIFT = 2;
export const Open = { UP: 1, DOWN: 2, NONE: 3 } as const;

export const SAMPLE_DOUBLES = 4;
export const Sample = { PRICE: 0, COUNT: 1, V: 2 } as const;

export const HISTORY_DOUBLES = 52;
/** Where a drift's buckets begin, and how many there are. */
export const DRIFT_FROM = 2;
export const DRIFT_RING = 17;
/** Where the ring of a mad begins, and its size. */
export const MAD_FROM = 20;
export const MAD_RING = 31;

/** The memory of one slot. */
export interface SlotMemory {
  readonly states: SharedArrayBuffer;
  readonly samples: SharedArrayBuffer;
  readonly histories: SharedArrayBuffer;
}

export interface RuleMemory {
  readonly heads: SharedArrayBuffer;
  readonly slots: readonly SlotMemory[];
}

/** Bytes of address space for so many symbols. */
export function ruleMemoryBytes(symbols: number): number {
  const slot = STATE_DOUBLES + SAMPLE_DOUBLES + HISTORY_DOUBLES;
  return 8 * symbols * (HEAD_DOUBLES + RULES_PER_SYMBOL_MAX * slot);
}

export function createRuleMemory(symbols: number): RuleMemory {
  const column = (doubles: number) => sharedMemory(symbols * doubles * 8);
  return {
    heads: column(HEAD_DOUBLES),
    slots: Array.from({ length: RULES_PER_SYMBOL_MAX }, () => ({
      states: column(STATE_DOUBLES),
      samples: column(SAMPLE_DOUBLES),
      histories: column(HISTORY_DOUBLES),
    })),
  };
}

/** What a slot remembers of a symbol: copies. */
export interface SlotState {
  readonly state: Float64Array;
  /** Empty where nothing was written. */
  readonly samples: Float64Array;
  readonly history: Float64Array;
}

/** One slot's memory as numbers. */
export class SlotView {
  readonly words: Uint32Array;
  readonly doubles: Float64Array;
  readonly samples: Float64Array;
  readonly histories: Float64Array;

  constructor({ states, samples, histories }: SlotMemory) {
    this.words = uint32s(states);
    this.doubles = float64s(states);
    this.samples = float64s(samples);
    this.histories = float64s(histories);
  }

  /** Whether an episode is open. */
  isOpen(symbolId: number): boolean {
    return ((this.words[symbolId * STATE_WORDS] as number) & Flag.OPEN) !== 0;
  }

  read(symbolId: number): SlotState {
    return {
      state: this.doubles.slice(symbolId * STATE_DOUBLES, (symbolId + 1) * STATE_DOUBLES),
      samples: written(this.samples, symbolId * SAMPLE_DOUBLES, SAMPLE_DOUBLES),
      history: written(this.histories, symbolId * HISTORY_DOUBLES, HISTORY_DOUBLES),
    };
  }

  /** Writes what {@link read} returned over an erased slot. */
  write(symbolId: number, { state, samples, history }: SlotState): void {
    this.doubles.set(state, symbolId * STATE_DOUBLES);
    this.samples.set(samples, symbolId * SAMPLE_DOUBLES);
    this.histories.set(history, symbolId * HISTORY_DOUBLES);
  }

  /** Forgets the rule of a symbol. */
  erase(symbolId: number): void {
    this.clear(symbolId);
    this.doubles[symbolId * STATE_DOUBLES + State.EPISODE] = 0;
  }

  /** Copies a symbol to the same place of another memory. Allocates nothing. */
  copyTo(other: SlotView, symbolId: number): void {
    copy(this.doubles, other.doubles, symbolId * STATE_DOUBLES, STATE_DOUBLES);
    copy(this.samples, other.samples, symbolId * SAMPLE_DOUBLES, SAMPLE_DOUBLES);
    copy(this.histories, other.histories, symbolId * HISTORY_DOUBLES, HISTORY_DOUBLES);
  }

  /** Forgets the rule of a symbol, all but the number of its last episode. */
  clear(symbolId: number): void {
    const at = symbolId * STATE_DOUBLES;
    // Never that one, even for a moment: a worker may die here.
    this.doubles.fill(0, at, at + State.EPISODE);
    this.doubles.fill(0, at + State.EPISODE + 1, at + STATE_DOUBLES);
    // Only what was written: the rest need not be backed by memory.
    clearWritten(this.samples, symbolId * SAMPLE_DOUBLES, SAMPLE_DOUBLES);
    clearWritten(this.histories, symbolId * HISTORY_DOUBLES, HISTORY_DOUBLES);
  }
}

/** A copy; empty if all is 0. */
function written(doubles: Float64Array, from: number, count: number): Float64Array {
  const own = doubles.slice(from, from + count);
  return own.some((value) => value !== 0) ? own : new Float64Array(0);
}

/** Only what differs: the rest need not be backed by memory. */
function copy(from: Float64Array, to: Float64Array, first: number, count: number): void {
  for (let i = first; i < first + count; i++) {
    if (to[i] !== from[i]) to[i] = from[i] as number;
  }
}

function clearWritten(doubles: Float64Array, from: number, count: number): void {
  for (let i = from; i < from + count; i++) if (doubles[i] !== 0) doubles[i] = 0;
}
