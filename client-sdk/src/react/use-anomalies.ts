import { useCallback, useMemo, useSyncExternalStore } from 'react';
import { patternMatcher } from '../../../src/protocol/index.ts';
import type { Anomaly } from '../subscriber/anomaly.ts';
import { RecentAnomalies } from '../subscriber/recent-anomalies.ts';
import type { Subscriber } from '../subscriber/subscriber.ts';
import { patternList } from '../subscriber/subscription.ts';
import { check } from '../value-checks.ts';
import { useTickwire } from './tickwire-provider.ts';

/** Options of {@link useAnomalies}. */
export interface UseAnomaliesOptions {
  /** Most anomalies kept, at least 1; default 100. */
  readonly limit?: number;
}

const LIMIT = 100;
const NONE: readonly Anomaly[] = Object.freeze([]);

/**
 * The anomalies of some patterns since the component was mounted, newest first; the same array
 * until another one arrives. Anomalies missed while disconnected are fetched. Other patterns or
 * another limit start over.
 */
export function useAnomalies(
  patterns: string | readonly string[],
  { limit = LIMIT }: UseAnomaliesOptions = {},
): readonly Anomaly[] {
  const subscriber = useTickwire();
  // Patterns are usually a new array on each render, with equal content.
  const key = JSON.stringify(patternList(patterns));
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
  readonly #recent: RecentAnomalies;

  /** @param limit most anomalies kept */
  constructor(patterns: readonly string[], limit: number) {
    check('limit', limit, { min: 1, unit: 'anomalies', isInteger: true });
    this.#patterns = patterns;
    this.#limit = limit;
    this.#matchers = patterns.map(patternMatcher);
    this.#recent = new RecentAnomalies(limit);
  }

  /** Newest first; a new array after each change. */
  get list(): readonly Anomaly[] {
    return this.#recent.newest(this.#limit);
  }

  /**
   * Subscribes and collects anomalies.
   *
   * @param listener called after each change
   * @returns unsubscribes
   */
  follow(subscriber: Subscriber, listener: () => void): () => void {
    if (subscriber.state === 'closed') return () => undefined;
    const subscription = subscriber.subscribe(this.#patterns, { stats: false });
    const stop = subscriber.on('anomaly', (anomaly) => {
      if (!this.#matchers.some((matches) => matches(anomaly.symbol))) return;
      this.#recent.add(anomaly);
      listener();
    });
    return () => {
      stop();
      subscription.unsubscribe();
    };
  }
}
