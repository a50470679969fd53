import type { TickColumns } from './tick.ts';

const INITIAL_TICKS = 256;

/**
 * Ticks taken and not yet acknowledged, in reused columns:
 *
 *   position    0 … start-1     start … end-1      end …
 *               acknowledged    kept, in row       to come
 *                               position & mask
 *
 * Positions count ticks from the first one taken. The columns double as needed and never shrink: 20
 * bytes a tick at the peak. The caller enforces a bound.
 */
export class TickBuffer implements TickColumns {
  aliases = new Uint32Array(INITIAL_TICKS);
  prices = new Float64Array(INITIAL_TICKS);
  times = new Float64Array(INITIAL_TICKS);
  /** Maps a position to its row: the number of rows is a power of two. */
  mask = INITIAL_TICKS - 1;
  /** Position of the oldest tick kept, and of the next to come. */
  start = 0;
  end = 0;

  /** Ticks kept. */
  get length(): number {
    return this.end - this.start;
  }

  push(alias: number, price: number, time: number): void {
    if (this.end - this.start > this.mask) this.#grow(this.end - this.start + 1);
    const row = this.end & this.mask;
    this.aliases[row] = alias;
    this.prices[row] = price;
    this.times[row] = time;
    this.end++;
  }

  /** Takes `count` ticks from row `from` on. */
  append({ aliases, prices, times }: TickColumns, from: number, count: number): void {
    this.#grow(this.length + count);
    const { mask } = this;
    const row = this.end & mask;
    for (let i = 0; i < count; i++) {
      const to = (row + i) & mask;
      this.aliases[to] = aliases[from + i] as number;
      this.prices[to] = prices[from + i] as number;
      this.times[to] = times[from + i] as number;
    }
    this.end += count;
  }

  /** Drops the oldest ticks. */
  drop(count: number): void {
    this.start += count;
  }

  #grow(ticks: number): void {
    if (ticks <= this.mask + 1) return;
    const old = { aliases: this.aliases, prices: this.prices, times: this.times };
    const size = 2 ** Math.ceil(Math.log2(ticks));
    this.aliases = new Uint32Array(size);
    this.prices = new Float64Array(size);
    this.times = new Float64Array(size);
    const oldMask = this.mask;
    this.mask = size - 1;
    for (let position = this.start; position < this.end; position++) {
      const [from, to] = [position & oldMask, position & this.mask];
      this.aliases[to] = old.aliases[from] as number;
      this.prices[to] = old.prices[from] as number;
      this.times[to] = old.times[from] as number;
    }
  }
}
