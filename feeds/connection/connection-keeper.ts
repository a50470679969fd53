import type { FeedCounts, ReconnectReason } from '../feed-counts.ts';
import type { Trade, Venue } from '../venue.ts';
import { Backoff } from './backoff.ts';
import { type AgeLimits, ConnectionAges } from './connection-ages.ts';
import type { ConnectionEnd } from './connection-end.ts';
import type { HourBudget } from './frame-pacer.ts';
import type { SubscriptionState } from './subscriptions.ts';
import { type SuccessionReason, Successor } from './successor.ts';
import { type ConnectionTiming, type Credentials, VenueConnection } from './venue-connection.ts';

/** How long two connections run side by side once the new one is subscribed, ms. */
const OVERLAP_MS = 2000;
/** How often ages are checked, ms. */
const CHECK_MS = 250;

export interface KeeperOptions extends AgeLimits {
  readonly url: string;
  readonly symbols: readonly string[];
  readonly credentials: Credentials | undefined;
  readonly hour: HourBudget;
  readonly timing?: KeeperTiming | undefined;
}

/** For tests. */
export interface KeeperTiming extends ConnectionTiming {
  readonly overlapMs?: number;
  /** In the place of chance in delays before reconnects, 0 to 1. */
  readonly random?: () => number;
}

export interface KeeperEvents {
  /** @param receivedAt ms since the Unix epoch */
  trades(trades: readonly Trade[], receivedAt: number): void;
  malformed(reason: string): void;
  /** For the first refusal of a symbol. */
  refused(symbol: string, reason: string): void;
  /** A connection was given up. `delayMs`: until the next; undefined: none, or it is there. */
  lost(reason: ReconnectReason, detail: string, delayMs: number | undefined): void;
  /** What {@link ConnectionKeeper} shows has changed. */
  changed(): void;
}

/**
 * Keeps one connection to a venue for a set of symbols: makes it anew after it ends, and before it
 * ends where that can be known.
 *
 * Two connections to a venue are not in step. While both run, only the old one's trades pass; the
 * new one's are held and follow once the old one is closed, when all that are known are dropped.
 */
export class ConnectionKeeper {
  /** Why it has given up for good. */
  failure: string | undefined;
  readonly #venue: Venue;
  readonly #options: KeeperOptions;
  readonly #counts: FeedCounts;
  readonly #events: KeeperEvents;
  readonly #backoff: Backoff;
  readonly #ages: ConnectionAges;
  readonly #doubtful = new Set<string>();
  readonly #check: NodeJS.Timeout;
  #current: VenueConnection | undefined;
  #isReady = false;
  #successor: Successor | undefined;
  #retry: NodeJS.Timeout | undefined;
  /** A connection is due once reading goes on. */
  #isDue = false;
  #isPaused = false;
  #isStopped = false;
  #wasLive = false;
  #hasTrade = false;
  #drained: (() => void) | undefined;

  constructor(venue: Venue, options: KeeperOptions, counts: FeedCounts, events: KeeperEvents) {
    this.#venue = venue;
    this.#options = options;
    this.#counts = counts;
    this.#events = events;
    this.#backoff = new Backoff(options.timing?.random);
    this.#ages = new ConnectionAges(options);
    this.#check = setInterval(() => this.#checkAges(), CHECK_MS);
  }

  get symbols(): readonly string[] {
    return this.#options.symbols;
  }

  /** Subscribed as far as the venue lets it be, or giving trades. */
  get isLive(): boolean {
    const current = this.#current;
    if (current === undefined || !this.#isReady) return false;
    return this.#hasTrade || current.subscriptions.isSettled;
  }

  /** Whether it was live once. */
  get wasLive(): boolean {
    return this.#wasLive;
  }

  get isStale(): boolean {
    return this.isLive && !this.#isPaused && this.#ages.isQuiet;
  }

  /** The state of a symbol's subscription on the connection in use. */
  stateOf(symbol: string): SubscriptionState {
    return this.#current?.subscriptions.states.get(symbol) ?? 'waiting';
  }

  start(): void {
    if (this.#isPaused) this.#isDue = true;
    else this.#connect();
  }

  /** Closes connections; resolves when they are gone. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearInterval(this.#check);
    clearTimeout(this.#retry);
    this.#dropSuccessor();
    if (this.#current === undefined) return;
    const gone = new Promise<void>((resolve) => {
      this.#drained = resolve;
    });
    this.#current.close('closed', 'the feed stops');
    await gone;
  }

  /** Stops reading. */
  pause(): void {
    this.#isPaused = true;
    this.#current?.pause();
    this.#successor?.connection.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#ages.resume();
    this.#current?.resume();
    this.#successor?.connection.resume();
    if (!this.#isDue) return;
    this.#isDue = false;
    this.#connect();
  }

  #connect(): void {
    this.#retry = undefined;
    if (this.#isPaused) {
      this.#isDue = true;
      return;
    }
    const connection: VenueConnection = this.#open({
      trades: (trades, receivedAt) => this.#pass(trades, receivedAt),
      ready: () => this.#ready(),
      settled: () => this.#settled(connection),
      ended: (end) => this.#ended(connection, end),
    });
    this.#current = connection;
    this.#isReady = false;
    this.#hasTrade = false;
  }

