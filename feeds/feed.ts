import { connectPublisher, type Publisher } from '../client-sdk/src/index.ts';
import { ConnectionKeeper, type KeeperTiming } from './connection/connection-keeper.ts';
import { HourBudget } from './connection/frame-pacer.ts';
import { SUBSCRIPTION_STATES, type SubscriptionState } from './connection/subscriptions.ts';
import type { FeedSettings } from './feed-config.ts';
import { FeedCounts } from './feed-counts.ts';
import { TradePath } from './trades/trade-path.ts';
import type { Venue } from './venue.ts';

/** Between the first connections of a feed that needs several, ms. */
const STAGGER_MS = 250;
/** Longest wait for the server to take what is left at the stop, ms. */
const FLUSH_MS = 5000;
/** Lines about malformed messages, and the like, that a feed writes a minute. */
const WARNINGS_MAX = 5;
const WARNINGS_MS = 60_000;

/**
 * `connecting`: never subscribed yet. `live`: subscribed. `stale`: subscribed, and without a trade
 * for `staleAfterMs`. `paused`: the server takes no more, so the venue is not read. `reconnecting`:
 * a connection was lost. `refused`: the venue refuses every symbol. `failed`: for good. `stopped`:
 * by its operator.
 */
export const FEED_STATES = [
  'connecting',
  'live',
  'stale',
  'paused',
  'reconnecting',
  'refused',
  'failed',
  'stopped',
] as const;

export type FeedState = (typeof FEED_STATES)[number];

/** Where a feed writes: a line has the level, what it is about, and a text. */
export interface FeedLog {
  info(facts: object, text: string): void;
  warn(facts: object, text: string): void;
  error(facts: object, text: string): void;
}

/** What a feed needs of the SDK's publisher. */
export type FeedPublisher = Pick<
  Publisher,
  'publish' | 'ready' | 'state' | 'failure' | 'totals' | 'on' | 'close'
>;

/**
 * The publisher of a feed.
 *
 * @param url the server, such as `ws://127.0.0.1:9001`
 * @throws TypeError for a bad URL
 */
export function feedPublisher(
  { name, bufferTicksMax }: Pick<FeedSettings, 'name' | 'bufferTicksMax'>,
  url: string,
  token: string | undefined,
): Publisher {
  const options = { publisher: name, bufferTicksMax };
  return connectPublisher(url, token === undefined ? options : { ...options, token });
}

/** One venue's trades of some symbols, into a server, by a publisher of the feed's name. */
export class Feed {
  readonly counts = new FeedCounts();
  readonly settings: FeedSettings;
  readonly #venue: Venue;
  readonly #log: FeedLog;
  readonly #publisher: FeedPublisher;
  readonly #path: TradePath;
  readonly #keepers: readonly ConnectionKeeper[];
  readonly #staggers: NodeJS.Timeout[] = [];
  #state: FeedState = 'connecting';
  #pausedAt: number | undefined;
  #isStopped = false;
  #hadServer = false;
  #warnings = 0;
  #warningsSince = 0;

