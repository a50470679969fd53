import { setFlag } from './set-text.ts';

/** How long growth stays marked, ms. */
const MARKED_MS = 10_000;

/** Marks a figure for as long as what it counts should not grow, but grew. */
export class GrowthAlert {
  readonly #element: Element;
  #count = Number.NaN;
  #grewAtMs = Number.NEGATIVE_INFINITY;

  constructor(element: Element) {
    this.#element = element;
  }

  show(count: number, nowMs: number): void {
    if (count > this.#count) this.#grewAtMs = nowMs;
    this.#count = count;
    setFlag(this.#element, 'data-alert', nowMs - this.#grewAtMs < MARKED_MS);
  }

  /** Another server counts from here. */
  reset(): void {
    this.#count = Number.NaN;
    this.#grewAtMs = Number.NEGATIVE_INFINITY;
  }
}
