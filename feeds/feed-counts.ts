/** What became of a trade that a venue sent. */
export const TRADE_RESULTS = [
  /** Handed to the publisher, which keeps it until the server has it. */
  'published',
  /** Its id was known. */
  'duplicate',
  /** The venue says that it sets no price. */
  'excluded',
  /** Of a symbol that the feed does not list. */
  'unlisted',
  /** Its price is no price: not above zero, or not finite. */
  'invalid',
  /** The feed stopped, or its publisher failed, before there was room for it. */
  'dropped',
] as const;

export type TradeResult = (typeof TRADE_RESULTS)[number];

/** Why a connection was given up. */
export const RECONNECT_REASONS = [
  /** It could not be made. */
  'connect',
  /** The venue closed it, or the network did. */
  'closed',
  /** A message was larger than is taken. */
  'oversize',
  /** No answer to a ping. */
  'no_pong',
  /** No message of any kind. */
  'silent',
  /** Messages, but no trade of any symbol: made anew before the old one is closed. */
  'stale',
  /** It was old: made anew before the old one is closed. */
  'rotation',
  /** The venue asked for it: made anew before the old one is closed. */
  'requested',
  /** The venue refused the connection or the login for now. */
  'refused',
  /** No subscription was answered. */
  'unanswered',
] as const;

export type ReconnectReason = (typeof RECONNECT_REASONS)[number];

/** The counts of a feed since it started. */
export class FeedCounts {
  messages = 0;
  malformed = 0;
  /** Trades published that the venue gave no id: repeated ones are not seen. */
  withoutId = 0;
  /** By result. */
  readonly trades: Record<TradeResult, number> = zeros(TRADE_RESULTS);
  /** Ids that the venue skipped. */
  missed = 0;
  /** Trades whose time could not be: they got that of their receipt. */
  timesReplaced = 0;
  /** By reason. */
  readonly reconnects: Record<ReconnectReason, number> = zeros(RECONNECT_REASONS);
  /** How often reading stopped since the server took no more. */
  pauses = 0;
  /** When the newest trade came, by `performance.now()`; undefined before the first. */
  lastTradeAt: number | undefined;
  /** From the newest trade's time to its receipt, ms. */
  lagMs: number | undefined;
}

function zeros<Name extends string>(names: readonly Name[]): Record<Name, number> {
  return Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>;
}
