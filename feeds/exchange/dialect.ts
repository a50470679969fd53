/** A trade for a scripted exchange to send. */
export interface ScriptedTrade {
  readonly symbol: string;
  readonly id: number;
  readonly price: number;
  /** Ms since the Unix epoch. */
  readonly time: number;
}

/** What a client asks of an exchange. */
export type ClientRequest =
  | { readonly kind: 'subscribe'; readonly symbols: readonly string[]; readonly id: unknown }
  | { readonly kind: 'login' }
  /** Answered with the text. */
  | { readonly kind: 'ping'; readonly pong: string }
  | { readonly kind: 'other' };

/**
 * The other side of a venue's protocol, written from its documentation and not from the parsers
 * that it tests.
 */
export interface Dialect {
  readonly venue: string;
  /** Sent when a client connects. */
  readonly hello?: string;
  /** Only a client that has logged in may subscribe. */
  readonly loginAnswer?: string;
  /** Messages that it takes a second before it closes. */
  readonly framesPerSecond: number;
  /** @throws SyntaxError for what is no JSON */
  read(text: string): ClientRequest;
  /** What it says to a subscription of `accepted`, when `refused` were asked for in it, too. */
  answer(
    request: { readonly id: unknown },
    accepted: readonly string[],
    refused: readonly string[],
  ): readonly string[];
  /** Whether one unknown symbol makes it refuse the whole request. */
  readonly refusesWhole: boolean;
  /** One message. */
  trades(trades: readonly ScriptedTrade[]): string[];
  readonly heartbeat?: string;
  /** Announces that the connection will be closed. */
  readonly goodbye?: string;
}
