/** Lowest and highest price of a sliding window of time, each kept as a queue of candidates. */
export class WindowExtremes {
  readonly #windowMs: number;
  readonly #low: Candidates = { times: [], prices: [], head: 0 };
  readonly #high: Candidates = { times: [], prices: [], head: 0 };

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  /** The lowest price in the window; NaN before the first. */
  get min(): number {
    return this.#low.prices[this.#low.head] ?? Number.NaN;
  }

  /** The highest price in the window; NaN before the first. */
  get max(): number {
    return this.#high.prices[this.#high.head] ?? Number.NaN;
  }

  /** Takes in a price at a time that is not before the ones before. */
  add(timeMs: number, price: number): void {
    push(this.#low, timeMs, price, (last) => last >= price);
    push(this.#high, timeMs, price, (last) => last <= price);
    this.moveTo(timeMs);
  }

  /** Lets go what is older than the window at a time. The newest price always stays. */
  moveTo(timeMs: number): void {
    for (const queue of [this.#low, this.#high]) {
      const last = queue.times.length - 1;
      while (queue.head < last && (queue.times[queue.head] as number) < timeMs - this.#windowMs) {
        queue.head++;
      }
      if (queue.head > 64 && queue.head * 2 > queue.times.length) compact(queue);
    }
  }
}

interface Candidates {
  times: number[];
  prices: number[];
  head: number;
}

/** A newer price that is at least as extreme makes the ones before it superfluous. */
function push(
  queue: Candidates,
  timeMs: number,
  price: number,
  isSuperseded: (last: number) => boolean,
): void {
  while (queue.times.length > queue.head && isSuperseded(queue.prices.at(-1) as number)) {
    queue.times.pop();
    queue.prices.pop();
  }
  queue.times.push(timeMs);
  queue.prices.push(price);
}

function compact(queue: Candidates): void {
  queue.times = queue.times.slice(queue.head);
  queue.prices = queue.prices.slice(queue.head);
  queue.head = 0;
}
