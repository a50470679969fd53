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
 * The patterns that a session holds. One without a `*` is a byte of the subscription to that
 * symbol; only those with a `*` are kept here.
 *
 * Holding and releasing change what is wanted. `reconcile` brings subscriptions in line with it.
 */
export class PatternSubscriptions {
  readonly #context: PatternContext;
  readonly #client: Client;
  readonly #subscriptions: SessionSubscriptions;
  readonly #observer: SymbolObserver;
  #count = 0;
  /** Interest by pattern. Undefined until the first: most sessions hold none. */
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

  /** The patterns with a `*`. */
  get wildcards(): readonly Wildcard[] {
    return this.#wildcards === undefined ? [] : [...this.#wildcards.keys()];
  }

  /**
   * Holds a symbol, or changes what is wanted of it.
   *
   * @returns the subscription to it, or NONE when the session holds as many patterns as it may
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
   * Holds a pattern with a `*`, or changes what is wanted of its symbols.
   *
   * @returns undefined when the session holds as many patterns as it may
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
   * Lets go of those of the patterns that are held.
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
   * What all patterns that match a symbol want of it; NOT_HELD where none does, or where only one
   * with a `*` does and the client may not read the symbol.
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

  /** The ids, from `from` to before `to`, of readable symbols that a pattern matches. */
  *matching(wildcards: readonly Wildcard[], from: number, to: number): Generator<number> {
    const { symbols } = this.#context.engine;
    if (wildcards.length === 0) return;
    for (let symbolId = from; symbolId < to; symbolId++) {
      const name = symbols.name(symbolId);
      if (!this.#client.sees(name)) continue;
      if (wildcards.some(({ matches }) => matches(name))) yield symbolId;
    }
  }

  /** The symbols held, as the client writes them. */
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

  /** A pattern that wants some statistics but not all, and which it wants. */
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

  /** The session ends; its subscriptions go by themselves. */
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

  /** Counts one more pattern, unless there are as many as there may be. */
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