  #open(
    events: Pick<
      ConstructorParameters<typeof VenueConnection>[2],
      'trades' | 'ready' | 'settled' | 'ended'
    >,
  ): VenueConnection {
    const { url, symbols, credentials, hour, timing } = this.#options;
    return new VenueConnection(
      this.#venue,
      { url, symbols, doubtful: this.#doubtful, credentials, hour, timing },
      {
        ...events,
        message: () => {
          this.#counts.messages += 1;
        },
        malformed: (reason) => {
          this.#counts.malformed += 1;
          this.#events.malformed(reason);
        },
        refused: (symbol, reason) => {
          if (this.#doubtful.has(symbol)) return;
          this.#doubtful.add(symbol);
          this.#events.refused(symbol, reason);
        },
        requested: (detail) => this.#replace('requested', detail),
      },
    );
  }

  #pass(trades: readonly Trade[], receivedAt: number): void {
    this.#ages.noteTrade();
    this.#events.trades(trades, receivedAt);
    if (this.#hasTrade) return;
    this.#hasTrade = true;
    this.#becameLive();
  }

  #ready(): void {
    this.#isReady = true;
    this.#ages.begin();
    this.#events.changed();
  }

  #settled(connection: VenueConnection): void {
    const states = [...connection.subscriptions.states.values()];
    const isDeaf = states.includes('unanswered') && !states.includes('active');
    if (isDeaf && !this.#hasTrade) {
      connection.close('unanswered', 'no subscription was answered');
      return;
    }
    this.#becameLive();
  }

  #becameLive(): void {
    this.#wasLive = true;
    this.#events.changed();
  }

  #ended(connection: VenueConnection, end: ConnectionEnd): void {
    if (connection !== this.#current) return;
    this.#current = undefined;
    if (this.#isStopped) {
      this.#drained?.();
      return;
    }
    this.#counts.reconnects[end.reason] += 1;
    if (this.#successor !== undefined) {
      this.#events.lost(end.reason, end.detail, undefined);
      this.#promote(this.#successor);
      return;
    }
    if (end.isFinal) {
      this.failure = end.detail;
      clearInterval(this.#check);
      this.#events.lost(end.reason, end.detail, undefined);
    } else {
      const delayMs = this.#backoff.next(end.lastedMs, end.retryAfterMs);
      this.#retry = setTimeout(() => this.#connect(), delayMs);
      this.#events.lost(end.reason, end.detail, delayMs);
    }
    this.#events.changed();
  }

  /** Makes a new connection before the old one is closed, where the venue allows two. */
  #replace(reason: SuccessionReason, detail: string): void {
    if (this.#successor !== undefined || this.#current === undefined || this.#isPaused) return;
    if (this.#venue.limits.singleConnection === true) {
      if (reason !== 'stale') this.#current.close(reason, detail);
      return;
    }
    const connection: VenueConnection = this.#open({
      trades: (trades, receivedAt) => this.#gather(successor, trades, receivedAt),
      ready: () => this.#successorReady(successor),
      settled: () => this.#successorSettled(successor),
      ended: (end) => this.#successorEnded(successor, end),
    });
    const successor = new Successor(connection, reason, detail);
    this.#successor = successor;
  }

  #gather(successor: Successor, trades: readonly Trade[], receivedAt: number): void {
    if (successor !== this.#successor) {
      this.#pass(trades, receivedAt);
      return;
    }
    // Without ids, those that the old connection brings, too, could not be told.
    if (this.#venue.ids === 'none') return;
    if (!successor.hold(trades, receivedAt)) this.#promote(successor);
  }

  #successorReady(successor: Successor): void {
    if (successor !== this.#successor) this.#ready();
  }

  #successorSettled(successor: Successor): void {
    if (successor !== this.#successor) {
      this.#settled(successor.connection);
      return;
    }
    const overlapMs = this.#options.timing?.overlapMs ?? OVERLAP_MS;
    successor.promoteAfter(overlapMs, () => this.#promote(successor));
  }

  #successorEnded(successor: Successor, end: ConnectionEnd): void {
    if (successor !== this.#successor) {
      this.#ended(successor.connection, end);
      return;
    }
    // The old one is still there. It is tried again after a while, or once the old one ends.
    successor.cancel();
    this.#successor = undefined;
    const delayMs = this.#backoff.next(end.lastedMs, end.retryAfterMs);
    this.#ages.rotateAfter(delayMs);
    this.#counts.reconnects[end.reason] += 1;
    this.#events.lost(end.reason, end.detail, delayMs);
  }

  #promote(successor: Successor): void {
    if (successor !== this.#successor) return;
    const held = successor.release();
    const old = this.#current;
    this.#successor = undefined;
    this.#current = successor.connection;
    const { states, isSettled } = successor.connection.subscriptions;
    this.#isReady = states.size > 0;
    this.#hasTrade = held.some(({ trades }) => trades.length > 0);
    if (old !== undefined) {
      this.#counts.reconnects[successor.reason] += 1;
      this.#events.lost(successor.reason, successor.detail, undefined);
      old.close(successor.reason, successor.detail);
    }
    this.#ages.begin();
    for (const { trades, receivedAt } of held) this.#pass(trades, receivedAt);
    if (isSettled && this.#isReady) this.#settled(successor.connection);
    this.#events.changed();
  }

  #dropSuccessor(): void {
    const successor = this.#successor;
    this.#successor = undefined;
    if (successor === undefined) return;
    successor.cancel();
    successor.connection.close('closed', 'the feed stops');
  }

  #checkAges(): void {
    if (this.#isPaused || !this.#isReady || this.#current === undefined) return;
    const due = this.#ages.due();
    const { isQuiet, quietMs } = this.#ages;
    if (isQuiet) this.#events.changed();
    if (due === 'rotation') this.#replace(due, 'the connection was old');
    else if (due === 'stale') this.#replace(due, `no trade for ${Math.round(quietMs / 1000)} s`);
  }
}
