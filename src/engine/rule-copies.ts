import { HEAD_DOUBLES, type RuleMemory, SlotView } from '../rules/index.ts';
import { float64s } from '../threads/shared-memory.ts';

type SlotPair = readonly [from: SlotView, to: SlotView];

/** Copies what rules remember for captures. One thread; allocates nothing. */
export class RuleCopies {
  readonly #heads: Float64Array;
  readonly #copies: Float64Array;
  readonly #slots: readonly SlotPair[];

  constructor(from: RuleMemory, to: RuleMemory) {
    this.#heads = float64s(from.heads);
    this.#copies = float64s(to.heads);
    this.#slots = from.slots.map((slot, index) => [
      new SlotView(slot),
      new SlotView(to.slots[index] as typeof slot),
    ]);
  }

  /** Copies a symbol to the same place. */
  copy(symbolId: number): void {
    const head = symbolId * HEAD_DOUBLES;
    for (let i = head; i < head + HEAD_DOUBLES; i++) this.#copies[i] = this.#heads[i] as number;
    for (let i = 0; i < this.#slots.length; i++) {
      const [from, to] = this.#slots[i] as SlotPair;
      from.copyTo(to, symbolId);
    }
  }
}
