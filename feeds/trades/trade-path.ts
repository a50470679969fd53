import type { Publisher } from '../../client-sdk/src/index.ts';
import type { FeedCounts } from '../feed-counts.ts';
import type { Trade, Venue } from '../venue.ts';
import { compareIds, createTradeIds, type TradeIds } from './trade-ids.ts';

/** The server refuses ticks that are further ahead of its clock, unless configured otherwise. */
const AHEAD_MS_MAX = 5000;

/** A trade with the time that it sorts by. */
interface TimedTrade {
  readonly trade: Trade;
  /** The venue's, or that of receipt where the venue's cannot be. */
  readonly time: number;
  /** Whether its id was new. */
  isFresh: boolean;
}

/** A tick that waits for room. */
interface Tick {
  readonly symbol: string;
  readonly price: number;
  readonly time: number;
}

export type TickPublisher = Pick<Publisher, 'publish' | 'ready'>;

/** What a trade path tells its feed. */
export interface TradePathEvents {
  /** The publisher takes no more: stop reading. */
  blocked(): void;
  /** It does again. */
  unblocked(): void;
  /** A symbol's ids have started again. */
  idsRestarted(symbol: string): void;
  /** A trade came of a symbol that the feed does not list. */
  unlisted(symbol: string): void;
}

/**
 * From trades of a venue to ticks of a publisher: each trade once, in the order of time, under the
 * published symbol. What the publisher has no room for waits here; meanwhile nothing is read, so
 * that is never more than a few messages.
 */
export class TradePath {
  readonly #publisher: TickPublisher;
  readonly #counts: FeedCounts;
  /** Published symbols by the venue's. */
  readonly #symbols: ReadonlyMap<string, string>;
  readonly #ids: TradeIds;
  readonly #byTimes: (a: TimedTrade, b: TimedTrade) => number;
  readonly #events: TradePathEvents;
  #waiting: Tick[] = [];
  #isBlocked = false;
  #isEnded = false;

  constructor(
    publisher: TickPublisher,
    venue: Pick<Venue, 'ids' | 'gapsCount'>,
    symbols: ReadonlyMap<string, string>,
    counts: FeedCounts,
    events: TradePathEvents,
  ) {
    this.#publisher = publisher;
    this.#symbols = symbols;
    this.#counts = counts;
    this.#ids = createTradeIds(venue);
    // Ids that do not rise say nothing of an order: trades of one time stay as they were sent.
    this.#byTimes = venue.ids === 'rising' ? byTimesAndIds : byTimes;
    this.#events = events;
  }

  /** Ticks that wait for room. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /**
   * Takes the trades of one message.
   *
   * @param receivedAt ms since the Unix epoch
   */
  take(trades: readonly Trade[], receivedAt: number): void {
    const [only] = trades;
    if (trades.length === 1 && only !== undefined) {
      const time = timeOf(only, receivedAt);
      if (this.#isFresh(only, time)) this.#publish(only, time, receivedAt);
      return;
    }
    const timed = trades.map((trade) => ({
      trade,
      time: timeOf(trade, receivedAt),
      isFresh: false,
    }));
    // Ids are noted in their own order: a trade whose time is off is neither lost nor a gap.
    const byId = isSorted(timed, byIds) ? timed : timed.toSorted(byIds);
    for (const each of byId) each.isFresh = this.#isFresh(each.trade, each.time);
    const byTime = isSorted(timed, this.#byTimes) ? timed : timed.toSorted(this.#byTimes);
    for (const { trade, time, isFresh } of byTime) {
      if (isFresh) this.#publish(trade, time, receivedAt);
    }
  }

  /** Takes no more: what waits for room is counted as dropped. */
  end(): void {
    this.#isEnded = true;
    this.#counts.trades.published -= this.#waiting.length;
    this.#counts.trades.dropped += this.#waiting.length;
    this.#waiting = [];
  }

  #isFresh(trade: Trade, time: number): boolean {
    const counts = this.#counts;
    if (!this.#symbols.has(trade.symbol)) {
      counts.trades.unlisted += 1;
      this.#events.unlisted(trade.symbol);
      return false;
    }
    const { isKnown, missed, isRestart } = this.#ids.note(
      trade,
      time === trade.time ? time : Number.NaN,
    );
    counts.missed += missed;
    if (isRestart === true) this.#events.idsRestarted(trade.symbol);
    if (isKnown) counts.trades.duplicate += 1;
    else if (trade.excluded === true) counts.trades.excluded += 1;
    return !isKnown && trade.excluded !== true;
  }

  #publish(trade: Trade, time: number, receivedAt: number): void {
    const { symbol: native, price } = trade;
    const counts = this.#counts;
    if (!(price > 0 && price < Number.POSITIVE_INFINITY)) {
      counts.trades.invalid += 1;
      return;
    }
    const symbol = this.#symbols.get(native) as string;
    counts.lastTradeAt = performance.now();
    counts.lagMs = receivedAt - time;
    if (time !== trade.time) counts.timesReplaced += 1;
    if (this.#isEnded) {
      counts.trades.dropped += 1;
      return;
    }
    counts.trades.published += 1;
    if (trade.id === undefined) counts.withoutId += 1;
    const tick = { symbol, price, time };
    if (this.#isBlocked) this.#waiting.push(tick);
    else if (!this.#hand(tick)) this.#block();
  }

  /** @returns whether there is room for another */
  #hand({ symbol, price, time }: Tick): boolean {
    try {
      return this.#publisher.publish(symbol, price, time);
    } catch {
      // The publisher has ended; its feed hears why from it.
      this.#counts.trades.published -= 1;
      this.#counts.trades.dropped += 1;
      this.end();
      return true;
    }
  }

  #block(): void {
    this.#isBlocked = true;
    this.#events.blocked();
    this.#awaitRoom();
  }

  #awaitRoom(): void {
    this.#publisher.ready.then(
      () => this.#publishWaiting(),
      // The publisher has ended; its feed hears that from it.
      () => this.end(),
    );
  }

  #publishWaiting(): void {
    for (let tick = this.#waiting.shift(); tick !== undefined; tick = this.#waiting.shift()) {
      if (this.#hand(tick)) continue;
      this.#awaitRoom();
      return;
    }
    if (this.#isEnded) return;
    this.#isBlocked = false;
    this.#events.unblocked();
  }
}

/** When it was traded: what the venue says, unless that cannot be; then when it was received. */
function timeOf({ time }: Trade, receivedAt: number): number {
  return time > 0 && time <= receivedAt + AHEAD_MS_MAX ? time : receivedAt;
}

function byIds(a: TimedTrade, b: TimedTrade): number {
  return compareIds(a.trade.id, b.trade.id);
}

function byTimes(a: TimedTrade, b: TimedTrade): number {
  return a.time - b.time;
}

function byTimesAndIds(a: TimedTrade, b: TimedTrade): number {
  return a.time - b.time || compareIds(a.trade.id, b.trade.id);
}

function isSorted(
  trades: readonly TimedTrade[],
  compare: (a: TimedTrade, b: TimedTrade) => number,
): boolean {
  for (let i = 1; i < trades.length; i += 1) {
    if (compare(trades[i - 1] as TimedTrade, trades[i] as TimedTrade) > 0) return false;
  }
  return true;
}
