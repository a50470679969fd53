import { isWildcard, patternMatcher } from '../protocol/index.ts';

/** The symbols that a permission covers. */
export interface SymbolRule {
  /** Whether it covers every symbol, so that callers can skip checking each. */
  readonly isAll: boolean;
  /** Symbols and patterns with `*`, as in the token. */
  readonly patterns: readonly string[];
  /** @param symbol the tenant's own name for it */
  covers(symbol: string): boolean;
}

/** Limits of a token. An absent one falls back to the configuration. */
export interface IdentityLimits {
  /** Concurrent WebSocket connections with this token. */
  readonly connectionsMax?: number | undefined;
  /** Per publisher. */
  readonly ticksPerSecond?: number | undefined;
  /** Per session; see `limits.requestsPerSecond`. */
  readonly requestsPerSecond?: number | undefined;
}

/** An authenticated client and its permissions. Immutable: another token makes another identity. */
export interface Identity {
  /** The name space of its symbols, publishers and history. Empty: the default tenant. */
  readonly tenant: string;
  /** The issuer's name for it, for logs. */
  readonly subject: string;
  /** Identifies the token in logs and limits without revealing it. */
  readonly tokenId: string;
  /** In ms since the epoch; infinity: never. */
  readonly expiresAt: number;
  /** Symbols whose ticks it may publish. */
  readonly publish: SymbolRule;
  /** Symbols whose statistics and anomalies it may read. */
  readonly read: SymbolRule;
  /** Whether it may read data of all tenants: metrics and server-wide statistics. */
  readonly isOperator: boolean;
  readonly limits: IdentityLimits;
}

export const ALL_SYMBOLS: SymbolRule = { isAll: true, patterns: ['*'], covers: () => true };
export const NO_SYMBOLS: SymbolRule = { isAll: false, patterns: [], covers: () => false };

/** A client that has not authenticated yet. */
export const UNAUTHENTICATED: Identity = {
  tenant: '',
  subject: '',
  tokenId: '',
  expiresAt: Number.POSITIVE_INFINITY,
  publish: NO_SYMBOLS,
  read: NO_SYMBOLS,
  isOperator: false,
  limits: {},
};

/** Every client of a server that requires no tokens. */
export const ANONYMOUS: Identity = {
  tenant: '',
  subject: 'anonymous',
  tokenId: '',
  expiresAt: Number.POSITIVE_INFINITY,
  publish: ALL_SYMBOLS,
  read: ALL_SYMBOLS,
  isOperator: true,
  limits: {},
};

/**
 * Builds a rule from symbols and patterns that passed `validatePattern`.
 *
 * `covers` costs one look-up for all exact symbols and one match per pattern with `*`: cache the
 * answer for symbols asked about often.
 */
export function symbolRule(patterns: readonly string[]): SymbolRule {
  if (patterns.length === 0) return NO_SYMBOLS;
  const distinct = [...new Set(patterns)];
  // Consecutive `*` match what a single one does.
  if (distinct.some((pattern) => /^\*+$/.test(pattern))) {
    return { ...ALL_SYMBOLS, patterns: distinct };
  }
  const exact = new Set(distinct.filter((pattern) => !isWildcard(pattern)));
  const matchers = distinct.filter(isWildcard).map(patternMatcher);
  return {
    isAll: false,
    patterns: distinct,
    covers: (symbol) => exact.has(symbol) || matchers.some((matches) => matches(symbol)),
  };
}
