import type { Venue, VenueEvent } from '../venue.ts';
import type { FramePacer } from './frame-pacer.ts';

/** Longest wait for the answer to a subscription, ms. */
const ANSWER_MS = 10_000;
/** How often a symbol is asked for without an answer. */
const ATTEMPTS_MAX = 3;

/**
 * `waiting`: not asked for yet. `asked`: the answer is due. `active`: confirmed, or its trades
 * come. `refused`: by the venue. `unanswered`: asked for several times; its trades are taken if
 * they come.
 */
export type SubscriptionState = 'waiting' | 'asked' | 'active' | 'refused' | 'unanswered';

export const SUBSCRIPTION_STATES: readonly SubscriptionState[] = [
  'waiting',
  'asked',
  'active',
  'refused',
  'unanswered',
];

export interface SubscriptionEvents {
  /** Called once a symbol for each refusal. */
  refused(symbol: string, reason: string): void;
  /** Every symbol was answered for, or given up. */
  settled(): void;
}

/** For tests: see `ConnectionTiming`. */
export interface SubscriptionTiming {
  readonly answerMs?: number;
  readonly retryMs?: number;
}

interface Request {
  readonly id: number;
  /** Those that have no answer yet. */
  readonly symbols: Set<string>;
  readonly timer: NodeJS.Timeout;
}

type Subscribed = Extract<VenueEvent, { kind: 'subscribed' }>;
type Refused = Extract<VenueEvent, { kind: 'refused' }>;

/**
 * Subscribes one connection to its symbols, within the venue's limits, and awaits each answer. A
 * symbol that the venue refuses spoils no other: what was refused with it is asked for again, in
 * halves where the venue does not say which one it was.
 */
export class Subscriptions {
  readonly #venue: Venue;
  readonly #pacer: FramePacer;
  readonly #events: SubscriptionEvents;
  readonly #timing: SubscriptionTiming;
  readonly #states = new Map<string, SubscriptionState>();
  readonly #attempts = new Map<string, number>();
  /** Sent and not wholly answered, oldest first. */
  readonly #requests = new Map<number, Request>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #nextId = 1;
  /** Symbols whose state may still change. */
  #open = 0;

  constructor(
    venue: Venue,
    pacer: FramePacer,
    events: SubscriptionEvents,
    timing: SubscriptionTiming = {},
  ) {
    this.#venue = venue;
    this.#pacer = pacer;
    this.#events = events;
    this.#timing = timing;
  }

  get states(): ReadonlyMap<string, SubscriptionState> {
    return this.#states;
  }

