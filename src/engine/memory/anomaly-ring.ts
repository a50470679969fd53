import type { Anomaly, Direction } from '../../protocol/index.ts';
import type { SymbolTable } from '../symbol-table.ts';
import { createSlotRing, SlotConsumer, SlotProducer } from './slot-ring.ts';

/*
 * The anomalies of a partition on their way to the gateway: slots of 64 bytes in a `slot-ring.ts`.
 *
 *   ┌──────────┬───────────┬──────────┬───────────┬───────┬───────────────┬──────┬──────────┐
 *   │ symbolId │ direction │ sequence │ reference │ price │ changePercent │ time │    --    │
 *   │ int32    │ int32     │ float64 each                                     │          │
 *   └──────────┴───────────┴──────────┴───────────┴───────┴───────────────┴──────┴──────────┘
 *
 * A slot with symbolId LOST reports ticks that are never applied: direction is the cause, sequence
 * and reference are positions in the partition's queue, from and to (exclusive). It comes
 * before the anomalies of later ticks.
 */
const KIND = { name: 'anomalies', slotWords: 16 } as const;
const LOST = -1;

/**
 * Shared memory for a ring.
 *
 * @param capacity anomalies, a power of two
 * @param start the first position; other than 0 only in tests of wrapping
 */
export function createAnomalyRing(capacity: number, start = 0): SharedArrayBuffer {
  return createSlotRing(KIND, capacity, start);
}

/** The worker's end. One thread only; `waitForSpace` blocks; never allocates. */
export class AnomalyProducer extends SlotProducer {
  constructor(memory: SharedArrayBuffer) {
    super(memory, KIND);
  }

  /**
   * Appends an anomaly. The caller has checked that there is space.
   *
   * @param sequence of the symbol: 1, 2, 3 …
   * @param direction 1 up, -1 down
   * @param reference the extreme of the window that the price moved away from
   * @param changePercent from the reference to the price
   * @param time of the tick, ms since the epoch
   */
  append(
    symbolId: number,
    sequence: number,
    direction: number,
    reference: number,
    price: number,
    changePercent: number,
    time: number,
  ): void {
    const { words, doubles } = this.ring;
    const slot = this.nextSlot();
    const double = slot / 2;
    words[slot] = symbolId;
    words[slot + 1] = direction;
    doubles[double + 1] = sequence;
    doubles[double + 2] = reference;
    doubles[double + 3] = price;
    doubles[double + 4] = changePercent;
    doubles[double + 5] = time;
    this.commit();
  }

  /** Reports lost ticks, by their positions. The caller has checked that there is space. */
  appendLost(cause: LostCause, from: number, to: number): void {
    this.append(LOST, from, cause, to, 0, 0, 0);
  }
}

/** Why ticks that were taken are never applied. */
export const LostCause = {
  /** Overwritten in a full queue. */
  LAPPED: 1,
  /** A worker died of it. */
  SKIPPED: 2,
} as const;
export type LostCause = (typeof LostCause)[keyof typeof LostCause];

/** Takes an anomaly and the id of its symbol. */
export type AnomalySink = (anomaly: Anomaly, symbolId: number) => void;

/**
 * Takes a report that the ticks of a partition at positions `from` to `to` (exclusive) are lost;
 * positions count from the engine's start. May come twice, or overlap an earlier one.
 */
export type LostSink = (cause: LostCause, from: number, to: number) => void;

/** The gateway's end. One thread only; never blocks; allocates one object a slot. */
export class AnomalyConsumer extends SlotConsumer {
  readonly #symbols: Pick<SymbolTable, 'name'>;

  constructor(memory: SharedArrayBuffer, symbols: Pick<SymbolTable, 'name'>) {
    super(memory, KIND);
    this.#symbols = symbols;
  }

  /**
   * Passes at most `limit` anomalies to `sink` and reports of lost ticks to `lost`, oldest first.
   * Returns how many.
   */
  drain(sink: AnomalySink, limit = Number.POSITIVE_INFINITY, lost?: LostSink): number {
    const { words } = this.ring;
    return this.takeSlots(limit, (slot) => {
      if (words[slot] === LOST) lost?.(...this.#readLost(slot));
      else sink(this.#read(slot), words[slot] as number);
    });
  }

  #readLost(slot: number): Parameters<LostSink> {
    const { words, doubles } = this.ring;
    const double = slot / 2;
    const cause = words[slot + 1] as LostCause;
    return [cause, doubles[double + 1] as number, doubles[double + 2] as number];
  }

  #read(slot: number): Anomaly {
    const { words, doubles } = this.ring;
    const double = slot / 2;
    return {
      symbol: this.#symbols.name(words[slot] as number),
      sequence: doubles[double + 1] as number,
      direction: words[slot + 1] as Direction,
      reference: doubles[double + 2] as number,
      price: doubles[double + 3] as number,
      changePercent: doubles[double + 4] as number,
      time: doubles[double + 5] as number,
    };
  }
}
