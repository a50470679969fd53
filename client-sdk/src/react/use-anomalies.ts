import { useCallback, useMemo, useSyncExternalStore } from 'react';
import { patternMatcher } from '../../../src/protocol/index.ts';
import type { Anomaly } from '../subscriber/anomaly.ts';
import type { Subscriber } from '../subscriber/subscriber.ts';
import { useTickwire } from './tickwire-provider.ts';

/** What {@link useAnomalies} keeps. */
export interface UseAnomaliesOptions {
  /** How many anomalies are kept, at least 1; default 100. */
  readonly limit?: number;
}

const LIMIT = 100;
const NONE: readonly Anomaly[] = Object.freeze([]);

/**
 * The anomalies of some patterns since the component was mounted, newest first; the same array until
 * there is another one. Those of a lost connection are caught up with. Other patterns, or another
 * limit, begin anew.
 */
export function useAnomalies(
  patterns: string | readonly string[],
  { limit = LIMIT }: UseAnomaliesOptions = {},
): readonly Anomaly[] {
  const subscriber = useTickwire();
  // Patterns are mostly another array in each rendering, with the same content.
  const key = JSON.stringify([patterns].flat());
  const newest = useMemo(
    () => new NewestAnomalies(JSON.parse(key) as string[], limit),
    [key, limit],
  );
  const follow = useCallback(
    (listener: () => void) =>
      subscriber === undefined ? () => undefined : newest.follow(subscriber, listener),
    [newest, subscriber],
  );
  return useSyncExternalStore(
    follow,
    () => newest.list,
    () => NONE,
  );
}

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
