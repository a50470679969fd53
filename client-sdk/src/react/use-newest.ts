import { useCallback, useMemo, useSyncExternalStore } from 'react';
import { patternMatcher } from '../../../src/protocol/index.ts';
import { RecentItems } from '../subscriber/recent-items.ts';
import type { Subscriber } from '../subscriber/subscriber.ts';
import type { SubscriberEvents } from '../subscriber/subscriber-events.ts';
import { patternList, type SubscriptionOptions } from '../subscriber/subscription.ts';
import { check } from '../value-checks.ts';
import { useTickwire } from './tickwire-provider.ts';

/** What is listed: its event, what to subscribe to, and its time. */
export interface Kind<Event extends 'anomaly' | 'alert'> {
  readonly event: Event;
  /** For messages. */
  readonly unit: string;
  readonly options: SubscriptionOptions;
  timeOf(item: SubscriberEvents[Event]): number;
}

const LIMIT = 100;
const NONE: readonly never[] = Object.freeze([]);

/**
 * What was raised of some patterns since the component was mounted, newest first; the same array
 * until more arrives.
 */
export function useNewest<Event extends 'anomaly' | 'alert'>(
  kind: Kind<Event>,
  patterns: string | readonly string[],
  limit = LIMIT,
): readonly SubscriberEvents[Event][] {
  const subscriber = useTickwire();
  // Patterns are usually a new array on each render, with equal content.
  const key = JSON.stringify(patternList(patterns));
  const newest = useMemo(
    () => new NewestItems(kind, JSON.parse(key) as string[], limit),
    [kind, key, limit],
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

/** The newest anomalies or alerts of some patterns. */
export class NewestItems<Event extends 'anomaly' | 'alert'> {
  readonly #kind: Kind<Event>;
  readonly #patterns: readonly string[];
  readonly #limit: number;
  readonly #matchers: readonly ((symbol: string) => boolean)[];
  readonly #recent: RecentItems<SubscriberEvents[Event]>;

  /** @param limit most items kept */
  constructor(kind: Kind<Event>, patterns: readonly string[], limit: number) {
    check('limit', limit, { min: 1, unit: kind.unit, isInteger: true });
    this.#kind = kind;
    this.#patterns = patterns;
    this.#limit = limit;
    this.#matchers = patterns.map(patternMatcher);
    this.#recent = new RecentItems(limit, (item) => kind.timeOf(item));
  }

  /** Newest first; a new array after each change. */
  get list(): readonly SubscriberEvents[Event][] {
    return this.#recent.newest(this.#limit);
  }

  /**
   * Subscribes and collects.
   *
   * @param listener called after each change
   * @returns unsubscribes
   */
  follow(subscriber: Subscriber, listener: () => void): () => void {
    if (subscriber.state === 'closed') return () => undefined;
    const subscription = subscriber.subscribe(this.#patterns, this.#kind.options);
    const stop = subscriber.on(this.#kind.event, (item) => {
      if (!this.#matchers.some((matches) => matches(item.symbol))) return;
      this.#recent.add(item);
      listener();
    });
    return () => {
      stop();
      subscription.unsubscribe();
    };
  }
}
