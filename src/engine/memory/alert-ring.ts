import type {
  Alert,
  AlertDirection,
  AlertLevel,
  AlertPhase,
  AlertReason,
} from '../../protocol/index.ts';
import type { NewestAlert } from '../../rules/index.ts';
import type { RuleTable } from '../rule-table.ts';
import type { SymbolTable } from '../symbol-table.ts';
import { createSlotRing, SlotConsumer, SlotProducer } from './slot-ring.ts';

/*
 * The alerts of a partition on their way to the gateway: slots of 128 bytes in a `slot-ring.ts`.
 *
 *   0          4        8                                          80      84      88          92
 *   │ symbolId │ ruleId │ sequence, episode, reference, price,     │ phase │ level │ direction │
 *   │ int32    │ int32  │ changePercent, time, startTime, peak,    │ int32 each                │
 *   │          │        │ count: float64 each                      │ reason at 92, 32 unused   │
 */
const KIND = { name: 'alerts', slotWords: 32 } as const;
const CODES = 20;

/**
 * Shared memory for a ring.
 *
 * @param capacity alerts, a power of two
 * @param start the first position; other than 0 only in tests of wrapping
 */
export function createAlertRing(capacity: number, start = 0): SharedArrayBuffer {
  return createSlotRing(KIND, capacity, start);
}

/** The worker's end. One thread only; `waitForSpace` blocks; never allocates. */
export class AlertProducer extends SlotProducer {
  constructor(memory: SharedArrayBuffer) {
    super(memory, KIND);
  }

  /** Appends an alert; see `Alert`. The caller has checked that there is space. */
  append(
    symbolId: number,
    sequence: number,
    ruleId: number,
    episode: number,
    phase: AlertPhase,
    level: AlertLevel,
    direction: AlertDirection,
    reference: number,
    price: number,
    changePercent: number,
    time: number,
    startTime: number,
    peak: number,
    count: number,
    reason: AlertReason,
  ): void {
    const { words, doubles } = this.ring;
    const slot = this.nextSlot();
    const double = slot / 2;
    words[slot] = symbolId;
    words[slot + 1] = ruleId;
    doubles[double + 1] = sequence;
    doubles[double + 2] = episode;
    doubles[double + 3] = reference;
    doubles[double + 4] = price;
    doubles[double + 5] = changePercent;
    doubles[double + 6] = time;
    doubles[double + 7] = startTime;
    doubles[double + 8] = peak;
    doubles[double + 9] = count;
    words[slot + CODES] = phase;
    words[slot + CODES + 1] = level;
    words[slot + CODES + 2] = direction;
    words[slot + CODES + 3] = reason;
    this.commit();
  }

  /** The last appended alert if it is of this symbol, see `newestSequence`; else undefined. */
  newest(symbolId: number): NewestAlert | undefined {
    const slot = this.newestSlot(symbolId);
    if (slot < 0) return undefined;
    const { words, doubles } = this.ring;
    return {
      sequence: doubles[slot / 2 + 1] as number,
      ruleId: words[slot + 1] as number,
      episode: doubles[slot / 2 + 2] as number,
      phase: words[slot + CODES] as AlertPhase,
      time: doubles[slot / 2 + 6] as number,
    };
  }
}

/** Takes an alert and the id of its symbol. */
export type AlertSink = (alert: Alert, symbolId: number) => void;

/** The gateway's end. One thread only; never blocks; allocates one object a slot. */
export class AlertConsumer extends SlotConsumer {
  readonly #symbols: Pick<SymbolTable, 'name'>;
  readonly #rules: Pick<RuleTable, 'rule'>;

  constructor(
    memory: SharedArrayBuffer,
    symbols: Pick<SymbolTable, 'name'>,
    rules: Pick<RuleTable, 'rule'>,
  ) {
    super(memory, KIND);
    this.#symbols = symbols;
    this.#rules = rules;
  }

  /** Passes at most `limit` alerts to `sink`, oldest first. Returns how many. */
  drain(sink: AlertSink, limit = Number.POSITIVE_INFINITY): number {
    return this.takeSlots(limit, (slot) => sink(this.#read(slot), this.ring.words[slot] as number));
  }

  #read(slot: number): Alert {
    const { words, doubles } = this.ring;
    const double = slot / 2;
    const { name, kind } = this.#rules.rule(words[slot + 1] as number);
    return {
      symbol: this.#symbols.name(words[slot] as number),
      sequence: doubles[double + 1] as number,
      rule: name,
      kind,
      episode: doubles[double + 2] as number,
      phase: words[slot + CODES] as AlertPhase,
      level: words[slot + CODES + 1] as AlertLevel,
      direction: words[slot + CODES + 2] as AlertDirection,
      reference: doubles[double + 3] as number,
      price: doubles[double + 4] as number,
      changePercent: doubles[double + 5] as number,
      time: doubles[double + 6] as number,
      startTime: doubles[double + 7] as number,
      peak: doubles[double + 8] as number,
      count: doubles[double + 9] as number,
      reason: words[slot + CODES + 3] as AlertReason,
    };
  }
}
