import type { Subscriber, Subscription } from '../../client-sdk/src/index.ts';

/** How long the rows in sight must stay the same before they are subscribed: not while scrolling. */
const SETTLE_MS = 100;

/** Subscribes to the statistics of the symbols in sight, and of no others. */
export class RowSubscription {
  readonly #subscriber: Subscriber;
  #subscription: Subscription | undefined;
  #symbols: readonly string[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(subscriber: Subscriber) {
    this.#subscriber = subscriber;
  }

  /** Wants these symbols from now on. */
  show(symbols: readonly string[]): void {
    clearTimeout(this.#timer);
    if (isSameSet(symbols, this.#symbols)) return;
    this.#timer = setTimeout(() => this.#replace(symbols), SETTLE_MS);
  }

  /** The new one first: symbols of both never stop. */
  #replace(symbols: readonly string[]): void {
    if (this.#subscriber.state === 'closed') return;
    const previous = this.#subscription;
    this.#symbols = symbols;
    this.#subscription =
      symbols.length === 0 ? undefined : this.#subscriber.subscribe(symbols, { anomalies: false });
    previous?.unsubscribe();
  }
}

function isSameSet(left: readonly string[], right: readonly string[]): boolean {
  if (left.length !== right.length) return false;
  const known = new Set(left);
  return right.every((symbol) => known.has(symbol));
}
