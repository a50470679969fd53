import type { FeedSettings } from './feed-config.ts';

/** Warnings about single messages and trades that a feed writes a minute. */
const WARNINGS_MAX = 5;
const WARNINGS_MS = 60_000;
/** Symbols that came unasked for and get a line each. */
const UNLISTED_LINES_MAX = 20;

/** Where a feed writes: a line has the level, what it is about, and a text. */
export interface FeedLog {
  info(facts: object, text: string): void;
  warn(facts: object, text: string): void;
  error(facts: object, text: string): void;
}

/** What a feed says to its operator: a line a change. Holds no secret. */
export class FeedReport {
  readonly #log: FeedLog;
  readonly #settings: FeedSettings;
  readonly #unlisted = new Set<string>();
  #hadServer = false;
  #warnings = 0;
  #warningsSince = 0;

  constructor(settings: FeedSettings, log: FeedLog) {
    this.#settings = settings;
    this.#log = log;
  }

  connecting(): void {
    const { name, symbols, venue } = this.#settings;
    const facts = { feed: name, venue: venue.id };
    this.#log.info(facts, `connecting to ${venue.name} for ${countOf(symbols.length)}`);
  }

  live(subscriptions: Readonly<Record<'active' | 'refused' | 'unanswered', number>>): void {
    const { active, refused, unanswered } = subscriptions;
    this.#log.info({ ...this.#stateFacts('live'), active, refused, unanswered }, 'live');
  }

  stale(): void {
    const { staleAfterMs } = this.#settings;
    this.#log.warn(this.#stateFacts('stale'), `no trade for ${staleAfterMs / 1000} s`);
  }

  paused(): void {
    const facts = this.#stateFacts('paused');
    this.#log.warn(facts, 'the server takes no more: the venue is not read until it does');
  }

  allRefused(): void {
    this.#log.error(this.#stateFacts('refused'), 'the venue refuses every symbol');
  }

  failed(cause: string): void {
    this.#log.error(this.#stateFacts('failed'), `the feed ends: ${cause}`);
  }

  /** @param delayMs until the next attempt; undefined: none, or the next connection is there */
  lost(reason: string, detail: string, delayMs: number | undefined): void {
    const facts = { feed: this.#settings.name, reason, detail };
    if (delayMs === undefined) {
      const isReplaced = reason === 'rotation' || reason === 'requested' || reason === 'stale';
      if (isReplaced) this.#log.info(facts, `the connection was replaced: ${detail}`);
      return;
    }
    const delay = `${(delayMs / 1000).toFixed(1)} s`;
    this.#log.warn(facts, `no connection: ${detail}; the next attempt is in ${delay}`);
  }

  refused(symbol: string, reason: string): void {
    const facts = { feed: this.#settings.name, symbol };
    this.#log.warn(facts, `${symbol} was refused: ${reason}`);
  }

  /** Says whether the server is there, if that has changed. */
  server(hasServer: boolean): void {
    if (hasServer === this.#hadServer) return;
    this.#hadServer = hasServer;
    const facts = { feed: this.#settings.name };
    if (hasServer) this.#log.info(facts, 'the server is there');
    else this.#log.warn(facts, 'the server is gone: trades are kept until it is back');
  }

  serverReported(error: Error): void {
    this.#warn(`the server reported: ${error.message}`);
  }

  malformed(reason: string): void {
    this.#warn(`a message was not understood: ${reason}`);
  }

  idsRestarted(symbol: string): void {
    this.#warn(`the ids of ${symbol} started again`);
  }

  /** Trades came of a symbol that the file does not list: perhaps it is spelt otherwise there. */
  unlisted(symbol: string): void {
    if (this.#unlisted.has(symbol) || this.#unlisted.size >= UNLISTED_LINES_MAX) return;
    this.#unlisted.add(symbol);
    const { name: feed, symbols } = this.#settings;
    const meant = symbols.find((each) => each.toLowerCase() === symbol.toLowerCase());
    const hint = meant === undefined ? '' : `, but ${meant} is`;
    this.#log.warn({ feed, symbol }, `trades of ${symbol} are left out: it is not listed${hint}`);
  }

  stopped(sums: object): void {
    this.#log.info({ feed: this.#settings.name, ...sums }, 'stopped');
  }

  unsent(sums: object, unacknowledged: number, error: unknown): void {
    const cause = error instanceof Error ? error.message : String(error);
    this.#log.error(
      { feed: this.#settings.name, ...sums, unacknowledged },
      `stopped; not all trades have reached the server: ${cause}`,
    );
  }

  #stateFacts(state: string): object {
    const { name, venue } = this.#settings;
    return { feed: name, venue: venue.id, state };
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
    this.#log.warn({ feed: this.#settings.name }, text + rest);
  }
}

function countOf(symbols: number): string {
  return symbols === 1 ? '1 symbol' : `${symbols} symbols`;
}
