/** Which symbols a permission covers. */
export interface SymbolRule {
  /** Whether it covers every symbol: then nobody has to ask for each. */
  readonly isAll: boolean;
  /** Symbols and patterns with `*`, as the token has them. */
  readonly patterns: readonly string[];
  /** Whether it covers a symbol, named as its tenant names it. */
  covers(symbol: string): boolean;
}

/** What a token allows beyond the limits of the configuration; a limit that is absent is that of the configuration. */
export interface IdentityLimits {
  /** WebSocket connections with this token at a time. */
  readonly connectionsMax?: number | undefined;
  /** Of one publisher. */
  readonly ticksPerSecond?: number | undefined;
  /** Of one session; see `limits.requestsPerSecond`. */
  readonly requestsPerSecond?: number | undefined;
}

/** Who a client is, and what it may do. Never changes: another token makes another identity. */
export interface Identity {
  /** Whose name space of symbols, publishers and history it works in; empty: the default tenant. */
  readonly tenant: string;
  /** Who, as the issuer names it; for logs. */
  readonly subject: string;
  /** Names the token without telling it: limits for each token and logs go by it. */
  readonly tokenId: string;
  /** When it ends, ms since the epoch; infinity: never. */
  readonly expiresAt: number;
  /** Symbols whose ticks it may publish. */
  readonly publish: SymbolRule;
  /** Symbols whose statistics and anomalies it may read. */
  readonly read: SymbolRule;
  /** Whether it may read what concerns all tenants: metrics and the statistics of the whole server. */
  readonly isOperator: boolean;
  readonly limits: IdentityLimits;
}

/** Of symbols, every one. */
export const ALL_SYMBOLS: SymbolRule = { isAll: true, patterns: ['*'], covers: () => true };

/** Of symbols, none. */
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
