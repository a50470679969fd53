import { connectPublisher, type Publisher } from '../client-sdk/src/index.ts';
import { ConnectionKeeper, type KeeperTiming } from './connection/connection-keeper.ts';
import { HourBudget } from './connection/frame-pacer.ts';
import { SUBSCRIPTION_STATES, type SubscriptionState } from './connection/subscriptions.ts';
import type { FeedSettings } from './feed-config.ts';
import { FeedCounts } from './feed-counts.ts';
import { type FeedLog, FeedReport } from './feed-report.ts';
import { TradePath } from './trades/trade-path.ts';
import type { Venue } from './venue.ts';

/** Between the first connections of a feed that needs several, ms. */
const STAGGER_MS = 250;
/** Longest wait for the server to take what is left at the stop, ms. */
const FLUSH_MS = 5000;

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
  readonly #report: FeedReport;
  readonly #publisher: FeedPublisher;
  readonly #path: TradePath;
  readonly #keepers: readonly ConnectionKeeper[];
  readonly #staggers: NodeJS.Timeout[] = [];
  #state: FeedState = 'connecting';
  #pausedAt: number | undefined;
  #pausedMs = 0;
  #isStopped = false;

  constructor(
    settings: FeedSettings,
    publisher: FeedPublisher,
    log: FeedLog,
    timing?: KeeperTiming,
  ) {
    this.settings = settings;
    this.#venue = settings.venue;
    this.#report = new FeedReport(settings, log);
    this.#publisher = publisher;
    this.#publisher.on('state', () => this.#update());
    this.#publisher.on('error', (error) => this.#report.serverReported(error));
    this.#path = new TradePath(this.#publisher, settings.venue, settings.published, this.counts, {
      blocked: () => this.#pause(),
      unblocked: () => this.#resume(),
      idsRestarted: (symbol) => this.#report.idsRestarted(symbol),
      unlisted: (symbol) => this.#report.unlisted(symbol),
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

  /** How long the venue was not read, the pause that lasts included. */
  get pausedMs(): number {
    const lasts = this.#pausedAt === undefined ? 0 : performance.now() - this.#pausedAt;
    return this.#pausedMs + lasts;
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
    this.#report.connecting();
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
    this.#state = 'stopped';
    try {
      await this.#publisher.close(FLUSH_MS);
      this.#report.stopped(this.#sums());
      return true;
    } catch (error) {
      this.#report.unsent(this.#sums(), this.#publisher.totals.unacknowledged, error);
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
          malformed: (reason) => this.#report.malformed(reason),
          refused: (symbol, reason) => this.#report.refused(symbol, reason),
          lost: (reason, detail, delayMs) => this.#report.lost(reason, detail, delayMs),
          changed: () => this.#update(),
        }),
      );
    }
    return keepers;
  }

  #pause(): void {
    this.counts.pauses += 1;
    this.#pausedAt = performance.now();
    for (const keeper of this.#keepers) keeper.pause();
    this.#update();
  }

  #resume(): void {
    this.#pausedMs = this.pausedMs;
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
    this.#report.server(this.hasServer);
    const state = this.#stateNow();
    if (state === this.#state) return;
    this.#state = state;
    switch (state) {
      case 'live':
        this.#report.live(this.subscriptions());
        break;
      case 'stale':
        this.#report.stale();
        break;
      case 'paused':
        this.#report.paused();
        break;
      case 'refused':
        this.#report.allRefused();
        break;
      case 'failed':
        this.#fail();
        break;
      case 'connecting':
      case 'reconnecting':
      case 'stopped':
        // Said with its cause, where it is known.
        break;
    }
  }

  #fail(): void {
    const cause =
      this.#keepers.find(({ failure }) => failure !== undefined)?.failure ??
      `the server refuses this publisher: ${this.#publisher.failure?.message ?? 'closed'}`;
    this.#report.failed(cause);
    if (this.#publisher.state !== 'closed') return;
    this.#path.end();
    for (const keeper of this.#keepers) void keeper.stop();
  }

  #sums(): object {
    const { trades, missed } = this.counts;
    return { published: trades.published, duplicates: trades.duplicate, missed };
  }
}