  /** Whether at least one symbol is active. */
  get hasActive(): boolean {
    for (const state of this.#states.values()) if (state === 'active') return true;
    return false;
  }

  /** Whether every symbol was answered for, or given up. */
  get isSettled(): boolean {
    return this.#open === 0 && this.#states.size > 0;
  }

  /**
   * Subscribes.
   *
   * @param doubtful symbols refused before: each is asked for on its own, after the others
   */
  start(symbols: readonly string[], doubtful: ReadonlySet<string>): void {
    this.#open = symbols.length;
    for (const symbol of symbols) this.#states.set(symbol, 'waiting');
    this.#ask(symbols.filter((symbol) => !doubtful.has(symbol)));
    for (const symbol of symbols) if (doubtful.has(symbol)) this.#ask([symbol]);
    if (this.#open === 0) this.#events.settled();
  }

  /** Trades of a symbol came: it is subscribed, whatever was answered. */
  noteTrade(symbol: string): void {
    if (this.#states.get(symbol) === 'active' || !this.#states.has(symbol)) return;
    for (const request of this.#requests.values()) this.#answer(request, symbol);
    this.#set(symbol, 'active');
  }

  noteSubscribed({ symbols, requestId }: Subscribed): void {
    if (symbols === undefined) {
      const request = this.#requestOf(requestId, []);
      for (const symbol of request?.symbols ?? []) this.#confirm(symbol);
      return;
    }
    // Only an answer to a request says by its silence that the others were refused.
    const rest = new Set(requestId === undefined ? [] : this.#requests.get(requestId)?.symbols);
    for (const symbol of symbols) {
      rest.delete(symbol);
      this.#confirm(symbol);
    }
    for (const symbol of rest) this.#refuse(symbol, 'missing in the answer');
  }

  noteRefused(event: Refused): void {
    const { requestId, symbols, reason, wholeRequest, retryAfterMs } = event;
    const named = symbols ?? [];
    const request = this.#requestOf(requestId, named);
    const rest = [...(request?.symbols ?? [])].filter((symbol) => !named.includes(symbol));
    if (retryAfterMs !== undefined) {
      this.#askLater(named.length > 0 ? named : rest, retryAfterMs);
      return;
    }
    for (const symbol of named) this.#refuse(symbol, reason);
    if (named.length > 0 && wholeRequest !== true) return;
    if (named.length === 0 && rest.length === 1) this.#refuse(rest[0] as string, reason);
    else if (named.length === 0) this.#askInHalves(rest);
    else this.#ask(rest);
  }

  stop(): void {
    for (const { timer } of this.#requests.values()) clearTimeout(timer);
    for (const timer of this.#timers) clearTimeout(timer);
    this.#requests.clear();
  }

  /** The request that an answer is about: the one it names, holds its symbols, or is oldest. */
  #requestOf(id: number | undefined, symbols: readonly string[]): Request | undefined {
    if (id !== undefined) return this.#requests.get(id);
    const requests = [...this.#requests.values()];
    if (symbols.length === 0) return requests[0];
    return requests.find((request) => symbols.some((symbol) => request.symbols.has(symbol)));
  }

  #ask(symbols: readonly string[]): void {
    if (symbols.length === 0) return;
    for (const request of this.#requests.values()) {
      for (const symbol of symbols) this.#answer(request, symbol);
    }
    const frames = this.#venue.subscribeFrames(symbols, this.#nextId);
    for (const frame of frames) {
      this.#nextId = Math.max(this.#nextId, frame.requestId) + 1;
      this.#pacer.push(frame.text, () => this.#sent(frame.requestId, frame.symbols));
    }
  }

  #askInHalves(symbols: readonly string[]): void {
    const half = Math.ceil(symbols.length / 2);
    this.#ask(symbols.slice(0, half));
    this.#ask(symbols.slice(half));
  }

  #askLater(symbols: readonly string[], delayMs: number): void {
    for (const request of this.#requests.values()) {
      for (const symbol of symbols) this.#answer(request, symbol);
    }
    for (const symbol of symbols) this.#states.set(symbol, 'waiting');
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#ask(symbols.filter((symbol) => this.#states.get(symbol) === 'waiting'));
    }, this.#timing.retryMs ?? delayMs);
    this.#timers.add(timer);
  }

  #sent(id: number, symbols: readonly string[]): void {
    const open = symbols.filter((symbol) => {
      const state = this.#states.get(symbol);
      return state === 'waiting' || state === 'asked';
    });
    for (const symbol of open) {
      this.#states.set(symbol, 'asked');
      this.#attempts.set(symbol, (this.#attempts.get(symbol) ?? 0) + 1);
    }
    const { answerMs = ANSWER_MS } = this.#timing;
    const timer = setTimeout(() => this.#unanswered(id), answerMs);
    this.#requests.set(id, { id, symbols: new Set(open), timer });
    if (open.length === 0) this.#close(id);
  }

  #unanswered(id: number): void {
    const symbols = [...(this.#requests.get(id)?.symbols ?? [])];
    this.#close(id);
    const isTired = (symbol: string) => (this.#attempts.get(symbol) ?? 0) >= ATTEMPTS_MAX;
    const again = symbols.filter((symbol) => !isTired(symbol));
    // One of them may be why there is no answer.
    if (again.length > 1) this.#askInHalves(again);
    else this.#ask(again);
    for (const symbol of symbols.filter(isTired)) this.#set(symbol, 'unanswered');
  }

  #confirm(symbol: string): void {
    for (const request of this.#requests.values()) this.#answer(request, symbol);
    if (this.#states.has(symbol)) this.#set(symbol, 'active');
  }

  #refuse(symbol: string, reason: string): void {
    for (const request of this.#requests.values()) this.#answer(request, symbol);
    const state = this.#states.get(symbol);
    if (state === undefined || state === 'refused') return;
    this.#events.refused(symbol, reason);
    this.#set(symbol, 'refused');
  }

  #answer(request: Request, symbol: string): void {
    if (request.symbols.delete(symbol) && request.symbols.size === 0) this.#close(request.id);
  }

  #close(id: number): void {
    clearTimeout(this.#requests.get(id)?.timer);
    this.#requests.delete(id);
  }

  #set(symbol: string, state: 'active' | 'refused' | 'unanswered'): void {
    const isOpen = (each: SubscriptionState | undefined) => each === 'waiting' || each === 'asked';
    const wasOpen = isOpen(this.#states.get(symbol));
    this.#states.set(symbol, state);
    if (!wasOpen) return;
    this.#open -= 1;
    if (this.#open === 0) this.#events.settled();
  }
}
