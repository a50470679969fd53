import { onTestFinished } from 'vitest';
import type { KeeperTiming } from '../../feeds/connection/connection-keeper.ts';
import type { Dialect, ScriptedTrade } from '../../feeds/exchange/dialect.ts';
import { DIALECTS } from '../../feeds/exchange/dialects.ts';
import type { ExchangeOptions } from '../../feeds/exchange/exchange-connection.ts';
import { ScriptedExchange } from '../../feeds/exchange/scripted-exchange.ts';
import { Feed, type FeedPublisher } from '../../feeds/feed.ts';
import { type FeedSettings, parseFeedConfig } from '../../feeds/feed-config.ts';
import type { VenueFactory } from '../../feeds/venue.ts';
import { VENUES } from '../../feeds/venues/all-venues.ts';

export interface PublishedTick {
  readonly symbol: string;
  readonly price: number;
  readonly time: number | undefined;
}

/** Stands for the SDK's publisher: keeps what is published, and has room for so much. */
export class RecordingPublisher implements FeedPublisher {
  readonly ticks: PublishedTick[] = [];
  readonly state = 'live';
  readonly failure = undefined;
  /** Ticks that it takes before it says that it is full. */
  room = Number.POSITIVE_INFINITY;
  #wake: (() => void)[] = [];

  get totals(): FeedPublisher['totals'] {
    const [sent, none] = [this.ticks.length, 0];
    return {
      sent,
      accepted: sent,
      rejected: none,
      dropped: none,
      resumed: none,
      unacknowledged: none,
      buffered: none,
      reconnects: none,
    };
  }

  get ready(): Promise<void> {
    if (this.room > 0) return Promise.resolve();
    return new Promise((resolve) => this.#wake.push(resolve));
  }

  publish(symbol: string, price: number, time?: number): boolean {
    if (this.room <= 0) throw new Error('published without room');
    this.ticks.push({ symbol, price, time });
    this.room -= 1;
    return this.room > 0;
  }

  makeRoom(ticks: number): void {
    this.room = ticks;
    for (const wake of this.#wake.splice(0)) wake();
  }

  on(): () => void {
    return () => {};
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** Settings as a file with one feed would give them. */
export function feedSettings(
  feed: Readonly<Record<string, unknown>>,
  env: Readonly<Record<string, string>> = {},
  venues: ReadonlyMap<string, VenueFactory> = VENUES,
): FeedSettings {
  const json = JSON.stringify({ feeds: [{ name: 'test', ...feed }] });
  return parseFeedConfig(json, 'feeds.json', venues, env)[0] as FeedSettings;
}

/** Short, but for what must be long enough on a busy machine. */
const TIMING: KeeperTiming = { overlapMs: 150, closeMs: 200, random: () => 0.02 };

export interface FeedRig {
  readonly exchange: ScriptedExchange;
  readonly feed: Feed;
  readonly publisher: RecordingPublisher;
  /** `level text`, oldest first. */
  readonly lines: readonly string[];
}

export interface FeedRigOptions {
  readonly exchange?: ExchangeOptions;
  readonly feed?: Readonly<Record<string, unknown>>;
  readonly timing?: KeeperTiming;
  readonly env?: Readonly<Record<string, string>>;
  /** Before the feed starts. */
  readonly prepare?: (exchange: ScriptedExchange) => void;
}

/** A feed of `symbols` at a scripted exchange of its venue; both end with the test. */
export function feedForTest(
  venue: keyof typeof DIALECTS,
  symbols: readonly string[],
  options?: FeedRigOptions,
): Promise<FeedRig> {
  return feedForTestOf(DIALECTS[venue], VENUES, symbols, options);
}

/** The same of a venue of one's own. */
export async function feedForTestOf(
  dialect: Dialect,
  venues: ReadonlyMap<string, VenueFactory>,
  symbols: readonly string[],
  { exchange: options, feed: keys, timing, env, prepare }: FeedRigOptions = {},
): Promise<FeedRig> {
  const exchange = await ScriptedExchange.start(dialect, options);
  prepare?.(exchange);
  const { url } = exchange;
  const settings = feedSettings({ venue: dialect.venue, symbols, url, ...keys }, env, venues);
  const publisher = new RecordingPublisher();
  const lines: string[] = [];
  const write = (level: string) => (_facts: object, text: string) =>
    void lines.push(`${level} ${text}`);
  const log = { info: write('info'), warn: write('warn'), error: write('error') };
  const feed = new Feed(settings, publisher, log, { ...TIMING, ...timing });
  onTestFinished(async () => {
    publisher.makeRoom(Number.POSITIVE_INFINITY);
    await feed.stop();
    await exchange.stop();
  });
  feed.start();
  return { exchange, feed, publisher, lines };
}

/** The time of trade 0: of today, and whole. */
const NOON = Math.floor(Date.now() / 1000) * 1000 - 3_600_000;

/** The `id`th trade of a symbol. */
export function trade(symbol: string, id: number): ScriptedTrade {
  return { symbol, id, price: 100 + (id % 100) / 100, time: NOON + id };
}

/** Trades `from` to `to`, both included. */
export function tradesOf(symbol: string, from: number, to: number): ScriptedTrade[] {
  return Array.from({ length: to - from + 1 }, (_, at) => trade(symbol, from + at));
}

/** What is to be published of such trades. */
export function ticksOf(venue: string, trades: readonly ScriptedTrade[]): PublishedTick[] {
  return trades.map(({ symbol, price, time }) => ({
    symbol: `${venue.toUpperCase()}:${symbol}`,
    price,
    time,
  }));
}
