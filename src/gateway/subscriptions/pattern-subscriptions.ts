import { UNKNOWN_SYMBOL } from '../../engine/index.ts';
import { ALL_FIELDS, isWildcard } from '../../protocol/index.ts';
import type { GatewayContext } from '../context.ts';
import type { Client } from '../sessions/client.ts';
import { FULL_INTEREST, fieldsWanted, NOT_HELD } from './interest.ts';
import type { SessionSubscriptions } from './session-subscriptions.ts';
import { NONE } from './subscription-columns.ts';
import type { SymbolObserver, Wildcard } from './wildcards.ts';

export type PatternContext = Pick<GatewayContext, 'config' | 'engine' | 'subscriptions'>;

/**
 * The patterns that a session holds. An exact symbol is stored in the subscription to it; only
 * wildcards (patterns with a `*`) are stored here.
 *
 * Holding and releasing change the interest. `reconcile` then updates the subscriptions.
 */
export class PatternSubscriptions {
  readonly #context: PatternContext;
  readonly #client: Client;
  readonly #subscriptions: SessionSubscriptions;
  readonly #observer: SymbolObserver;
  #count = 0;
  /** Interest by wildcard. Undefined until the first one: most sessions hold none. */
  #wildcards: Map<Wildcard, number> | undefined;

  constructor(
    context: PatternContext,
    client: Client,
    subscriptions: SessionSubscriptions,
    observer: SymbolObserver,
  ) {
    this.#context = context;
    this.#client = client;
    this.#subscriptions = subscriptions;
    this.#observer = observer;
  }

  get wildcards(): readonly Wildcard[] {
    return this.#wildcards === undefined ? [] : [...this.#wildcards.keys()];
  }

