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
  | { readonly kind: 'login'; readonly key: unknown }
  /** Answered with the text. */
  | { readonly kind: 'ping'; readonly pong: string }
  /** From now on it gets heartbeats. */
  | { readonly kind: 'heartbeats'; readonly answer: string }
  | { readonly kind: 'other' };

/** What became of a request to subscribe. */
export interface SubscribeOutcome {
  /** As the client sent it. */
  readonly id: unknown;
  readonly accepted: readonly string[];
  readonly refused: readonly string[];
  /** All that the client has now. */
  readonly subscribed: readonly string[];
}

/** Of venues that one connection an account may log in to. */
export interface LoginAnswers {
  readonly accepted: string;
  /** The key is wrong. */
  readonly refused: string;
  /** Another connection of the account is open. */
  readonly placeTaken: string;
}

/**
 * The other side of a venue's protocol, written from its documentation and not from the parsers
 * that it tests.
 */
export interface Dialect {
  readonly venue: string;
  /** Sent when a client connects. */
  readonly hello?: string;
  /** Only a client that has logged in may subscribe. */
  readonly login?: LoginAnswers;
  /** Most messages that it takes in any second before it closes. */
  readonly framesPerSecond: number;
  /** Closes a client from which no message came for so long, ms; absent: pongs are enough. */
  readonly silenceMs?: number;
  /** @throws SyntaxError for what is no JSON, or breaks a rule of the venue */
  read(text: string): ClientRequest;
  /** What it says to a subscription. */
  answer(outcome: SubscribeOutcome): readonly string[];
  /** Whether one unknown symbol makes it refuse the whole request. */
  readonly refusesWhole: boolean;
  /** What it says to a subscription that came too soon; absent: it only closes. */
  throttled?(id: unknown): string;
  /** In as few messages as the venue would. */
  trades(trades: readonly ScriptedTrade[]): string[];
  /** What a new subscriber gets of trades that were before; absent: nothing, or as trades. */
  snapshot?(trades: readonly ScriptedTrade[]): string[];
  /** What says that the venue is alive: a message, or WebSocket pings; absent: its pongs. */
  readonly heartbeat?: 'ping' | { readonly text: string; readonly isAskedFor: boolean };
  /** Announces that the connection will be closed. */
  readonly goodbye?: string;
}
