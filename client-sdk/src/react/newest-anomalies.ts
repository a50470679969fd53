import { patternMatcher } from '../../../src/protocol/index.ts';
import type { Anomaly } from '../subscriber/anomaly.ts';
import type { Subscriber } from '../subscriber/subscriber.ts';

/** The newest anomalies of some patterns. */
export class NewestAnomalies {
  readonly #patterns: readonly string[];
  readonly #limit: number;
  readonly #matchers: readonly ((symbol: string) => boolean)[];
  #list: readonly Anomaly[] = Object.freeze([]);

  /** @param limit how many are kept */
  constructor(patterns: readonly string[], limit: number) {
    this.#patterns = patterns;
    this.#limit = limit;
    this.#matchers = patterns.map(patternMatcher);
  }

  /** Newest first; another array after each change. */
  get list(): readonly Anomaly[] {
    return this.#list;
  }

  /**
   * Subscribes, and takes what comes.
   *
   * @param listener called after each change
   * @returns ends it
   */
  follow(subscriber: Subscriber, listener: () => void): () => void {
    if (subscriber.state === 'closed') return () => undefined;
    const subscription = subscriber.subscribe(this.#patterns, { stats: false });
    const stop = subscriber.on('anomaly', (anomaly) => {
      if (!this.#matchers.some((matches) => matches(anomaly.symbol))) return;
      this.#insert(anomaly);
      listener();
    });
    return () => {
      stop();
      subscription.unsubscribe();
    };
  }

  // After a reconnect the missed ones come symbol by symbol.
  #insert(anomaly: Anomaly): void {
    const later = this.#list.findIndex(({ timestamp }) => timestamp <= anomaly.timestamp);
    const at = later < 0 ? this.#list.length : later;
    this.#list = Object.freeze(this.#list.toSpliced(at, 0, anomaly).slice(0, this.#limit));
  }
}
