import { isWildcard, patternMatcher } from '../protocol/index.ts';
import type { Delivery } from './delivery.ts';

/** What is subscribed to: it hears of symbols that come to exist. */
export interface Watcher {
  /** A symbol that one of the watcher's patterns matches exists from now on. */
  symbolAppeared(symbolId: number, symbol: string): void;
}

/** The sessions linked to one symbol, side by side with the number of each one's link. */
export class Subscribers {
  readonly deliveries: Delivery[] = [];
  readonly links: number[] = [];
}

interface Wildcard {
  readonly matches: (symbol: string) => boolean;
  readonly watchers: Set<Watcher>;
}

/** Who is subscribed to what: symbols that exist to the sessions linked to them, patterns to those who watch them. */
export class Subscriptions {
  /** Patterns held by all sessions. */
  held = 0;
  /** By symbol id. */
  readonly #subscribers: (Subscribers | undefined)[] = [];
  readonly #wildcards = new Map<string, Wildcard>();
  /** Watchers of symbols that do not exist yet. */
  readonly #awaited = new Map<string, Set<Watcher>>();

  /** The sessions linked to a symbol; undefined when there never was one. */
  of(symbolId: number): Subscribers | undefined {
    return this.#subscribers[symbolId];
  }

  /** Links a session to a symbol. Returns the link's position. */
  join(symbolId: number, delivery: Delivery, link: number): number {
    let subscribers = this.#subscribers[symbolId];
    if (subscribers === undefined) {
      // Filled up, so that the array stays dense however the ids come.
      for (let id = this.#subscribers.length; id < symbolId; id++)
        this.#subscribers.push(undefined);
      subscribers = new Subscribers();
      this.#subscribers[symbolId] = subscribers;
    }
    subscribers.deliveries.push(delivery);
    return subscribers.links.push(link) - 1;
  }

  /** Takes the link at `position` out: the last one takes its place and is told so. */
  leave(symbolId: number, position: number): void {
    const { deliveries, links } = this.#subscribers[symbolId] as Subscribers;
    const lastDelivery = deliveries.pop() as Delivery;
    const lastLink = links.pop() as number;
    if (position === links.length) return;
    deliveries[position] = lastDelivery;
    links[position] = lastLink;
    lastDelivery.links.positions[lastLink] = position;
  }

  /** @param exists whether the pattern is a symbol that exists: then there is nothing to watch for */
  watch(pattern: string, watcher: Watcher, exists: boolean): void {
    this.held++;
    if (exists) return;
    if (!isWildcard(pattern)) {
      const watchers = this.#awaited.get(pattern);
      if (watchers === undefined) this.#awaited.set(pattern, new Set([watcher]));
      else watchers.add(watcher);
      return;
    }
    const wildcard = this.#wildcards.get(pattern);
    if (wildcard !== undefined) wildcard.watchers.add(watcher);
    else {
      const matches = patternMatcher(pattern);
      this.#wildcards.set(pattern, { matches, watchers: new Set([watcher]) });
    }
  }

  unwatch(pattern: string, watcher: Watcher): void {
    this.held--;
    const isWild = isWildcard(pattern);
    const watchers = isWild ? this.#wildcards.get(pattern)?.watchers : this.#awaited.get(pattern);
    if (watchers === undefined) return;
    watchers.delete(watcher);
    if (watchers.size > 0) return;
    if (isWild) this.#wildcards.delete(pattern);
    else this.#awaited.delete(pattern);
  }

  /** A symbol exists from now on: whoever watches for it is told, before its first tick can be applied. */
  symbolAppeared(symbolId: number, symbol: string): void {
    // Each one once, however many of its patterns match.
    const told = new Set(this.#awaited.get(symbol));
    this.#awaited.delete(symbol);
    for (const { matches, watchers } of this.#wildcards.values()) {
      if (!matches(symbol)) continue;
      for (const watcher of watchers) told.add(watcher);
    }
    for (const watcher of told) watcher.symbolAppeared(symbolId, symbol);
  }
}
