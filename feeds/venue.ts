/** What a venue is asked for. */
export interface VenueOptions {
  /** `trade`: every trade. `aggregate`: fills of one order as one trade, where the venue has it. */
  readonly price: 'trade' | 'aggregate';
  /** Stocks: `last-eligible` keeps only prints that may set the last price; `all` keeps all. */
  readonly conditions: 'last-eligible' | 'all';
}

/** One trade as the venue sent it. */
export interface Trade {
  /** As the venue writes it, and as the configuration lists it: `BTCUSDT`, `BTC-USD`. */
  readonly symbol: string;
  /** Unique among the trades of its symbol; undefined where the venue sends none. */
  readonly id: string | number | bigint | undefined;
  /** Read from the text field where there is one. */
  readonly price: number;
  /** When it was traded: ms since the Unix epoch with fractions; NaN if the venue says none. */
  readonly time: number;
  /**
   * Rising ids: how many ids it covers, ending with `id`; default 1. A venue that merges trades
   * jumps by as many, and nothing is missed.
   */
  readonly ids?: number;
  /** A trade that sets no price (insurance fund, average price): its id counts, it is not sent. */
  readonly excluded?: true;
}

/** What a message of a venue says. */
export type VenueEvent =
  /** In the order sent; within a message the engine sorts by time and id. */
  | { readonly kind: 'trades'; readonly trades: readonly Trade[] }
  /**
   * The venue confirmed a subscription: of a request, of symbols, or both. With both, symbols of
   * the request that are not named were refused.
   */
  | {
      readonly kind: 'subscribed';
      readonly symbols?: readonly string[];
      readonly requestId?: number;
    }
  /**
   * Symbols were refused. A request without symbols: one of them is to blame and all were refused;
   * they are asked for again, in halves. Neither: the oldest request without an answer.
   */
  | {
      readonly kind: 'refused';
      readonly symbols?: readonly string[];
      readonly requestId?: number;
      /** The symbols named spoilt their whole request: the others are asked for again. */
      readonly wholeRequest?: true;
      /** Too many requests, not a bad symbol: they are asked for again later. */
      readonly retryAfterMs?: number;
      readonly reason: string;
    }
  | { readonly kind: 'authenticated' }
  /** This connection is of no use. With `retryAfterMs` another is tried then, else none ever. */
  | { readonly kind: 'fatal'; readonly reason: string; readonly retryAfterMs?: number }
  /** The venue will close: another connection is made first. */
  | { readonly kind: 'reconnect'; readonly reason: string }
  /** Says only that the connection is alive. */
  | { readonly kind: 'heartbeat' }
  /** The venue wants this answer at once. */
  | { readonly kind: 'reply'; readonly text: string }
  /** Understood, and of no concern here: other channels, greetings. */
  | { readonly kind: 'ignored' }
  /** Not what the venue documents. */
  | { readonly kind: 'malformed'; readonly reason: string };

/** One message that subscribes to symbols. */
export interface SubscribeFrame {
  readonly text: string;
  readonly symbols: readonly string[];
  /** What the venue repeats in its answer; unique on the connection. */
  readonly requestId: number;
}

/** The least that the engine stays within. */
export interface VenueLimits {
  /** Messages to the venue a second, of all kinds. */
  readonly framesPerSecond: number;
  /** Messages to the venue an hour; absent: no such limit. */
  readonly framesPerHour?: number;
  readonly symbolsPerConnection: number;
  /** Only one connection an account: an old one is closed before another is made. */
  readonly singleConnection?: true;
}

/** How to speak with one venue. Holds no state: all of it is in the engine. */
export interface Venue {
  /** As in the configuration: `binance-futures`; in capitals it prefixes the symbols. */
  readonly id: string;
  /** For people: `Binance USD-M futures`. */
  readonly name: string;
  /** Where to connect for these symbols, unless the configuration has another URL. */
  url(symbols: readonly string[]): string;
  /**
   * `rising`: every id of a symbol is above the one before. `unique`: different, in no order.
   * `none`: trades have none, so duplicates are not seen.
   */
  readonly ids: 'rising' | 'unique' | 'none';
  /** Rising ids without holes: a jump means missed trades. */
  readonly gapsCount: boolean;
  /** The messages that subscribe, cut by the venue's limits. Request ids begin with `requestId`. */
  subscribeFrames(symbols: readonly string[], requestId: number): readonly SubscribeFrame[];
  /** Sent first on every connection, before login and subscriptions. */
  readonly greeting?: readonly string[];
  /** The message that logs in; needs a key. Subscriptions wait for `authenticated`. */
  login?(key: string, secret: string): string;
  /** A message due at intervals, or the venue closes the connection. */
  readonly keepAlive?: { readonly everyMs: number; readonly text: string };
  readonly limits: VenueLimits;
  /** No message of any kind for so long: the connection is dead. */
  readonly silentAfterMs: number;
  /** The venue closes a connection that is older; the engine makes a new one first. */
  readonly rotateAfterMs?: number;
  /**
   * Reads one message and says what it means. Pure, and never throws: whatever is not understood
   * is `malformed`.
   *
   * @param message text, or bytes where the venue sends binary messages
   */
  parse(message: string | Uint8Array, out: (event: VenueEvent) => void): void;
}

/** A venue, by what is wanted of it. */
export type VenueFactory = (options: VenueOptions) => Venue;
