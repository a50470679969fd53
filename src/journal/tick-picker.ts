/** A place between two ticks of the journal. */
export interface TickCursor {
  /** Of the entry of the next tick, or one before it. */
  readonly position: number;
  /** Number in that entry of the next tick. */
  readonly index: number;
  /** Number of the interval that was given last; -1 for none. */
  readonly interval: number;
}

/** Its text: opaque to clients. */
export function formatTickCursor({ position, index, interval }: TickCursor): string {
  return [position, index, interval].map((part) => part.toString(36)).join('.');
}

const CURSOR = /^([0-9a-z]{1,11})\.([0-9a-z]{1,7})\.(-1|[0-9a-z]{1,11})$/;

/** @returns undefined for a text that is none */
export function parseTickCursor(text: string): TickCursor | undefined {
  const parts = CURSOR.exec(text)
    ?.slice(1)
    .map((part) => Number.parseInt(part, 36));
  if (parts === undefined) return undefined;
  const [position = 0, index = 0, interval = -1] = parts;
  return Number.isSafeInteger(position) && Number.isSafeInteger(interval)
    ? { position, index, interval }
    : undefined;
}

interface PickerQuery {
  readonly from: number | undefined;
  readonly to: number | undefined;
  readonly after: TickCursor | undefined;
  readonly everyMs: number | undefined;
}

/**
 * Gathers ticks of a symbol, in the order of the journal. With `everyMs`, the last one of each
 * interval; a tick of an interval before the one at hand came late and is left out.
 */
export class TickPicker {
  readonly #query: PickerQuery;
  readonly #from: number;
  readonly #to: number;
  readonly #countMax: number;
  #prices: number[] = [];
  #times: number[] = [];
  /** Interval of the last tick. */
  #interval: number;
  #next: TickCursor | undefined;

  /** @param countMax it is full when it has so many, and knows of another */
  constructor(query: PickerQuery, countMax = Number.POSITIVE_INFINITY) {
    this.#query = query;
    this.#from = query.from ?? Number.NEGATIVE_INFINITY;
    this.#to = query.to ?? Number.POSITIVE_INFINITY;
    this.#countMax = countMax;
    this.#interval = query.after?.interval ?? -1;
  }

  get count(): number {
    return this.#prices.length;
  }

  get isFull(): boolean {
    return this.#next !== undefined;
  }

  add(position: number, index: number, price: number, time: number): void {
    const { after, everyMs } = this.#query;
    if (!(time >= this.#from && time < this.#to)) return;
    if (after !== undefined) {
      if (position < after.position) return;
      if (position === after.position && index < after.index) return;
    }
    const interval = everyMs === undefined ? -1 : Math.floor(time / everyMs);
    if (everyMs !== undefined) {
      if (interval < this.#interval) return;
      if (interval === this.#interval) {
        // Given on the page before, and so complete: or the one at hand.
        if (this.count > 0) this.#replace(price, time);
        return;
      }
    }
    if (this.count === this.#countMax) {
      this.#next = { position, index, interval: this.#interval };
      return;
    }
    this.#interval = interval;
    this.#prices.push(price);
    this.#times.push(time);
  }

  /** What is behind `position` was not looked at. */
  stopAt(position: number): void {
    this.#next ??= { position, index: 0, interval: this.#interval };
  }

  /** These ticks, then those. */
  followedBy(newer: TickPicker): TickPicker {
    if (this.#query.everyMs === undefined) {
      this.#prices = this.#prices.concat(newer.#prices);
      this.#times = this.#times.concat(newer.#times);
      return this;
    }
    for (const [i, price] of newer.#prices.entries())
      this.add(0, i, price, newer.#times[i] as number);
    return this;
  }

  /** The last of them. */
  last(count: number): { prices: Float64Array<ArrayBuffer>; times: Float64Array<ArrayBuffer> } {
    return {
      prices: Float64Array.from(this.#prices.slice(-count)),
      times: Float64Array.from(this.#times.slice(-count)),
    };
  }

  page() {
    return { ...this.last(this.count || 1), next: this.#next };
  }

  #replace(price: number, time: number): void {
    this.#prices[this.count - 1] = price;
    this.#times[this.count - 1] = time;
  }
}
