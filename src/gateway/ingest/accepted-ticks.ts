import type { TickBatch } from '../../protocol/index.ts';

/** The accepted ticks of the frame being taken. Nothing allocates per tick. */
export class AcceptedTicks {
  /** Their symbols. */
  ids = new Uint32Array(256);
  count = 0;

  /** Begins a frame of at most `capacity` ticks. */
  begin(capacity: number): void {
    this.count = 0;
    if (capacity <= this.ids.length) return;
    this.ids = new Uint32Array(2 ** Math.ceil(Math.log2(capacity)));
  }

  /**
   * Adds tick number `index` of a batch. Moves it to the front of the batch's columns, behind the
   * ticks added before: most frames are accepted whole.
   */
  add(symbolId: number, { prices, times }: TickBatch, index: number): void {
    const at = this.count++;
    this.ids[at] = symbolId;
    if (at === index) return;
    prices[at] = prices[index] as number;
    times[at] = times[index] as number;
  }
}
