import type { ReconnectReason } from '../feed-counts.ts';
import type { Trade } from '../venue.ts';
import type { VenueConnection } from './venue-connection.ts';

/** Trades held back; with more, the successor takes over at once. */
const HELD_TRADES_MAX = 100_000;

/** Why a connection is replaced while it still runs. */
export type SuccessionReason = Extract<ReconnectReason, 'rotation' | 'requested' | 'stale'>;

/** The trades of one message. */
export interface HeldTrades {
  readonly trades: readonly Trade[];
  /** Ms since the Unix epoch. */
  readonly receivedAt: number;
}

/** A connection beside the one in use: holds its trades back until it takes over. */
export class Successor {
  readonly connection: VenueConnection;
  readonly reason: SuccessionReason;
  readonly detail: string;
  #held: HeldTrades[] = [];
  #heldCount = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(connection: VenueConnection, reason: SuccessionReason, detail: string) {
    this.connection = connection;
    this.reason = reason;
    this.detail = detail;
  }

  /** Keeps trades. Returns whether it has room for more. */
  hold(trades: readonly Trade[], receivedAt: number): boolean {
    this.#held.push({ trades, receivedAt });
    this.#heldCount += trades.length;
    return this.#heldCount <= HELD_TRADES_MAX;
  }

  /** Calls `promote` after the overlap; the first call counts. */
  promoteAfter(overlapMs: number, promote: () => void): void {
    this.#timer ??= setTimeout(promote, overlapMs);
  }

  /** Ends the holding: what was held, in order. */
  release(): readonly HeldTrades[] {
    this.cancel();
    const held = this.#held;
    this.#held = [];
    return held;
  }

  cancel(): void {
    clearTimeout(this.#timer);
  }
}
