const SPAN_MS = 5000;

/** How fast a counter grows, over the last five seconds. */
export class TickRate {
  #samples: { readonly atMs: number; readonly count: number }[] = [];

  /** Takes in the counter's value at a time, and returns its growth a second; NaN at first. */
  add(atMs: number, count: number): number {
    const last = this.#samples.at(-1);
    if (last !== undefined && count < last.count) this.#samples = [];
    this.#samples.push({ atMs, count });
    while (this.#samples.length > 2 && (this.#samples[1]?.atMs ?? atMs) <= atMs - SPAN_MS) {
      this.#samples.shift();
    }
    const first = this.#samples[0] ?? { atMs, count };
    const passedMs = atMs - first.atMs;
    return passedMs > 0 ? ((count - first.count) / passedMs) * 1000 : Number.NaN;
  }
}