  /**
   * Holds an exact symbol, or changes the interest in it.
   *
   * @returns the subscription to it; NONE at the limit of patterns
   */
  holdSymbol(symbol: string, interest: number): number {
    const { pending } = this.#context.subscriptions;
    const name = this.#client.nameSpace.nameOf(symbol);
    const symbolId = this.#findSymbol(name);
    const found = symbolId === undefined ? NONE : this.#subscriptions.find(symbolId);
    if (!this.#isHeld(found) && !this.#countOne()) return NONE;
    const subscription =
      found === NONE ? this.#subscriptions.add(symbolId ?? pending.add(name)) : found;
    this.#subscriptions.columns.exactInterests[subscription] = interest;
    return subscription;
  }

  /**
   * Holds a wildcard, or changes the interest in its symbols.
   *
   * @returns undefined at the limit of patterns or wildcards
   */
  holdWildcard(pattern: string, interest: number): Wildcard | undefined {
    const { wildcards } = this.#context.subscriptions;
    const { nameSpace } = this.#client;
    const known = wildcards.find(nameSpace, pattern);
    const isHeld = known !== undefined && this.#wildcards?.has(known) === true;
    if (!isHeld) {
      const { wildcardsPerSession } = this.#context.config.limits;
      const isFull = (this.#wildcards?.size ?? 0) >= wildcardsPerSession;
      if (isFull || !this.#countOne()) return undefined;
    }
    const wildcard = wildcards.observe(nameSpace, pattern, this.#observer);
    this.#wildcards ??= new Map();
    this.#wildcards.set(wildcard, interest);
    return wildcard;
  }

  /**
   * Releases those of the patterns that are held.
   *
   * @returns the subscriptions to symbols that they match
   */
  release(patterns: readonly string[]): number[] {
    const exact = patterns.filter((pattern) => !isWildcard(pattern));
    const wildcards = patterns
      .filter(isWildcard)
      .map((pattern) => this.#releaseWildcard(pattern))
      .filter((wildcard) => wildcard !== undefined);
    return exact
      .map((symbol) => this.#releaseSymbol(symbol))
      .filter((subscription) => subscription !== NONE)
      .concat(this.#subscribedTo(wildcards));
  }

  /**
   * The interest in a symbol of all patterns that match it; NOT_HELD if none does, or if only
   * wildcards do and the client may not read the symbol.
   *
   * @param subscription the session's to the symbol, or NONE
   */
  interestIn(symbolId: number, subscription: number): number {
    const { columns } = this.#subscriptions;
    let interest =
      subscription === NONE ? NOT_HELD : (columns.exactInterests[subscription] as number);
    if (this.#wildcards === undefined || symbolId < 0) return interest;
    const name = this.#context.engine.symbols.name(symbolId);
    if (!this.#client.sees(name)) return interest;
    for (const [wildcard, added] of this.#wildcards) {
      if (interest === FULL_INTEREST) break;
      if (wildcard.matches(name)) interest |= added;
    }
    return interest;
  }

  /** The ids from `from` to before `to` of readable symbols that a wildcard matches. */
  *matching(wildcards: readonly Wildcard[], from: number, to: number): Generator<number> {
    const { symbols } = this.#context.engine;
    if (wildcards.length === 0) return;
    for (let symbolId = from; symbolId < to; symbolId++) {
      const name = symbols.names[symbolId];
      if (name === undefined || !this.#client.sees(name)) continue;
      if (wildcards.some(({ matches }) => matches(name))) yield symbolId;
    }
  }

  /** The exact symbols held, as the client writes them. */
  symbols(): string[] {
    return this.#subscriptions
      .all()
      .filter((subscription) => this.#isHeld(subscription))
      .map((subscription) => this.symbolOf(subscription));
  }

  /** The symbol of a subscription, as the client writes it. */
  symbolOf(subscription: number): string {
    const { engine, subscriptions } = this.#context;
    const symbolId = this.#subscriptions.columns.symbolIds[subscription] as number;
    const name =
      symbolId < 0 ? subscriptions.pending.name(symbolId) : engine.symbols.name(symbolId);
    return this.#client.nameSpace.symbolOf(name);
  }

  /** A pattern with interest in some but not all statistics, and their mask; undefined if none. */
  partial(): { readonly pattern: string; readonly fields: number } | undefined {
    const isPartial = (fields: number) => fields !== 0 && fields !== ALL_FIELDS;
    for (const [{ pattern }, interest] of this.#wildcards ?? []) {
      const fields = fieldsWanted(interest);
      if (isPartial(fields)) return { pattern, fields };
    }
    const { columns } = this.#subscriptions;
    for (const subscription of this.#subscriptions.all()) {
      const fields = fieldsWanted(columns.exactInterests[subscription] as number);
      if (isPartial(fields)) return { pattern: this.symbolOf(subscription), fields };
    }
    return undefined;
  }

  /** The session has closed. Its subscriptions are ended separately. */
  close(): void {
    for (const { pattern } of this.wildcards) this.#unobserve(pattern);
    this.#wildcards = undefined;
    this.#uncount(this.#count);
  }

  #releaseSymbol(symbol: string): number {
    const symbolId = this.#findSymbol(this.#client.nameSpace.nameOf(symbol));
    const subscription = symbolId === undefined ? NONE : this.#subscriptions.find(symbolId);
    if (!this.#isHeld(subscription)) return NONE;
    this.#subscriptions.columns.exactInterests[subscription] = NOT_HELD;
    this.#uncount(1);
    return subscription;
  }

  #releaseWildcard(pattern: string): Wildcard | undefined {
    const wildcard = this.#context.subscriptions.wildcards.find(this.#client.nameSpace, pattern);
    if (wildcard === undefined || this.#wildcards?.delete(wildcard) !== true) return undefined;
    this.#unobserve(pattern);
    this.#uncount(1);
    return wildcard;
  }

  #unobserve(pattern: string): void {
    const { wildcards } = this.#context.subscriptions;
    wildcards.unobserve(this.#client.nameSpace, pattern, this.#observer);
  }

  /** The subscriptions to symbols that one of the patterns matches. */
  #subscribedTo(wildcards: readonly Wildcard[]): number[] {
    if (wildcards.length === 0) return [];
    const { symbols } = this.#context.engine;
    return this.#subscriptions.bySymbolId().filter((subscription) => {
      const name = symbols.name(this.#subscriptions.columns.symbolIds[subscription] as number);
      return wildcards.some(({ matches }) => matches(name));
    });
  }

  #isHeld(subscription: number): boolean {
    if (subscription === NONE) return false;
    return this.#subscriptions.columns.exactInterests[subscription] !== NOT_HELD;
  }

  /** The id of a symbol that exists or is pending. */
  #findSymbol(name: string): number | undefined {
    const symbolId = this.#context.engine.symbols.findName(name);
    return symbolId === UNKNOWN_SYMBOL ? this.#context.subscriptions.pending.find(name) : symbolId;
  }

  /** Counts a pattern; false at the limit. */
  #countOne(): boolean {
    if (this.#count >= this.#context.config.stream.subscriptionsMax) return false;
    this.#count++;
    this.#context.subscriptions.patternsHeld++;
    return true;
  }

  #uncount(patterns: number): void {
    this.#count -= patterns;
    this.#context.subscriptions.patternsHeld -= patterns;
  }
}