  constructor(
    settings: FeedSettings,
    publisher: FeedPublisher,
    log: FeedLog,
    timing?: KeeperTiming,
  ) {
    this.settings = settings;
    this.#venue = settings.venue;
    this.#log = log;
    this.#publisher = publisher;
    this.#publisher.on('state', () => this.#update());
    this.#publisher.on('error', (error) => this.#warn(`the server reported: ${error.message}`));
    this.#path = new TradePath(this.#publisher, settings.venue, settings.published, this.counts, {
      blocked: () => this.#pause(),
      unblocked: () => this.#resume(),
      idsRestarted: (symbol) => this.#warn(`the ids of ${symbol} started again`),
    });
    this.#keepers = this.#makeKeepers(timing);
  }

  get state(): FeedState {
    return this.#state;
  }

  /** Totals of the server's answers. */
  get serverTotals(): Publisher['totals'] {
    return this.#publisher.totals;
  }

  /** Whether its publisher has a session with the server. */
  get hasServer(): boolean {
    return this.#publisher.state === 'live';
  }

  /** Symbols by the state of their subscription. */
  subscriptions(): Record<SubscriptionState, number> {
    const counts = Object.fromEntries(SUBSCRIPTION_STATES.map((state) => [state, 0])) as Record<
      SubscriptionState,
      number
    >;
    for (const keeper of this.#keepers) {
      for (const symbol of keeper.symbols) counts[keeper.stateOf(symbol)] += 1;
    }
    return counts;
  }

  start(): void {
    const { name, symbols } = this.settings;
    const facts = { feed: name, venue: this.#venue.id };
    this.#log.info(facts, `connecting to ${this.#venue.name} for ${countOf(symbols.length)}`);
    for (const [at, keeper] of this.#keepers.entries()) {
      if (at === 0) keeper.start();
      else this.#staggers.push(setTimeout(() => keeper.start(), at * STAGGER_MS));
    }
  }

  /**
   * Closes the venue's connections, then waits a while until the server has all there is. Returns
   * whether it has.
   */
  async stop(): Promise<boolean> {
    this.#isStopped = true;
    for (const timer of this.#staggers) clearTimeout(timer);
    await Promise.all(this.#keepers.map((keeper) => keeper.stop()));
    this.#path.end();
    const { name } = this.settings;
    this.#state = 'stopped';
    try {
      await this.#publisher.close(FLUSH_MS);
      this.#log.info({ feed: name, ...this.#sums() }, 'stopped');
      return true;
    } catch (error) {
      const { unacknowledged } = this.#publisher.totals;
      this.#log.error(
        { feed: name, ...this.#sums(), unacknowledged },
        `stopped; not all trades have reached the server: ${messageOf(error)}`,
      );
      return false;
    }
  }

  #makeKeepers(timing: KeeperTiming | undefined): ConnectionKeeper[] {
    const { symbols, url, staleAfterMs, rotateAfterMs, credentials } = this.settings;
    const { symbolsPerConnection, framesPerHour } = this.#venue.limits;
    const hour = new HourBudget(framesPerHour);
    const keepers: ConnectionKeeper[] = [];
    for (let at = 0; at < symbols.length; at += symbolsPerConnection) {
      const part = symbols.slice(at, at + symbolsPerConnection);
      const options = {
        url: url ?? this.#venue.url(part),
        symbols: part,
        credentials,
        hour,
        staleAfterMs,
        rotateAfterMs: rotateAfterMs ?? this.#venue.rotateAfterMs,
        timing,
      };
      keepers.push(
        new ConnectionKeeper(this.#venue, options, this.counts, {
          trades: (trades, receivedAt) => this.#path.take(trades, receivedAt),
          malformed: (reason) => this.#warn(`a message was not understood: ${reason}`),
          refused: (symbol, reason) => {
            const facts = { feed: this.settings.name, symbol };
            this.#log.warn(facts, `${symbol} was refused: ${reason}`);
          },
          lost: (reason, detail, delayMs) => this.#lost(reason, detail, delayMs),
          changed: () => this.#update(),
        }),
      );
    }
    return keepers;
  }

  #lost(reason: string, detail: string, delayMs: number | undefined): void {
    const facts = { feed: this.settings.name, reason, detail };
    if (delayMs === undefined) {
      const isReplaced = reason === 'rotation' || reason === 'requested' || reason === 'stale';
      if (isReplaced) this.#log.info(facts, `the connection was replaced: ${detail}`);
      return;
    }
    const delay = `${(delayMs / 1000).toFixed(1)} s`;
    this.#log.warn(facts, `no connection: ${detail}; the next attempt is in ${delay}`);
  }

  #pause(): void {
    this.counts.pauses += 1;
    this.#pausedAt = performance.now();
    for (const keeper of this.#keepers) keeper.pause();
    this.#update();
  }

  #resume(): void {
    this.counts.pausedMs += performance.now() - (this.#pausedAt ?? performance.now());
    this.#pausedAt = undefined;
    for (const keeper of this.#keepers) keeper.resume();
    this.#update();
  }

  #stateNow(): FeedState {
    const failed = this.#keepers.find(({ failure }) => failure !== undefined);
    if (failed !== undefined || this.#publisher.state === 'closed') return 'failed';
    if (this.#pausedAt !== undefined) return 'paused';
    if (this.#keepers.some((keeper) => !keeper.isLive)) {
      return this.#keepers.every(({ wasLive }) => wasLive) ? 'reconnecting' : 'connecting';
    }
    if (this.subscriptions().refused === this.settings.symbols.length) return 'refused';
    return this.#keepers.some(({ isStale }) => isStale) ? 'stale' : 'live';
  }

  #update(): void {
    if (this.#isStopped) return;
    this.#updateServer();
    const state = this.#stateNow();
    const before = this.#state;
    if (state === before) return;
    this.#state = state;
    const facts = { feed: this.settings.name, venue: this.#venue.id, state };
    switch (state) {
      case 'live': {
        const { active, refused, unanswered } = this.subscriptions();
        this.#log.info({ ...facts, active, refused, unanswered }, 'live');
        break;
      }
      case 'stale':
        this.#log.warn(facts, `no trade for ${this.settings.staleAfterMs / 1000} s`);
        break;
      case 'paused':
        this.#log.warn(facts, 'the server takes no more: the venue is not read until it does');
        break;
      case 'refused':
        this.#log.error(facts, 'the venue refuses every symbol');
        break;
      case 'failed':
        this.#fail(facts);
        break;
      case 'connecting':
      case 'reconnecting':
      case 'stopped':
        // Said with its cause: see `#lost`, `start` and `stop`.
        break;
    }
  }

  #updateServer(): void {
    const { hasServer } = this;
    if (hasServer === this.#hadServer) return;
    this.#hadServer = hasServer;
    const facts = { feed: this.settings.name };
    if (hasServer) this.#log.info(facts, 'the server is there');
    else this.#log.warn(facts, 'the server is gone: trades are kept until it is back');
  }

  #fail(facts: object): void {
    const cause =
      this.#keepers.find(({ failure }) => failure !== undefined)?.failure ??
      `the server refuses this publisher: ${this.#publisher.failure?.message ?? 'closed'}`;
    this.#log.error(facts, `the feed ends: ${cause}`);
    if (this.#publisher.state !== 'closed') return;
    this.#path.end();
    for (const keeper of this.#keepers) void keeper.stop();
  }

  #sums(): object {
    const { trades, missed } = this.counts;
    return { published: trades.published, duplicates: trades.duplicate, missed };
  }

  /** Warns, but not of every message of many that are bad. */
  #warn(text: string): void {
    const now = performance.now();
    if (now - this.#warningsSince > WARNINGS_MS) {
      this.#warnings = 0;
      this.#warningsSince = now;
    }
    this.#warnings += 1;
    if (this.#warnings > WARNINGS_MAX) return;
    const rest = this.#warnings === WARNINGS_MAX ? '; more of this minute are counted only' : '';
    this.#log.warn({ feed: this.settings.name }, text + rest);
  }
}

function countOf(symbols: number): string {
  return symbols === 1 ? '1 symbol' : `${symbols} symbols`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
